"""A network and a data set -> trained weights."""
