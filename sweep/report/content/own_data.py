"""Whether a page is about somebody's own images: then what is published of ImageNet is aside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sweep.metrics import TOP1
from sweep.paper.published import IMAGENET

if TYPE_CHECKING:
    import pandas as pd

PROXY = "photo-patches"


def on_own_data(points: pd.DataFrame) -> bool:
    """Whether the accuracies are of another data set than ImageNet or its proxy; False without."""
    if TOP1.name not in points:
        return False
    datasets = {str(each).casefold() for each in points.loc[points[TOP1.name].notna(), "dataset"]}
    return bool(datasets) and not datasets & {PROXY, IMAGENET.casefold()}
