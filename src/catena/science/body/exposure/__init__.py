"""Exposure: what a concentration-time profile says about how much drug the body saw."""
