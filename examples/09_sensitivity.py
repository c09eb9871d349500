"""Example 9, sensitivity: which input carries the variance, with intervals; then along a chain."""

from one_compartment import oral

import catena as ct

over = {"ka": "lognormal(1 1/h, 40 %)", "clearance": "lognormal(12 L/h, 30 %)",
        "volume": "lognormal(40 L, 20 %)"}  # fmt: skip
found = ct.sensitivity(oral, of=["auc", "cmin_steady"], over=over, n=2048, key=1)
print(found.table().to_string(float_format="{:.3f}".format))
print(found.summary["headline"])

effect = ct.model(
    id="example.effect",
    inputs="exposure [mg*h/L] >= 0, ec50 [mg*h/L] > 0 = 8",
    outputs="response",
)(lambda exposure, ec50: {"response": exposure / (exposure + ec50)})
chain = ct.chain(pk=oral, pd=effect, edges=["pk.auc -> pd.exposure"])
along = ct.sensitivity(chain, of="pd.response", over={"clearance": over["clearance"],
                                                   "ec50": "lognormal(8 mg*h/L, 50 %)"}, n=1024, key=1)  # fmt: skip
print(along.table().to_string(float_format="{:.3f}".format))
print(along.parts["links"].table().to_string(float_format="{:.3f}".format))
