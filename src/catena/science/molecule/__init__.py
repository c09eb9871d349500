"""Small molecules: structure, properties and what follows from them."""
