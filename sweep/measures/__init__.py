"""One file per measure: something read off a network."""
