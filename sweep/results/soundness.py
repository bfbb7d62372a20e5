"""Whether what a results folder holds can be what a run wrote: a folder may be from somebody else.

A wrong form of the file that says what the folder is of (`run.json`) is an error. A row that no
measure of ours can have written is left out and told, so that one broken reading takes no other
with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
)

from sweep.metrics import BUILT_IN, written
from sweep.settings import toml_data
from sweep.settings.toml_data import joined, short
from sweep.types import Better, Form, SettingsError

LONGEST = 1 << 16  # characters of a text in JSON, such as a command
MOST_ROWS = 20_000_000  # of a table: a grid of 10,000 points has less than one million
MOST_UNPACKED = 1 << 32  # bytes of a table
MOST_SAMPLES = 1_000_000  # behind one reading, which may be one for each test image
MOST_DRAWN = 1e30
EXACT = 2**53  # up to here a float64 holds every whole number
# Of our own metrics: what a measure from outside may give is its own business.
_WHOLE = written(BUILT_IN.values(), Form.COUNT, Form.BYTES, Form.PIXELS)
_SHARES = written(BUILT_IN.values(), Form.SHARE)
_TIMES = written(BUILT_IN.values(), Form.SECONDS)

_Number = StrictInt | Annotated[StrictFloat, Field(allow_inf_nan=False)]


class _Known(BaseModel):
    """What is used of a file; more may stand there."""

    model_config = ConfigDict(extra="allow", frozen=True)


class _Identity(_Known):
    settings_hash: StrictStr
    points: dict[StrictStr, StrictStr | list[StrictStr]] = {}


class Machine(_Known):
    """Facts of a machine, in run.json; machine.json of earlier versions, with `earlier` ones."""

    id: StrictStr = ""
    platform: StrictStr = ""
    device: StrictStr = ""
    memory_bytes: Annotated[StrictInt, Field(ge=0)] = 0
    earlier: list[dict[StrictStr, Any]] = []


class _Accuracy(_Known):
    source: StrictStr = ""
    title: StrictStr = ""
    max_steps: StrictInt = 0


class StoredSettings(_Known):
    """Settings as run, of this version or another."""

    name: StrictStr = ""
    grid: dict[StrictStr, Any] = {}
    accuracy: _Accuracy = _Accuracy()


class Kept(_Known):
    """What of run.json outlives a run."""

    version: StrictInt = Field(1, alias="schema")
    table: list[StrictStr | None] = []
    machines: list[Machine] = []

    @classmethod
    def names(cls) -> set[str]:
        """Of the fields, as they are stored."""
        return {field.alias or name for name, field in cls.model_fields.items()}


class Run(Kept):
    """run.json."""

    machine_id: StrictStr
    devices: dict[StrictStr, StrictStr] = {}
    points: list[tuple[StrictStr, StrictStr, _Number, StrictInt]]
    base_resolution: Annotated[StrictInt, Field(ge=1)] | None = None  # earlier versions had none
    measures: dict[StrictStr, _Identity]
    commit: StrictStr = ""
    stage_s: dict[StrictStr, _Number] = {}
    settings: StoredSettings = StoredSettings()


def unsound(data: dict[str, Any], form: type[_Known]) -> str:
    """Why `data` can't be used as what `form` says, in a few words; "" where it can."""
    try:
        toml_data.check(data, source="", longest=LONGEST)
        form.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ""
        for part in first["loc"]:
            place = joined(place, part)
        return f"{short(place)}: {first['msg'][:1].lower()}{first['msg'][1:]}"
    except SettingsError as error:
        return str(error).removesuffix("  ()")
    return ""


def too_large(metadata: pq.FileMetaData) -> str:
    """Why a table is not unpacked, by what its footer says; "" where it is."""
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    rows = max(metadata.num_rows, sum(group.num_rows for group in groups))
    unpacked = sum(group.total_byte_size for group in groups)
    if rows > MOST_ROWS or unpacked > MOST_UNPACKED:
        return f"it says it has {rows:,} rows and {unpacked:,} bytes: more is unpacked than is read"
    return ""


def left_out(path: Path, readings: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """(the readings that can be, a sentence for each kind of the others). `path` is their file."""
    kept, sentences = np.ones(len(readings), bool), []
    metrics = readings["metric"].tolist()
    for wrong, why in _wrong(readings):
        if len(rows := np.flatnonzero(wrong & kept)):
            of = short(str(metrics[rows[0]]))
            sentences.append(f"{path.name}: {len(rows)} readings are left out: {why} ({of}).")
        kept &= ~wrong
    return readings.loc[kept].reset_index(drop=True), sentences


def contradicts(values: Any, reasons: Any) -> Any:
    """Which readings have neither a value nor a reason, or both: bool[N]."""
    return np.isnan(values) == (reasons == "")


def sound_points(table: pd.DataFrame) -> Any:
    """Which rows are of a network that can be: bool[N]."""
    alpha, rho = table["alpha"].to_numpy(np.float64), table["rho"].to_numpy(np.float64)
    side = table["resolution"].to_numpy(np.int64)
    # Above these no count of a network is exact any more.
    return (alpha > 0) & (alpha <= 1e3) & (rho > 0) & (rho <= 1e6) & (side >= 1) & (side <= 10**6)


def sound_curves(table: pd.DataFrame) -> Any:
    """Which rows of a training can be drawn: bool[N]."""
    drawn = table[["epoch", "loss", "accuracy", "learning_rate", "seconds"]].to_numpy(np.float64)
    within = ~(np.abs(drawn) > MOST_DRAWN).any(axis=1)  # NaN is what a training that failed has
    return sound_points(table) & within & (table["step"].to_numpy(np.int64) >= 0)


def _wrong(readings: pd.DataFrame) -> Iterator[tuple[Any, str]]:
    """(which rows, why) of each thing that can't be."""
    metric, value = readings["metric"], readings["value"].to_numpy(np.float64)
    there = ~np.isnan(value)
    counted = metric.isin(_WHOLE).to_numpy() & there
    whole = np.where(there & (np.abs(value) <= EXACT), value, -1)
    yield ~sound_points(readings), "of no network that can be"
    yield contradicts(value, readings["reason"].to_numpy()), "neither a value nor a reason, or both"
    yield ~readings["better"].isin([each.value for each in Better]).to_numpy(), "no direction"
    yield ~readings["form"].isin([each.value for each in Form]).to_numpy(), "no form"
    for name in ("batch", "threads"):
        yield readings[name].to_numpy("float64", na_value=np.nan) < 1, f"no {name} from 1"
    yield counted & ((whole < 0) | (whole != np.floor(whole))), "no whole number from 0"
    yield metric.isin(_SHARES).to_numpy() & there & ~((value >= 0) & (value <= 1)), "no share"
    times = metric.isin(_TIMES).to_numpy()
    yield times & there & ~((value > 0) & (value < np.inf)), "no time above 0"
    unsound = np.zeros(len(readings), bool)
    for row, samples in enumerate(readings["samples"]):
        if samples is None or len(samples):  # most have none
            unsound[row] = not _sound_samples(samples, is_time=bool(times[row]))
    yield unsound, "samples that are no numbers"


def _sound_samples(samples: Any, *, is_time: bool) -> bool:
    if samples is None or len(samples) > MOST_SAMPLES:
        return False
    numbers = np.asarray(samples, np.float64)  # a null among them comes as NaN
    within = (numbers > 0) & (numbers < np.inf) if is_time else ~np.isnan(numbers)
    return bool(within.all())
