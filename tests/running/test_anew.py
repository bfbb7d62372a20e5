"""The plan says why points that have readings are measured again."""

from dataclasses import replace

import pytest

from sweep.contracts import Network
from sweep.report.content.bearing import outside
from sweep.report.content.build import view
from sweep.results.load import load
from sweep.results.points import with_points
from sweep.results.store import Store
from sweep.running import identities
from sweep.running.anew import cut_off, going_on
from sweep.running.plan import make_plan
from sweep.running.tasks import Task
from sweep.settings.config import parse
from sweep.settings.registry import find
from tests.support.runs import GRID, MACHINE, run
from tests.support.toys import Perimeter, Stumbling, point

FAMILY = find("family", "mobilenet_v1")()
TOYS = "tests.support.toys:"


def plan(folder, measure="Perimeter", *, alphas="0.5, 0.25", machine=MACHINE, again=(), extra=""):
    text = f'measures = ["{TOYS}{measure}"]\n' + GRID.format(alphas=alphas) + extra
    return make_plan(parse(text, source="test"), Store(folder), machine, again=again)


def anew(folder, measure="Perimeter", **others):
    """What the plan tells of points that have readings."""
    return [note for note in plan(folder, measure, **others).notes if "anew" in note]


@pytest.fixture
def measured(tmp_path):
    run(tmp_path / "run", "Perimeter")
    return tmp_path / "run"


def test_nothing_is_said_of_points_that_are_new_or_done(measured, tmp_path):
    assert anew(tmp_path / "none") == []
    assert anew(measured) == []
    assert anew(measured, alphas="0.5, 0.25, 0.75") == []


def test_asked_for(measured):
    assert anew(measured, again=[f"{TOYS}Perimeter"]) == ["perimeter: 4 points anew: --again"]
    # Two of the six have no readings yet.
    more = anew(measured, alphas="0.5, 0.25, 0.75", again=[f"{TOYS}Perimeter"])
    assert more == ["perimeter: 4 points anew: --again"]


def test_a_setting_that_changed_is_named(measured):
    extra = f'[custom."{TOYS}Perimeter"]\nfactor = 5\n'
    assert anew(measured, extra=extra) == ["perimeter: 4 points anew: read under other settings"]
    run(measured, "Perimeter", extra=extra)
    (told,) = anew(measured, extra=extra.replace("5", "6"))
    assert told.startswith("perimeter: 4 points anew: read under other settings: ")
    assert told.endswith(f"{TOYS}Perimeter.factor = 5, now 6")


def test_what_a_smaller_grid_leaves_out_is_told(measured):
    """By the plan, by the page and, of what can be chosen, by `pick`."""
    (told,) = [each for each in plan(measured, alphas="0.25").notes if "does not have" in each]
    assert told == (
        "2 points are stored that this grid does not have (0.5-64 and 0.5-32): they stay, unshown."
    )
    run(measured, "Perimeter", alphas="0.25")
    results = with_points(load(measured))
    assert [each.label for each in results.outside] == ["0.5-64", "0.5-32"]
    (said,) = outside(results)
    assert said == (
        "0.5-64 and 0.5-32 are stored here, too, by earlier runs, and left out: the last run's "
        "grid does not have them. A run of a grid that does shows them again."
    )
    assert said in view(results).warnings
    # The grid that has them again: nothing is left out.
    run(measured, "Perimeter")
    assert load(measured).outside == ()


def test_a_version_that_changed_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(Perimeter, "versions", ("jax",))
    run(tmp_path, "Perimeter")
    now = identities.versions_of(["jax"])["jax"]
    monkeypatch.setattr(identities, "versions_of", lambda names: dict.fromkeys(names, "99"))
    assert anew(tmp_path) == [f"perimeter: 4 points anew: read with jax {now}, now 99"]


def test_another_machine_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(Perimeter, "machine_bound", True)
    run(tmp_path, "Perimeter")
    other = replace(MACHINE, cpu="slide rule")
    assert anew(tmp_path, machine=other) == [
        "perimeter: 4 points anew: read on another machine (abacus, 1 core)"
    ]


def test_those_that_failed_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(Stumbling, "mended", False)
    run(tmp_path, "Stumbling")
    assert anew(tmp_path, "Stumbling") == ["stumbling: 2 points anew: failed before"]


def test_a_training_that_was_cut_off_is_told_of(tmp_path):
    class Written(Perimeter):
        def unfinished(self, network):
            return (f"{network.point.label}.ckpt", "more")

    networks = [Network(point(0.5, 64), FAMILY), Network(point(0.5, 32), FAMILY)]
    (tmp_path / "0.5-32.ckpt").touch()
    assert going_on(Written(), networks, tmp_path) == ["0.5-32"]
    tasks = [Task(Written(), (each,)) for each in networks]
    assert cut_off(tasks, tmp_path) == (
        "continued next time from where it was cut off: perimeter 0.5-32",
        "done again next time from its beginning: perimeter 0.5-64",
    )
    assert going_on(Written(), networks, tmp_path / "none") == []
