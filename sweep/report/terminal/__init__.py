"""A View as tables of a terminal, and as plain data for --json."""
