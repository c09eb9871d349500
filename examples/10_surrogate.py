"""Example 10, surrogate: a model again, fast, with error bars and a domain."""

from one_compartment import oral

import catena as ct

over = {"dose": "50..200 mg", "clearance": "5..20 L/h", "volume": "20..80 L"}
made = ct.surrogate(oral, over, of="cmin_steady", budget=200, target_error=0.02, key=1)
print(made.summary["headline"])
print(made.table().to_string(float_format="{:.4g}".format))

fast = made.model
here = fast.predict(dose="120 mg", clearance="9 L/h", volume="50 L")
print(f"surrogate {here['cmin_steady'][0]:.4f} "
      f"({here.lower['cmin_steady'][0]:.4f} to {here.upper['cmin_steady'][0]:.4f}), "
      f"model {oral.predict(dose='120 mg', clearance='9 L/h', volume='50 L')['cmin_steady'][0]:.4f}")  # fmt: skip
far = fast.predict(dose="120 mg", clearance="40 L/h", volume="50 L")
print("in its domain:", bool(here.in_domain[0]), "and far away:", bool(far.in_domain[0]))
