"""Public tables of human drugs, read into the inputs of body.partition and body.clearance.

Two tables: :func:`measured` joins the drugs with in-vitro data (httk) to their human clearance and
Vss by name; :func:`computed` is the larger table that has lipophilicity computed from structure and
no pKa, blood ratio or in-vitro clearance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from catena.science.body.partition.conventions import NO_ACID, NO_BASE, PH_PLASMA
from catena.science.body.partition.ionisation import Groups

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ACID_BLOOD_RATIO", "DrugTable", "computed", "measured"]

Array = NDArray[np.float64]

ACID_BLOOD_RATIO = 0.55
"""Assumed B:P of acids without a measured one: kept out of red cells at hematocrit 0.45."""


class DrugTable(NamedTuple):
    """Drugs as columns, all of shape (n,).

    Attributes:
        name: drug names or structures.
        logp: log10 octanol:water.
        fu: unbound fraction in plasma.
        groups: ionisable groups.
        blood_ratio: blood:plasma ratio, measured or assumed.
        blood_ratio_measured: whether it was measured.
        vss: observed Vss [L/kg] (nan: none).
        clearance: observed human clearance from plasma [mL/min/kg] (nan: none).
        clint: clearance in hepatocytes [uL/min/1e6 cells] (nan: none).
    """

    name: NDArray[Any]
    logp: Array
    fu: Array
    groups: Groups
    blood_ratio: Array
    blood_ratio_measured: NDArray[np.bool_]
    vss: Array
    clearance: Array
    clint: Array

    def where(self, keep: NDArray[np.bool_]) -> DrugTable:
        """The drugs of a mask."""
        kept = {
            name: part[keep]
            for name, part in self._asdict().items()
            if not isinstance(part, Groups)
        }
        groups = Groups(*(np.asarray(pka)[keep] for pka in self.groups))
        return self._replace(groups=groups, **kept)


def _first(column: pd.Series) -> Array:
    """First number of cells that hold "median, low, high"."""
    import pandas as pd

    text = column.astype("string").str.split(",").str[0]
    return pd.to_numeric(text, errors="coerce").to_numpy(dtype=float, na_value=np.nan)


def _two(column: pd.Series, absent: float, *, highest_first: bool) -> tuple[Array, Array]:
    """The two pKas that ionise first, from cells that hold a list of them."""
    pairs = []
    for cell in column.fillna("").astype(str):
        listed = [float(part) for part in cell.replace(";", ",").split(",") if part.strip()]
        pairs.append([*sorted(listed, reverse=highest_first), absent, absent][:2])
    both = np.array(pairs)
    return both[:, 0], both[:, 1]


def measured() -> DrugTable:
    """Drugs with human Vss or clearance and in-vitro data, joined by lower-case name.

    Unbound fraction, B:P and hepatocyte clearance are measured; logP and pKa are httk's, mostly
    computed.  Sources: httk (Pearce 2017, doi:10.18637/jss.v079.i04) and the animal table of PKSmart.

    Raises:
        DataError: a table is not on this machine.
    """
    import pandas as pd

    from catena.formats.datasets import find

    chemicals = pd.read_csv(find("body/httk/chem_physical_invitro.csv.xz"), low_memory=False)
    people = pd.read_csv(find("body/ivive/Animal_PK_data.csv.gz"))
    chemicals["key"] = chemicals["Compound"].str.lower().str.strip()
    people["key"] = people["NAME"].str.lower().str.strip()
    table = people.merge(chemicals, on="key").drop_duplicates("key")
    acid, acid2 = _two(table["pKa_Donor"], NO_ACID, highest_first=False)
    base, base2 = _two(table["pKa_Accept"], NO_BASE, highest_first=True)
    ratio = _first(table["Human.Rblood2plasma"])
    assumed = np.where((acid < PH_PLASMA) & (base < PH_PLASMA), ACID_BLOOD_RATIO, 1.0)
    drugs = DrugTable(
        table["key"].to_numpy(),
        table["logP"].to_numpy(dtype=float),
        _first(table["Human.Funbound.plasma"]),
        Groups(acid, base, acid2, base2),
        np.where(np.isfinite(ratio), ratio, assumed),
        np.isfinite(ratio),
        table["human_VDss_L_kg"].to_numpy(dtype=float),
        table["human_CL_mL_min_kg"].to_numpy(dtype=float),
        _first(table["Human.Clint"]),
    )
    return drugs.where(np.isfinite(drugs.logp) & (drugs.fu > 0))


def _charges(smiles: str) -> tuple[int, int, int]:
    """Numbers of positive, negative and permanent positive charges, inner salts left out."""
    from rdkit import Chem

    molecule = Chem.MolFromSmiles(smiles)
    if molecule is None:
        return 0, 0, 1
    positive = negative = permanent = 0
    for atom in molecule.GetAtoms():
        sign = atom.GetFormalCharge()
        balanced = any(n.GetFormalCharge() * sign < 0 for n in atom.GetNeighbors())
        if sign == 0 or balanced:
            continue
        positive += sign > 0
        negative += sign < 0
        permanent += sign > 0 and atom.GetTotalNumHs() == 0
    return positive, negative, permanent


def computed() -> DrugTable:
    """The large human table: measured fu and Vss, lipophilicity computed, the rest inferred.

    One charged state is assumed, so logP - logD7.4 = log10(1 + 10^|pKa - 7.4|) gives the pKa; the
    sign comes from the charges in the SMILES (both signs: acid 4, base 9).  B:P is 0.55 for acids
    and 1 otherwise.  Left out: permanent charges, more than 1000 g/mol, logP outside -3 to 8.

    Raises:
        DataError: the table is not on this machine.
    """
    import pandas as pd

    from catena.formats.datasets import find

    table = pd.read_csv(find("body/ivive/Human_PK_data.csv.gz")).dropna(
        subset=["human_VDss_L_kg", "human_fup", "MoKa.LogP", "MoKa.LogD7.4"]
    )
    charges = np.array([_charges(smiles) for smiles in table["smiles_r"]])
    inside = (table["MW"] <= 1000) & table["MoKa.LogP"].between(-3, 8) & (charges[:, 2] == 0)
    keep = inside.to_numpy()
    table, charges = table[keep], charges[keep]
    logp, logd = (table[name].to_numpy(dtype=float) for name in ("MoKa.LogP", "MoKa.LogD7.4"))
    shift = np.log10(10.0 ** np.maximum(logp - logd, 0.01) - 1.0)
    positive, negative = charges[:, 0] > 0, charges[:, 1] > 0
    base = np.where(positive & negative, 9.0, np.where(positive, PH_PLASMA + shift, NO_BASE))
    acid = np.where(positive & negative, 4.0, np.where(negative, PH_PLASMA - shift, NO_ACID))
    none = np.full(len(table), np.nan)
    return DrugTable(
        table["smiles_r"].to_numpy(),
        logp,
        table["human_fup"].to_numpy(dtype=float),
        Groups(acid, base, np.full(len(table), NO_ACID), np.full(len(table), NO_BASE)),
        np.where(negative & ~positive, ACID_BLOOD_RATIO, 1.0),
        np.zeros(len(table), dtype=bool),
        table["human_VDss_L_kg"].to_numpy(dtype=float),
        table["human_CL_mL_min_kg"].to_numpy(dtype=float),
        none,
    )
