"""The only reader and writer of results/<name>/.

    settings.toml      the settings as run
    machine.json       facts of the machine that ran it last (and of earlier ones)
    run.json           identity of each measure as last run, commit, time, command
    readings.parquet   long: one row per point x metric x variant, raw samples; the truth
    training.parquet   loss and accuracy over steps
    points.parquet     wide: one tidy row per point, derived from the readings

Every file is replaced whole, through a temporary beside it, so that a reader sees the old one or
the new one and never a part. Readings of older settings or other machines stay beside the new
ones; `load` hands out only those of the last run's identities.
"""

from __future__ import annotations

import json
import os
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import tomli_w

from sweep.schema import READINGS, SCHEMA_VERSION, TRAINING, Stamp, curve_row, reading_row
from sweep.types import CurvePoint, Point, Reading, ResultsError


@dataclass(frozen=True)
class Results:
    """A results folder in memory: the readings and curves of its last run's identities."""

    path: Path
    settings: dict[str, Any]
    machine: dict[str, Any]
    run: dict[str, Any]
    readings: pd.DataFrame
    training: pd.DataFrame
    points: pd.DataFrame


class Store:
    """Writer of one results folder. Makes the folder when it first writes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._readings = _read_table(path / "readings.parquet", READINGS)
        self._training = _read_table(path / "training.parquet", TRAINING)

    def finished(self) -> set[tuple[str, str, str, str]]:
        """(point key, measure, settings hash, machine id) of every batch that did not fail."""
        table = self._readings.filter(~pc.field("failed"))
        columns = [
            "family",
            "kind",
            "alpha",
            "resolution",
            "measure",
            "settings_hash",
            "machine_id",
        ]
        rows = table.select(columns).group_by(columns).aggregate([]).to_pylist()
        return {
            (
                Point(row["family"], row["kind"], row["alpha"], 0.0, row["resolution"]).key,
                row["measure"],
                row["settings_hash"],
                row["machine_id"],
            )
            for row in rows
        }

    def add(
        self,
        measure: str,
        items: Sequence[Reading | CurvePoint],
        stamp: Stamp,
        *,
        failed: bool = False,
    ) -> None:
        """Puts a batch on disk, whole, in place of an earlier one of the same point, measure and
        stamp identity.
        """
        readings = [item for item in items if isinstance(item, Reading)]
        curve = [item for item in items if isinstance(item, CurvePoint)]
        points = {item.point for item in items}
        new = pa.Table.from_pylist(
            [reading_row(item, measure, stamp, failed) for item in readings], READINGS
        )
        kept = _without(self._readings, points, measure, stamp)
        self._readings = pa.concat_tables([kept, new])
        self._write_table("readings.parquet", self._readings)
        rows = pa.Table.from_pylist([curve_row(item, measure, stamp) for item in curve], TRAINING)
        kept_curve = _without(self._training, points, measure, stamp)
        if rows.num_rows or kept_curve.num_rows != self._training.num_rows:
            self._training = pa.concat_tables([kept_curve, rows])
            self._write_table("training.parquet", self._training)

    def write_run(
        self, settings: dict[str, Any], machine: dict[str, Any], run: dict[str, Any]
    ) -> None:
        """Settings as run, the machine, and run.json; an earlier, different machine is kept."""
        known = (
            _read_json(self.path / "machine.json") if (self.path / "machine.json").exists() else {}
        )
        earlier = [each for each in known.pop("earlier", []) if each["id"] != machine["id"]]
        if known and known["id"] != machine["id"]:
            earlier.append(known)
        self._replace("settings.toml", lambda file: tomli_w.dump(_without_nones(settings), file))
        self._write_json("machine.json", machine | ({"earlier": earlier} if earlier else {}))
        self._write_json("run.json", run)
        for name, table in (
            ("readings.parquet", self._readings),
            ("training.parquet", self._training),
        ):
            if not (self.path / name).exists():
                self._write_table(name, table)

    def write_points(self, points: pd.DataFrame) -> None:
        """The wide table, for pandas users."""
        self._write_table("points.parquet", pa.Table.from_pandas(points, preserve_index=False))

    def _write_json(self, name: str, data: dict[str, Any]) -> None:
        text = json.dumps(data, indent=2, sort_keys=True) + "\n"
        self._replace(name, lambda file: file.write(text.encode()))

    def _write_table(self, name: str, table: pa.Table) -> None:
        self._replace(name, lambda file: pq.write_table(table, file, compression="zstd"))

    def _replace(self, name: str, write: Callable[[IO[bytes]], object]) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        replace_file(self.path / name, write)


def replace_file(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Writes `path` through a temporary beside it: readers see the old file or the new one."""
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def load(path: Path) -> Results:
    """Reads a results folder. Raises ResultsError where it isn't one or a file is damaged.

    `points` is empty where the run has not come so far; `sweep.points.derive` makes it.
    """
    if not (path / "run.json").exists():
        raise ResultsError(f"{path}: not a results folder (it has no run.json)")
    run = _read_json(path / "run.json")
    try:
        settings = tomllib.loads((path / "settings.toml").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ResultsError(f"{path / 'settings.toml'}: can't be read: {error}") from None
    points = path / "points.parquet"
    return Results(
        path=path,
        settings=settings,
        machine=_read_json(path / "machine.json"),
        run=run,
        readings=_current(_read_table(path / "readings.parquet", READINGS), run),
        training=_current(_read_table(path / "training.parquet", TRAINING), run),
        points=_parquet(points).to_pandas() if points.exists() else pd.DataFrame(),
    )


def _current(table: pa.Table, run: dict[str, Any]) -> pd.DataFrame:
    """Rows of the last run's identities: the hash that the run has for the point and measure, the
    same machine where it matters.
    """
    frame = table.to_pandas()
    wanted = {}  # (the point, measure) -> the hash that its readings have now
    for family, kind, alpha, resolution in run["points"]:
        key = Point(family, kind, alpha, 0.0, resolution).key
        for measure, identity in run["measures"].items():
            of_point = identity.get("points", {}).get(key, identity["settings_hash"])
            wanted[family, kind, alpha, resolution, measure] = of_point
    columns = ["family", "kind", "alpha", "resolution", "measure"]
    keys = frame[columns].itertuples(index=False, name=None)
    now = pd.Series([wanted.get(key) for key in keys], index=frame.index, dtype=object)
    keep = now.notna() & (now == frame["settings_hash"].astype(object))
    keep &= frame["machine_id"].isin(("", run["machine_id"]))
    return frame[keep].reset_index(drop=True)


def _without(table: pa.Table, points: Iterable[Point], measure: str, stamp: Stamp) -> pa.Table:
    """The table less the rows that a new batch replaces."""
    batch = (
        (pc.field("measure") == measure)
        & (pc.field("settings_hash") == stamp.settings_hash)
        & (pc.field("machine_id") == stamp.machine_id)
    )
    for point in points:
        same = (
            (pc.field("family") == point.family)
            & (pc.field("kind") == point.kind)
            & (pc.field("alpha") == point.alpha)
            & (pc.field("resolution") == point.resolution)
        )
        table = table.filter(~(batch & same))
    return table


def _read_table(path: Path, schema: pa.Schema) -> pa.Table:
    """The table at `path`, or an empty one where there is none yet."""
    if not path.exists():
        return schema.empty_table()
    table = _parquet(path)
    if table.schema != schema:
        raise ResultsError(f"{path}: its columns are not those of schema {SCHEMA_VERSION}")
    return table


def _parquet(path: Path) -> pa.Table:
    try:
        return pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise ResultsError(f"{path}: can't be read: {error}") from None


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ResultsError(f"{path}: can't be read: {error}") from None


def _without_nones(value: Any) -> Any:
    """TOML has no null: a setting left at None is left out."""
    if isinstance(value, dict):
        return {key: _without_nones(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_without_nones(each) for each in value]
    return value
