"""Whole-body physiologically based pharmacokinetics (PBPK)."""
