"""Example 1, find: which models are there for a question?"""

import catena as ct

found = ct.models("pharmacokinetics")
print(found)  # id, title, inputs and outputs, best match first

for entry in ct.models("exposure"):
    print(entry.id, entry.version, entry.scale, "validated:", entry.grade or "not yet")
