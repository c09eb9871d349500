"""PEtab problems as calibrations: experiments, data and parameter table come from their files."""
