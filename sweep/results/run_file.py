"""run.json: what the last run covers, its settings as run, the machines, and which table is whole.

settings, machines       as run; the machine of the last run first
machine_id, points,      the identities that the last run covers
measures
devices                  machine ids by the names of the kinds of machine that latencies are of
table                    SHA-256 of readings.parquet, null for none: while parts are merged
                         into it, before and after; either is whole
anew                     an earlier version's folder is being written anew: its files may go
finished                 when the run came to its end
schema, sha256           of the columns; of all the rest here
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sweep.host.files import in_words, replace_file
from sweep.results.digests import data_digest
from sweep.results.parquet import CHANGED, MISSING, DamagedError
from sweep.results.schema import SCHEMA_VERSION
from sweep.results.soundness import Kept, Run, unsound
from sweep.types import Point, ResultsError

RUN = "run.json"


def json_object(path: Path, text: bytes | None, *, sealed: bool = False) -> dict[str, Any]:
    """A JSON object without its own digest; `sealed` where it must have one. Raises DamagedError
    where it is missing or damaged.
    """
    data = parsed(path, text)
    told = data.pop("sha256", None)
    if told is not None and told != data_digest(data):
        raise DamagedError(path, CHANGED)
    if told is None and (sealed or "schema" in data):
        raise DamagedError(path, "its checksum is gone")
    return data


def parsed(path: Path, text: bytes | None) -> dict[str, Any]:
    """A JSON object as it stands. Raises DamagedError where it is missing or no such."""
    if text is None:
        raise DamagedError(path, MISSING)
    if not any(text):
        raise DamagedError(path, "it is all zeros" if text else "it is empty")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DamagedError(path, str(error)) from None
    if not isinstance(data, dict):
        raise DamagedError(path, "it is no JSON object")
    return data


def read(path: Path, text: bytes | None, form: type[Kept] = Run) -> dict[str, Any]:
    """Raises DamagedError where it is missing, damaged, or of another form, and ResultsError where
    a newer version wrote it. A writer, which replaces the rest, asks for what is `Kept` alone.
    """
    run = json_object(path, text)
    version = run.get("schema", 1)
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise ResultsError(f"{path}: was written by a newer version (schema {version})")
    if form is Run:
        wanted(path, run)
        reason = unsound(run, form)
    else:
        reason = unsound({name: run[name] for name in form.names() if name in run}, form)
    if reason:
        raise DamagedError(path, reason)
    return run


def checked(folder: Path, run: dict[str, Any]) -> dict[str, Any]:
    """The same. Raises ResultsError for what could be written, but not be read again: at a run's
    beginning, not once hours of measuring are behind it.
    """
    if reason := unsound(run, Run):
        raise ResultsError(f"{folder / RUN}: could not be read again: {reason}")
    return run


def write(folder: Path, run: dict[str, Any]) -> None:
    """Raises WriteError where it can't be."""
    run = run | {"schema": SCHEMA_VERSION}
    text = in_words(run | {"sha256": data_digest(run)})
    replace_file(folder / RUN, lambda file: file.write(text))


def wanted(path: Path, run: dict[str, Any]) -> dict[tuple[str, str], set[str]]:
    """(a point's key, a measure) -> the hashes that its readings have now, one for each replicate.
    Raises DamagedError where run.json, at `path`, has not what it takes.
    """
    hashes = {}
    try:
        str.strip(run["machine_id"])
        for family, kind, alpha, resolution in run["points"]:
            key = Point(family, kind, float(alpha), 0.0, int(resolution)).key
            for measure, identity in run["measures"].items():
                of_point = identity.get("points", {}).get(key, identity["settings_hash"])
                # Of schema 3 and before, one hash.
                hashes[key, measure] = {of_point} if isinstance(of_point, str) else set(of_point)
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError):
        raise DamagedError(path, "it does not say what the last run covers") from None
    return hashes
