"""The body shelf: physiology, distribution, clearance, whole-body kinetics and exposure."""
