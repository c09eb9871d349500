"""Timings of Catena, against a named peer where there is one; ``make bench`` runs them all."""
