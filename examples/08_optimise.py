"""Example 8, optimise: a dosing regimen that keeps the trough up and the peak down."""

from one_compartment import oral

import catena as ct

over = {"dose": "10..400 mg", "interval": "6..24 h"}
one = ct.optimise(oral, over, minimise="cmax_steady", subject_to=["cmin_steady >= 1 mg/L"], key=1)
print(one.table().to_string(float_format="{:.3g}".format))
print(one.summary["headline"])

front = ct.optimise(oral, over, maximise="cmin_steady", minimise="cmax_steady", budget=2000, key=1)
print(f"{front.size} regimens of the Pareto front, from")
print(front.table().iloc[[0, -1]].to_string(float_format="{:.3g}".format))

# Not knowing the patient's clearance: the limit holds with 90 % probability.
safe = ct.optimise(oral, over, minimise="cmax_steady", subject_to=["cmin_steady >= 1 mg/L"],
                   uncertain={"clearance": "lognormal(12 L/h, 30 %)"}, probability=0.9, key=1)  # fmt: skip
print("robust:", safe.summary["headline"])

try:
    ct.optimise(oral, over, minimise="cmax_steady",
                subject_to=["cmin_steady >= 2.5 mg/L", "cmax_steady <= 2 mg/L"], key=1)  # fmt: skip
except ct.CatenaError as error:
    print(type(error).__name__, error.what, error.details.get("conflicts"))
