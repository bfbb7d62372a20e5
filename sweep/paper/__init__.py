"""The published numbers as package data, and a run's numbers beside them."""

from sweep.paper.comparison import Quantity, Row, Tau, compare, outside, tau
from sweep.paper.tables import Published, published

__all__ = ["Published", "Quantity", "Row", "Tau", "compare", "outside", "published", "tau"]
