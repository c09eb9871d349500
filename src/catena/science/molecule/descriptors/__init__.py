"""Standardised structure, descriptors and ionisation class of small molecules.

``molecule.descriptors`` is the model; ``standardise`` the structure part on its own.
"""

from catena.science.molecule.descriptors.model import descriptors
from catena.science.molecule.descriptors.standardise import Parent, standardise

__all__ = ["Parent", "descriptors", "standardise"]
