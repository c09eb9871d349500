"""Small networks for smooth functions: ensembles of perceptrons and operator networks."""
