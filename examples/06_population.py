"""Example 6, a population: 10,000 people with correlated kinetics, in a moment."""

import time

from one_compartment import oral

import catena as ct

spread = {"clearance": "lognormal(12 L/h, 30 %)", "volume": "lognormal(40 L, 20 %)"}
ct.population(oral, 10, seed=1, dose="uniform(90 mg, 110 mg)")  # compiles
start = time.perf_counter()
people = ct.population(oral, n=10_000, seed=1, given={"dose": "100 mg"},
                       correlation={("clearance", "volume"): 0.6}, **spread)  # fmt: skip
print(f"{people.size:,} people in {time.perf_counter() - start:.2f} s")
for name in ("auc", "cmin_steady"):
    found = people.summary["outputs"][name]
    print(f"{name:12} median {found['median']:.2f}, 5 to 95 % of people "
          f"{found['low']:.2f} to {found['high']:.2f} {people.units[name]}")  # fmt: skip
print(people.table().head(3).to_string(float_format="{:.2f}".format))
