"""Example 3, load and look: ports with units and bounds, what the model says, where it is from."""

import catena as ct

pk = ct.load("body.pbpk")
print(pk.info.title)
print(pk.info.doc)
print("sources:", pk.info.citation)

print("inputs a caller must give:")
for field in pk.inputs:
    if field.required:
        print(f"  {field.label:32} {field.doc}")

print("outputs:")
for field in pk.outputs:
    print(f"  {field.label:32} {field.doc}")
