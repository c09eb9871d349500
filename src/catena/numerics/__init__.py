"""Numerical methods that more than one shelf needs."""
