"""CellML files written for the tests."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from catena.core.jaxconfig import enable_x64

enable_x64()
sys.path.insert(0, str(Path(__file__).parent))
SPACE = "http://www.cellml.org/cellml/{}#"


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a CellML file around a body; returns its path."""

    def make(body: str, version: str = "1.0") -> Path:
        space = SPACE.format(version)
        path = tmp_path / "model.cellml"
        path.write_text(
            f'<model name="small" xmlns="{space}" xmlns:cellml="{space}">\n{body}\n</model>',
            encoding="utf-8",
        )
        return path

    return make


@pytest.fixture
def equation(write: Callable[..., Path]) -> Callable[[str], Path]:
    """Write dy/dt = <MathML>, y(0) = 0.5, with constants a = 2, b = -3 and z = 0."""

    def make(mathml: str) -> Path:
        return write(f"""
<component name="c">
  <variable name="time" units="second"/>
  <variable name="y" units="dimensionless" initial_value="0.5"/>
  <variable name="a" units="dimensionless" initial_value="2"/>
  <variable name="b" units="dimensionless" initial_value="-3"/>
  <variable name="z" units="dimensionless" initial_value="0"/>
  <math xmlns="http://www.w3.org/1998/Math/MathML">
    <apply><eq/><apply><diff/><bvar><ci>time</ci></bvar><ci>y</ci></apply>
    {mathml}
    </apply>
  </math>
</component>""")

    return make
