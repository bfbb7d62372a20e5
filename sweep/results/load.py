"""A results folder, read: one moment of it, whatever a run does to it meanwhile."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Callable, Container
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from sweep.host.files import opened_plain, why
from sweep.results.digests import text_digest
from sweep.results.journal import Journal
from sweep.results.parquet import (
    MISSING,
    UNREADABLE,
    DamagedError,
    Identity,
    chosen,
    first_line,
    identities,
    parsed,
)
from sweep.results.sessions import Bridged, bridges, withheld
from sweep.results.snapshot import (
    MACHINE,
    READINGS_FILE,
    RUN,
    SETTINGS,
    TABLES,
    TRAINING_FILE,
    Snapshot,
    damage_of,
    journal_expected,
    journal_of,
    json_of,
    merged,
    newest,
    snapshot,
    table_of,
)
from sweep.results.soundness import Machine, Run, StoredSettings, left_out, sound_curves, unsound
from sweep.types import Point, ResultsError

PAUSE_S = 0.1  # before a second look at what may have been half-written at the first
POINTS = "points.parquet"


@dataclass(frozen=True)
class Results:
    """A results folder in memory: the readings and curves of its last run's identities.

    damages: sentences about what could not be read, and is left out.
    earlier: (a point's key, a measure) that has readings under other settings or on other machines
    alone; those are kept in the table, and are not among `readings`.
    bridges: how latencies of other sessions than the main one stand to it.
    """

    path: Path
    settings: dict[str, Any]
    machine: dict[str, Any]
    run: dict[str, Any]
    readings: pd.DataFrame
    training: pd.DataFrame
    points: pd.DataFrame
    damages: tuple[str, ...] = ()
    earlier: frozenset[tuple[str, str]] = frozenset()
    bridges: tuple[Bridged, ...] = ()


def load(path: Path) -> Results:
    """Reads a results folder, also while a run writes to it. Raises ResultsError where it isn't
    one, or what can't be done without is damaged; what can be done without is in `damages`.

    `points` is empty where the run has not come so far; `sweep.results.points.derive` makes it.
    """
    results = _load(path)
    if results.damages:
        time.sleep(PAUSE_S)  # a run may have been about to put it right
        results = _load(path)
    return results


def _load(path: Path) -> Results:
    found = snapshot(path)
    if RUN not in found.contents:
        more = "; a run on it writes it anew, no reading is lost" if found.contents else ""
        raise ResultsError(f"{path}: not a results folder (it has no run.json{more})")
    run, wanted = run_of(found)
    damages: list[str] = []
    read = _journal(found, damages)
    readings, earlier = _rows(found, READINGS_FILE, read, run, wanted)
    try:
        training, _ = _rows(found, TRAINING_FILE, read, run, wanted)
    except DamagedError as error:
        damages.append(
            f"{error.path.name} can't be read: {error.reason}; curves of training are missing."
        )
        training = TABLES[TRAINING_FILE].empty_table()
    base = run.get("base_resolution")
    sound, sentences = left_out(path / READINGS_FILE, _with_rho(readings.to_pandas(), base))
    curves = _with_rho(training.to_pandas(), base)
    between = bridges(sound)
    return Results(
        path=path,
        settings=_settings(found, run, damages),
        machine=_machine(found, run, damages),
        run=run,
        readings=withheld(sound, between),
        training=curves.loc[sound_curves(curves)].reset_index(drop=True),
        points=_points(path, damages),
        damages=(*damages, *sentences),
        earlier=earlier,
        bridges=between,
    )


def _with_rho(rows: pd.DataFrame, base: int | None) -> pd.DataFrame:
    """rho as the last run has it: what does not depend on rho may have been read under another base
    resolution. As stored where run.json is of a version that tells no `base`.
    """
    return rows if base is None else rows.assign(rho=rows["resolution"] / base)


def run_of(found: Snapshot) -> tuple[dict[str, Any], dict[tuple[str, str], str]]:
    """run.json, and the hash that readings have now, by (a point's key, a measure). Raises
    DamagedError where it is damaged, or of a form that no run writes.
    """
    path = found.path / RUN
    run = json_of(found, RUN)
    wanted = _wanted(path, run)
    if reason := unsound(run, Run):
        raise DamagedError(path, reason)
    return run, wanted


def _wanted(path: Path, run: dict[str, Any]) -> dict[tuple[str, str], str]:
    """(a point's key, a measure) -> the hash that its readings have now. Raises DamagedError where
    run.json, at `path`, has not what it takes.
    """
    try:
        str.strip(run["machine_id"])
        found = {}
        for family, kind, alpha, resolution in run["points"]:
            key = Point(family, kind, float(alpha), 0.0, int(resolution)).key
            for measure, identity in run["measures"].items():
                of_point = identity.get("points", {}).get(key, identity["settings_hash"])
                found[key, measure] = str(of_point)
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError):
        raise DamagedError(path, "it does not say what the last run covers") from None
    return found


def _journal(found: Snapshot, damages: list[str]) -> Journal | None:
    read = journal_of(found)
    if read is None:
        if journal_expected(found):
            damages.append(
                "journal can't be read: it is missing; what was measured last is lost until it is "
                "measured again."
            )
        return None
    if read.damage or read.lost or read.generation is None:
        damages.append(
            f"journal can't be read: {damage_of(read)}; their readings are missing until they are "
            "measured again."
        )
    elif read.torn:
        damages.append(
            "journal can't be read to its end: a run was ended while it wrote a batch, or the file "
            "was cut. The same run command measures again what is missing."
        )
    return read


def _rows(
    found: Snapshot,
    name: str,
    read: Journal | None,
    run: dict[str, Any],
    wanted: dict[tuple[str, str], str],
) -> tuple[pa.Table, frozenset[tuple[str, str]]]:
    """The rows of the last run's identities: the hash that the run has for the point and measure,
    the same machine where it matters. And which points and measures have rows of others alone.
    """
    here = ("", run["machine_id"])
    shown, others = set(), set()

    def keep(identity: Identity) -> bool:
        key, measure, of, at = identity
        kept = wanted.get((key, measure)) == of and at in here
        (shown if kept else others).add((key, measure))
        return kept

    rows = _chosen(found, name, read, keep)
    return rows, frozenset(others - shown)


def _chosen(
    found: Snapshot, name: str, read: Journal | None, keep: Callable[[Identity], bool]
) -> pa.Table:
    """The rows of the identities that are to be kept."""
    file = table_of(found, name, read.generation if read else None)
    tables = [TABLES[name].empty_table()]
    if read and read.generation is not None and file and file.generation > read.generation + 1:
        read = None  # see `sweep.results.snapshot.tables_of`
    for table in merged(name, file.groups() if file else (), read, newest(read)):
        begins, rows = identities(table)
        tables.append(chosen(table, begins, list(map(keep, rows))))
    return pa.concat_tables(tables)


def readings_of(path: Path, wanted: Container[Identity]) -> pd.DataFrame:
    """The readings of some identities, whatever the last run covers. Raises ResultsError where they
    can't be read.
    """
    found = snapshot(path)
    rows = _chosen(found, READINGS_FILE, _journal(found, []), wanted.__contains__).to_pandas()
    return left_out(path / READINGS_FILE, rows)[0]


def _settings(found: Snapshot, run: dict[str, Any], damages: list[str]) -> dict[str, Any]:
    """The settings as run; none where they can't be read, which hides no reading."""
    try:
        settings = settings_of(found)
    except DamagedError as error:
        damages.append(f"settings.toml can't be read: {error.reason}; the next run writes it anew.")
        return {}
    if reason := settings_differ(found.contents[SETTINGS], run):
        damages.append(f"settings.toml can't be trusted: it {reason}; the next run writes it anew.")
    return settings


def settings_of(found: Snapshot) -> dict[str, Any]:
    """settings.toml as it stands. Raises DamagedError where it is missing or damaged."""
    path = found.path / SETTINGS
    text = found.contents.get(SETTINGS)
    if not text or not any(text):
        reason = MISSING if text is None else "it is all zeros" if text else "it is empty"
        raise DamagedError(path, reason)
    try:
        settings = tomllib.loads(text.decode())
    except (ValueError, RecursionError) as error:
        raise DamagedError(path, first_line(error)) from None
    if reason := unsound(settings, StoredSettings):
        raise DamagedError(path, reason)
    return settings


def settings_differ(text: bytes, run: dict[str, Any]) -> str:
    """Why these are not the settings of the last run; "" where they are, or nothing tells."""
    told = run.get("settings_sha256")
    if not isinstance(told, list) or not told or text_digest(text) == told[0]:
        return ""
    if text_digest(text) in told:
        return "is of the run before: the last one was ended while it began"
    return "was changed since the run wrote it"


def _machine(found: Snapshot, run: dict[str, Any], damages: list[str]) -> dict[str, Any]:
    """Facts of the machine of the last run, and those of the others as "earlier"; its id alone
    where they can't be read.
    """
    try:
        told = json_of(found, MACHINE, sealed="schema" in run)
        machines = machines_in(found.path / MACHINE, told)
    except DamagedError as error:
        damages.append(
            f"machine.json can't be read: {error.reason}; facts of the machine are missing."
        )
        machines = [{"id": run["machine_id"]}]
    here = [each for each in machines if each["id"] == run["machine_id"]] or machines[:1]
    others = [each for each in machines if each is not here[0]]
    return here[0] | ({"earlier": others} if others else {})


def machines_in(path: Path, told: dict[str, Any]) -> list[dict[str, Any]]:
    """The machines that machine.json, at `path`, tells of, that of the last run first. Raises
    DamagedError where it doesn't tell.
    """
    if reason := unsound(told, Machine):
        raise DamagedError(path, reason)
    earlier = told.get("earlier", [])
    latest = {key: told[key] for key in told if key != "earlier"}
    machines = [latest, *(earlier if isinstance(earlier, list) else [None])]
    if not all(isinstance(each, dict) and isinstance(each.get("id"), str) for each in machines):
        raise DamagedError(path, "it does not say which machines these are")
    return machines


def points_of(path: Path) -> tuple[pa.Table, int] | None:
    """The derived table as it lies in the folder, and of which generation of the others it is; None
    where there is none: nothing depends on it. Raises DamagedError.
    """
    try:
        with opened_plain(path / POINTS) as file:
            found = parsed(path / POINTS, file.read())
        return found.parquet.read(), found.generation
    except FileNotFoundError:
        return None
    except DamagedError:
        raise
    except UNREADABLE as error:
        reason = why(error) if isinstance(error, OSError) else first_line(error)
        raise DamagedError(path / POINTS, reason) from None


def _points(path: Path, damages: list[str]) -> pd.DataFrame:
    try:
        found = points_of(path)
        return found[0].to_pandas() if found else pd.DataFrame()
    except DamagedError as error:
        damages.append(
            f"{POINTS} can't be read: {error.reason}; report, or the next run, derives it anew."
        )
        return pd.DataFrame()
