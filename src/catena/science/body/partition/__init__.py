"""Tissue partition: five methods (body.partition) and the volume of distribution (body.vss)."""
