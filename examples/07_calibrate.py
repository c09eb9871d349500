"""Example 7, calibrate: from concentrations to parameters, their intervals and what is not known.

The data are made here (a virtual subject, 10 % noise, one sample below the limit of
quantification), so the true values are known: ka 1.4 1/h, clearance 9 L/h, volume 32 L.
"""

import numpy as np
from one_compartment import oral

import catena as ct

times = np.array([0.5, 1, 2, 3, 4, 6, 8, 12, 16, 24.0])
true = oral.predict(dose="100 mg", ka=1.4, clearance=9, volume=32, t=times)["conc"]
seen = true * (1 + 0.1 * np.random.default_rng(3).normal(size=len(times)))
data = {"t": times, "conc": [f"{c:.4f}" if c > 0.05 else "<0.05" for c in seen]}

free = {"ka": "log 0.1..5 1/h", "clearance": "log 1..60 L/h", "volume": "log 10..200 L"}
fit = ct.calibrate(oral, data, free, noise="proportional", given={"dose": "100 mg"}, key=1)
print(fit.summary["headline"])
print(fit.table().to_string(float_format="{:.3g}".format))

# A fit is a model again: the next dose for this subject.
print("after 200 mg, at 12 h:", fit.model.predict(dose="200 mg", t="12 h")["conc"].round(2), "mg/L")

# One sample per dose cannot tell clearance from volume, and the answer says so.
poor = ct.calibrate(oral, {"t": [4.0, 4.0], "conc": [1.20, 1.31]}, {"clearance": None, "volume": None},
                    noise="proportional(10 %)", given={"dose": "100 mg", "ka": 1.4}, key=1)  # fmt: skip
print("identifiable:", poor.summary["identifiable"])
for text in poor.summary["combinations"]:
    print(" ", text)
print("  what would tell:", poor.summary["proposal"])
