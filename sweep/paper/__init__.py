"""The published numbers as package data, and a run's numbers beside them."""

from sweep.paper.body import BodyRow, body
from sweep.paper.comparison import compare, outside
from sweep.paper.published import Published, published
from sweep.paper.ranking import Tau, tau
from sweep.paper.tolerance import Quantity, Row

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
