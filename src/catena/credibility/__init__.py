"""Recomputes what models claim about their accuracy and shows it where people look."""
