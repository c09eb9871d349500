"""Example 13, a lab campaign: ask, measure, record; the state is one JSON file."""

import numpy as np

import catena as ct


def measure(t, feed, medium):
    """Stand for the lab: the model of nobody, with 3 % noise."""
    best = {"A": 3.0, "B": 4.2, "C": 3.6}[medium]
    return best * np.exp(-(((t - 34) / 4) ** 2) - ((feed - 6) / 5) ** 2) * (1 + 0.03 * lab.normal())


lab = np.random.default_rng(7)
space = {"temperature": "28..38 degC", "feed": "0..10 g/L", "medium": ["A", "B", "C"]}
camp = ct.campaign(space, {"titre": "maximise g/L"}, path="campaign.json", budget=24, key=5)

for batch in range(4):
    asked = camp.suggest(6)
    rows = zip(asked["temperature"], asked["feed"], asked["medium"], strict=True)
    results = {
        "experiment": list(asked["experiment"]),
        "titre [g/L]": [measure(*row) for row in rows],
    }
    if batch == 1:  # one result comes late, and a file is read twice
        late = {name: column[:1] for name, column in results.items()}
        camp.record({name: column[1:] for name, column in results.items()})
        camp.record({name: column[1:] for name, column in results.items()})
    else:
        camp.record(results)
print(camp.record(late))

camp = ct.campaign(space, "titre", path="campaign.json")  # another day: taken up where it was
report = camp.report()
print(report.summary["headline"])
print(report.parts["best"].table().to_string(float_format="{:.2f}".format))
