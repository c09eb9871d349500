"""In-vitro kinetics to whole-organ clearance of liver, gut wall and kidney (body.clearance)."""
