"""Example 4, units as text: write quantities as you say them; results carry their units."""

import catena as ct
from catena.formats.compound import load_card

card = load_card("midazolam")
chain = ct.load("chain.oral_drug")
ports = {name: value for name, value in card.ports().items() if name in chain.inputs}
midazolam = chain.at(smiles=card.smiles, **ports, sex="female")

result = midazolam.predict(
    age="36 year", height="1.68 m", weight="63 kg", serum_creatinine="0.75 mg/dL",
    dose="7.5 mg", events=[{"time": "0 min", "amt": "7500 ug", "cmt": "oral"}], time="0:24:0.25 h",
)  # fmt: skip
print(f"Cmax {result['cmax'][0]:.4f} {result.units['cmax']}")
print(f"the same in ng/mL: {result.to('cmax', 'ng/mL')[0]:.1f}")

figure = result.plot("plasma")
print("axes:", figure.layout.xaxis.title.text, "|", figure.layout.yaxis.title.text)

try:
    midazolam.predict(weight="63 kgg")
except ct.CatenaError as error:  # what, where, why, fix
    print(error)
