"""What `show` answers to --csv: SI units, shares 0..1, empty where there is nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sweep.results.points import tidy
from sweep.types import NUMBERED

if TYPE_CHECKING:
    import pandas as pd

    from sweep.results.load import Results


def points(results: Results) -> pd.DataFrame:
    """The columns of points.parquet."""
    return tidy(results)


def readings(results: Results) -> pd.DataFrame:
    """Those of readings.parquet, of what the last run covers."""
    table = results.readings.astype(dict.fromkeys(NUMBERED, "Int64"))
    lists = {name: table[name].map(lambda each: json.dumps(list(each))) for name in LISTS}
    return table.assign(**lists)


LISTS = ("samples", "artefacts")
