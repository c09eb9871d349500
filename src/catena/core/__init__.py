"""The contract every part of Catena is written against: units, fields, models, chains, results."""
