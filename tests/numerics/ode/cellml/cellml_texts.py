"""CellML for the tests, as text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

Writer = Callable[..., Path]

#: First-order loss in a second-based clock, with inflow whose rate is kept per millisecond.
DECAY = """
<units name="ms"><unit prefix="milli" units="second"/></units>
<units name="mM"><unit prefix="milli" units="mole"/><unit units="litre" exponent="-1"/></units>
<units name="uM"><unit prefix="micro" units="mole"/><unit units="litre" exponent="-1"/></units>
<units name="per_ms"><unit units="ms" exponent="-1"/></units>
<component name="environment">
  <variable name="time" units="second" public_interface="out"/>
</component>
<component name="cell">
  <variable name="t" units="ms" public_interface="in"/>
  <variable name="x" units="mM" initial_value="x0" public_interface="out"/>
  <variable name="x0" units="mM" initial_value="2"/>
  <variable name="k" units="per_ms" initial_value="0.001"/>
  <variable name="twice" units="per_ms"/>
  <math xmlns="http://www.w3.org/1998/Math/MathML">
    <apply><eq/>
      <apply><diff/><bvar><ci>t</ci></bvar><ci>x</ci></apply>
      <apply><minus/><apply><times/><ci>twice</ci><ci>x</ci></apply></apply>
    </apply>
    <apply><eq/><ci>twice</ci>
      <apply><times/><cn cellml:units="dimensionless">2</cn><ci>k</ci></apply></apply>
  </math>
</component>
<component name="probe">
  <variable name="x" units="uM" public_interface="in"/>
  <variable name="shown" units="uM"/>
  <math xmlns="http://www.w3.org/1998/Math/MathML">
    <apply><eq/><ci>shown</ci><apply><plus/><ci>x</ci>
      <cn cellml:units="uM" type="e-notation">1<sep/>2</cn></apply></apply>
  </math>
</component>
<connection><map_components component_1="environment" component_2="cell"/>
  <map_variables variable_1="time" variable_2="t"/></connection>
<connection><map_components component_1="cell" component_2="probe"/>
  <map_variables variable_1="x" variable_2="x"/></connection>
"""
