"""Named steps from one dimension to another: molar mass, body size, dose per weight, liver."""
