"""A results folder whose tables, JSON and TOML are damaged, or were made by somebody else."""

from __future__ import annotations

import base64
import json
import os
import shutil
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tomli_w
from hypothesis import strategies as st

from sweep.results import parts
from sweep.results.load import load
from sweep.results.store import Store
from sweep.results.writing import DERIVED
from tests.fuzz.command import command, judge
from tests.fuzz.mutations import changed, damaged, numbers, plain_values, texts
from tests.fuzz.surroundings import stand_ins
from tests.fuzz.target import Check, Fault, Target, unchanged

FOLDER, OTHER = "results/fake", "results/other"
TABLES = ("readings.parquet", "training.parquet")
JSONS = ("run.json", "machine.json")
PART = "part"  # stands for the first in parts/
FILES = (*TABLES, *JSONS, "settings.toml", "journal", PART)
# A run of the second version that was broken off: its last batches are in a journal.
SECOND = Path(__file__).parents[1] / "data" / "schema2"
COMMANDS = (
    ["report", FOLDER],
    ["report", FOLDER, "--json"],
    ["show", FOLDER],
    ["show", FOLDER, "--json"],
    ["compare", FOLDER],
    ["compare", FOLDER, "--json"],
    ["pick", FOLDER, "--max-latency", "5ms", "--max-params", "2M"],
    ["pick", FOLDER, "--json"],
    ["diff", FOLDER, OTHER],
    ["diff", OTHER, FOLDER, "--json"],
    ["check", FOLDER],
    ["check", FOLDER, "--json"],
    ["check", FOLDER, "--repair"],
)
SCRIPTS = 8  # elements of the page that are the page's own


def results() -> Target:
    """The target. A case is JSON: a command, and by a file's name what becomes of it."""
    return Target("results", seeds, cases, room, raw=False, instruments=("sweep",))


def seeds() -> list[bytes]:
    """Every command on each sound folder."""
    return [_case({"command": one, "sealed": sealed}) for one in COMMANDS for sealed in (0, 1, 2)]


def _case(whole: dict[str, Any]) -> bytes:
    return json.dumps(whole).encode()


def cases() -> st.SearchStrategy[bytes]:
    """One or two files of a folder changed."""
    texts = [*map(_json_file, JSONS), _toml_file()]
    tables = [_table(name) for name in TABLES] * 2
    old = st.one_of(*tables, *texts, _bytes(0))
    # A table that somebody else wrote has no checksum: of sealed ones the bytes change.
    new = st.one_of(*texts, _bytes(1))
    return _folder(0, old) | _folder(1, new) | _folder(2, _bytes(2))


@st.composite
def _folder(draw: st.DrawFn, sealed: int, change: st.SearchStrategy[dict[str, Any]]) -> bytes:
    made: dict[str, Any] = {"command": draw(st.sampled_from(COMMANDS)), "sealed": sealed}
    for files in draw(st.lists(change, min_size=1, max_size=2)):
        made |= files
    return _case(made)


def write_sound(folder: Path) -> None:
    """A made-up run of three points, as the first versions wrote it: without checksums."""
    shutil.copytree(_sound(), folder)


@cache
def _sound() -> Path:
    from sweep.results.schema import READINGS, TRAINING_3
    from tests.support import fake_results

    keys = [("separable", 1.0, 224), ("separable", 0.25, 128), ("shallow", 1.0, 224)]
    made = fake_results.results(points=keys)
    folder = Path(tempfile.mkdtemp(prefix="sound-"))
    for name, frame, schema in zip(
        TABLES, (made.readings, made.training), (READINGS, TRAINING_3), strict=True
    ):
        first = schema.remove_metadata()  # the first versions told no version
        pq.write_table(pa.Table.from_pandas(frame, first, preserve_index=False), folder / name)
    for name, data in zip(JSONS, (made.run, made.machine), strict=True):
        (folder / name).write_text(json.dumps(data, indent=2))
    (folder / "settings.toml").write_text(tomli_w.dumps(made.settings))
    return folder


@cache
def _sealed() -> Path:
    """The same run as it is written now, killed before its last point was in the tables."""
    from tests.support import fake_results

    made = load(_sound())
    folder = Path(tempfile.mkdtemp(prefix="sealed-"))
    store = Store(folder)
    going_on = {key: value for key, value in made.run.items() if key != "finished"}
    store.write_run(made.settings, made.machine, going_on)
    store.close()
    for number, side in enumerate((224, 128), 1):
        readings, training = (
            frame[(frame["resolution"] == side) & (frame["kind"] == "separable")]
            for frame in (made.readings, made.training)
        )
        of_one: Any = replace(made, readings=readings, training=training)
        parts.write(folder, number, fake_results.batch_of(of_one))
        if side == 224:
            store = Store(folder)
            store.merge()
            store.close()
    return folder


def _json_file(name: str) -> st.SearchStrategy[dict[str, Any]]:
    whole = json.loads((_sound() / name).read_text())
    return changed(whole, plain_values()).map(lambda value: {name: {"json": value}})


def _toml_file() -> st.SearchStrategy[dict[str, Any]]:
    whole = tomllib.loads((_sound() / "settings.toml").read_text())
    return changed(whole, plain_values(null=False)).map(
        lambda value: {"settings.toml": {"toml": value}}
    )


def _source(sealed: int) -> Path:
    """A whole folder: of the first version, of this one, or of the second."""
    return SECOND if sealed == 2 else _sealed() if sealed else _sound()


def _file(folder: Path, name: str) -> Path:
    """Where a file that may be changed lies."""
    parts = sorted((folder / "parts").glob("*.parquet"))
    return parts[0] if name == PART and parts else folder / name


def _bytes(sealed: int) -> st.SearchStrategy[dict[str, Any]]:
    """Any file with its bytes changed, empty, or gone."""
    source = _source(sealed)

    def of(name: str) -> st.SearchStrategy[dict[str, Any]]:
        content = damaged([_file(source, name).read_bytes()])
        encoded = content.map(lambda each: {"b64": base64.b64encode(each).decode()})
        return (encoded | st.just({"gone": True})).map(lambda value: {name: value})

    return st.sampled_from([n for n in FILES if _file(source, n).exists()]).flatmap(of)


@st.composite
def _table(draw: st.DrawFn, name: str) -> dict[str, Any]:
    """A table with some cells changed: values of the column's type, or null, or of all rows."""
    schema = pq.read_schema(_sound() / name)
    rows = _rows(name)
    edits = []
    for _ in range(draw(st.sampled_from([1, 1, 2, 3]))):
        field = draw(st.sampled_from(list(schema)))
        row = draw(st.sampled_from(["every", *rows]))
        row = draw(st.sampled_from(rows[row])) if row in rows else row
        edits.append([field.name, row, draw(_cell(field.type))])
    return {name: {"edits": edits}}


@cache
def _rows(name: str) -> dict[str, list[int]]:
    """Rows by their metric, of which there are very many for layers and one for all else."""
    table = pq.read_table(_sound() / name)
    kind = "metric" if "metric" in table.column_names else "measure"
    found: dict[str, list[int]] = {}
    for row, metric in enumerate(table.column(kind).to_pylist()):
        found.setdefault(metric, []).append(row)
    return found


def _cell(kind: pa.DataType) -> st.SearchStrategy[Any]:
    if pa.types.is_string(kind):
        json_text = plain_values().map(json.dumps)
        return texts() | json_text | st.sampled_from(["xla", "conv_0", "latency_s", "top1"])
    if pa.types.is_list(kind):
        return st.lists(st.floats(), max_size=5) | st.none()
    if pa.types.is_boolean(kind):
        return st.booleans()
    if pa.types.is_integer(kind):
        return st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0, -1, 2**31, 2**53 + 1])
    return numbers() | st.none()


@contextmanager
def room(folder: Path) -> Iterator[Check]:
    """The folder is made anew for each case, and one command reads it."""
    write_sound(folder / OTHER)

    def check(case: bytes) -> bool:
        made = json.loads(case)
        shutil.rmtree(folder / FOLDER, ignore_errors=True)
        shutil.copytree(_source(made.get("sealed", 0)), folder / FOLDER)
        for name in FILES:
            if name in made and not _write(_file(folder / FOLDER, name), made[name]):
                return False
        words = made["command"]
        if "--repair" in words:
            return _repaired(folder)
        page, *derived = (folder / FOLDER / name for name in ("report.html", *DERIVED))
        there = {path for path in derived if os.path.lexists(path)}
        with unchanged(folder):
            ended = command(words)
            written = page.read_text("utf-8") if page.exists() else ""
            page.unlink(missing_ok=True)
            for path in derived:  # report derives the tables where there are none
                if words[0] == "report" and path not in there:
                    path.unlink(missing_ok=True)
        if written.count("<script") not in (0, SCRIPTS) or "<img" in written.replace("<img>", ""):
            raise Fault("something of the data's is an element of the page")
        return judge(ended, place=FOLDER)

    with pytest.MonkeyPatch.context() as patch, chdir(folder):
        stand_ins(patch)
        yield check


def _repaired(folder: Path) -> bool:
    """Whether a folder could be put right. What can be is put right at once."""
    ended = command(["check", FOLDER, "--repair"])
    if not judge(ended, place=FOLDER):
        return False
    with unchanged(folder):
        again = command(["check", FOLDER, "--repair"])
        judge(again, place=FOLDER)
    if any(done in again.out for done in ("damaged/", "made whole", "removed")):
        raise Fault(f"a second repair goes on: {again.out}")
    return ended.status == 0


def _write(path: Path, made: dict[str, Any]) -> bool:
    """Changes a file as a case has it; False where no such file can be."""
    try:
        match made:
            case {"gone": _}:
                path.unlink()
            case {"b64": text}:
                path.write_bytes(base64.b64decode(text))
            case {"json": value}:
                path.write_text(json.dumps(value))
            case {"toml": value}:
                path.write_text(tomli_w.dumps(value), "utf-8")
            case {"edits": edits}:
                _edit(path, edits)
    except (
        ValueError,
        TypeError,
        OverflowError,
        AttributeError,
        RecursionError,
        pa.ArrowException,
    ):
        return False
    return True


def _edit(path: Path, edits: list[Any]) -> None:
    table = pq.read_table(path)
    for name, row, value in edits:
        at = table.schema.get_field_index(name)
        cells = table.column(at).to_pylist()
        cells = [value] * len(cells) if row == "every" else cells
        if row != "every":
            cells[row] = value
        if pa.types.is_float64(table.schema.field(at).type):
            cells = [None if each is None else float(np.float64(each)) for each in cells]
        table = table.set_column(
            at, table.schema.field(at), pa.array(cells, table.schema.field(at).type)
        )
    pq.write_table(table, path)
