"""Gaussian processes in double precision: own likelihood, gradients and leave-one-out errors."""
