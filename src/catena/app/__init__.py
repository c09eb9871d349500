"""What people and machines touch: the command line and, above the same engine, services."""
