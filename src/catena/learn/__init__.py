"""What learns from rows: Gaussian processes, networks, reduced bases, intervals, domains.

Everything here works on plain arrays; ``ops`` couples it to Models. Predictions are written once and
run in NumPy or traced in JAX, so fitted things have exact derivatives. Nothing is pickled: a fitted
thing is its ``arrays()`` and its ``facts()``.
"""
