"""The harnesses of tests/faults, a few times each, and whether docs/reliability.md says what they
find. The `slow` ones are the hundred times that the page tells of.
"""

from dataclasses import replace

import pytest

from tests.faults import HARNESSES, Row, failures, input, rows_of, says, training
from tests.faults.__main__ import PAGE, rows_in, with_rows
from tests.fuzz import TARGETS

# Short versions: how often, and of the many ways to fail those that are unlike each other.
FEW = {"crash": 4, "disk": 2, "neighbours": 1, "hostile": 1}
WAYS = [kind for kind in failures.KINDS if kind.fault in ("error", "kill", "too large")]
KILLED = [kind for kind in training.KINDS if kind.breaks is training.kill_run]


@pytest.fixture(scope="module")
def told() -> dict[str, Row]:
    return {row.fault: row for row in rows_in(PAGE.read_text("utf-8"))}


def unlike(rows, told):
    """Rows of something lost, and those that the page tells otherwise or not at all."""
    return [
        row
        for row in rows
        if row.lost or told.get(row.fault) != replace(row, tried=told[row.fault].tried)
    ]


@pytest.mark.parametrize("name", FEW)
def test_nothing_is_lost_and_the_page_says_how_it_shows(name, told, tmp_path):
    assert unlike(rows_of(name, FEW[name], tmp_path), told) == []


def test_points_that_fail_are_told_and_tried_again(told, tmp_path):
    assert unlike(failures.of_kinds(1, tmp_path, WAYS), told) == []


def test_a_point_that_kills_the_run_keeps_no_other_from_being_measured(told, tmp_path):
    assert unlike([failures.deadly(1, tmp_path)], told) == []


def test_a_run_killed_in_the_middle_of_trainings_ends_at_the_same_weights(told, tmp_path):
    assert unlike(training.harness(1, tmp_path, KILLED, epochs=100), told) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in HARNESSES if not name.startswith("fuzz-")])
def test_nothing_is_lost_in_a_hundred_times(name, told, tmp_path):
    assert unlike(rows_of(name, 100, tmp_path), told) == []


# The page


def test_the_page_tells_of_no_loss(told):
    assert {row.fault: row.lost for row in told.values() if row.lost} == {}


def test_the_page_has_a_row_of_every_way_to_fail_and_of_ten_thousand_cases_of_every_input(told):
    for kind in failures.KINDS:
        assert told[f"a point fails: {kind.words}"].shows == f"`{kind.shows}`"
    for kind in training.KINDS:
        assert kind.says in told[kind.fault].shows
    assert set(input.KINDS) == set(TARGETS)
    for fault, shows in input.KINDS.values():
        assert told[fault].shows == shows
        assert told[fault].tried >= 10_000
    assert told["SIGKILL at a random moment of a run"].tried >= 100


def test_the_table_is_written_and_read_alike():
    rows = [Row("one", 3, 0, "`a ..`"), Row("two", 4, 1, "b")]
    page = with_rows("before\n<!-- rows of tests.faults: begin -->\n", rows)
    assert rows_in(page) == rows
    again = with_rows(page + "after\n", [Row("two", 9, 0, "c")])
    assert rows_in(again) == [rows[0], Row("two", 9, 0, "c")]
    assert again.endswith("after\n")


def test_what_is_quoted_is_found_wherever_it_stands():
    assert says("exit 2, `a .. c`; `d`", "d\nx a b\n c")
    assert not says("exit 2, `a .. c`; `d`", "a b c")
    assert says("plain .. text", "plain old text")
