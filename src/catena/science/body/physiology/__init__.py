"""Adult human physiology: one person from covariates, and virtual adults."""
