"""One file per runtime: what executes a deployed network out of a file."""
