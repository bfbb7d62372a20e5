"""The published numbers as package data, and a run's numbers beside them."""

from sweep.paper.body import BodyRow, body
from sweep.paper.comparison import compare, outside
from sweep.paper.ranking import Tau, tau
from sweep.paper.rows import Quantity, Row
from sweep.paper.tables import Published, published

__all__ = [
    "BodyRow",
    "Published",
    "Quantity",
    "Row",
    "Tau",
    "body",
    "compare",
    "outside",
    "published",
    "tau",
]
