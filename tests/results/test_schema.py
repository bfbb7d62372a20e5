"""What tells readings apart: fields of their own, and the one text that it was up to schema 2."""

import ast
from pathlib import Path

import pyarrow as pa
import pytest

from sweep.results.schema import (
    READINGS,
    READINGS_2,
    Stamp,
    conditions_of,
    reading_of,
    reading_row,
    upgraded,
)
from sweep.types import Better, Form, Metric, Reading, condition_words
from tests.support.toys import point

ROOT = Path(__file__).parents[2]
STAMP = Stamp("hash", "machine", "commit", "{}", "2026-01-01T00:00:00Z")
NONE = {
    "batch": None, "runtime": "", "precision": "", "threads": None, "dataset": "", "seed": None,
    "layer": "", "variant": "",
}  # fmt: skip
NUMBER = Metric("own", "Own", "J", Better.LOWER)


def earlier(variant: str, measure: str = "own", metric: str = "own", unit: str = "J") -> pa.Table:
    """A table of one reading as schema 1 and 2 had it."""
    row = reading_row(Reading(NUMBER, point(), 1.0), measure, STAMP, failed=False)
    own = {"variant": variant, "metric": metric, "unit": unit}
    return pa.Table.from_pylist([row | own], READINGS_2)


@pytest.mark.parametrize(
    ("variant", "measure", "told"),
    [
        ("", "cost", {}),
        ("batch=8", "latency", {"batch": 8, "runtime": "xla"}),
        ("batch=8", "own", {"batch": 8}),
        ("dataset=CIFAR-10", "accuracy", {"dataset": "CIFAR-10"}),
        ("dataset=", "accuracy", {}),
        ("layer=conv_0", "cost", {"layer": "conv_0"}),
        ("layer=a=b\nc", "cost", {"layer": "a=b\nc"}),
        ("idle", "own", {"variant": "idle"}),
        ("batch=many", "own", {"variant": "batch=many"}),
        ("batch=" + 10 * "9", "own", {"variant": "batch=" + 10 * "9"}),
    ],
)
def test_the_one_text_of_earlier_schemas_becomes_fields(variant, measure, told):
    table = upgraded(earlier(variant, measure))
    assert table.schema.equals(READINGS, check_metadata=True)
    (row,) = table.to_pylist()
    assert {name: row[name] for name in NONE} == NONE | told
    assert row["value"] == 1.0


@pytest.mark.parametrize(
    ("metric", "unit", "form"),
    [("top1", "1", Form.SHARE), ("own", "1", Form.COUNT), ("own", "J", Form.NUMBER)],
)
def test_earlier_readings_are_written_as_their_metric_or_its_unit_says(metric, unit, form):
    assert upgraded(earlier("", metric=metric, unit=unit))["form"].to_pylist() == [form]


def test_a_table_of_today_stays_as_it_is():
    table = READINGS.empty_table()
    assert upgraded(table) is table


def test_a_reading_comes_back_from_its_row_with_all_its_conditions():
    metric = Metric("own", "Own", "1", Better.LOWER, Form.SHARE)
    whole = Reading(
        metric, point(), 0.5, samples=(0.5, 0.25), note="a note", batch=8, runtime="onnx",
        precision="int8", threads=2, dataset="CIFAR-10", seed=0, layer="conv_0", variant="idle",
    )  # fmt: skip
    bare = Reading(metric, point(), None, reason="nothing to read")
    rows = [reading_row(each, "own", STAMP, failed=False) for each in (whole, bare)]
    table = pa.Table.from_pylist(rows, READINGS)
    # As stored, and as pandas has it, which makes whole numbers with gaps floating.
    for read in (table.to_pylist(), table.to_pandas().to_dict("records")):
        assert [reading_of(row) for row in read] == [whole, bare]
        assert conditions_of(read[1]) == NONE


def test_conditions_in_words():
    assert condition_words(NONE) == ""
    given = NONE | {"batch": 8, "runtime": "xla", "threads": 2, "seed": 0}
    assert condition_words(given) == "batch 8, xla, 2 threads, seed 0"


def test_nothing_but_the_upgrade_takes_a_variant_apart():
    """No text of the program has the form that variants had."""
    texts = {
        (path.name, node.value)
        for path in (ROOT / "sweep").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if any(each in node.value for each in ("batch=", "layer=", "dataset="))
    }
    assert {name for name, _ in texts} <= {"schema.py"}
