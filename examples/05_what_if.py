"""Example 5, what if: a variant of a model for a few lines; the original never changes."""

import catena as ct

adult = ct.load("body.physiology").at(
    sex="male", age=40, height="178 cm", weight="78 kg", serum_creatinine="0.9 mg/dL"
)

with adult.at(weight="120 kg") as heavy, adult.at(serum_creatinine="2.5 mg/dL") as renal:
    for name, person in {"as is": adult, "120 kg": heavy, "creatinine 2.5": renal}.items():
        found = person.predict()
        print(
            f"{name:15} cardiac output {found['cardiac_output'][0]:6.1f} {found.units['cardiac_output']}, "
            f"GFR {found.to('gfr', 'mL/min')[0]:5.1f} mL/min"
        )
