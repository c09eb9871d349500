"""Dose finding: which dose brings most people into the exposure window, and how sure that is."""
