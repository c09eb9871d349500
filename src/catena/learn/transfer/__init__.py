"""From one domain to another: is there a shift, and what can be shared across it."""
