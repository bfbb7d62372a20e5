"""What a person is told of a run's time."""

from io import StringIO

import pytest
from rich.console import Console

from sweep.cli.progress import ProgressBar, duration, left_s
from sweep.results.store import Store
from sweep.running.plan import make_plan
from sweep.settings.config import parse
from tests.support.runs import GRID, MACHINE


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (185, "3 min 05 s"),
        (2 * 3600 + 5 * 60, "2 h 05 min"),
        (86_400 - 1, "23 h 59 min"),
        (53 * 86_400 + 4 * 3600, "53 d 04 h"),
    ],
)
def test_a_duration_in_its_two_largest_units(seconds, words):
    assert duration(seconds) == words


def plan_of_four(folder):
    text = 'measures = ["tests.support.toys:Perimeter"]\n' + GRID.format(alphas="0.5, 0.25")
    return make_plan(parse(text, source="test"), Store(folder), MACHINE)


def test_a_run_is_never_whole_before_its_last_task_is_over(tmp_path):
    plan, written = plan_of_four(tmp_path), StringIO()
    console = Console(file=written, force_terminal=True, width=120)
    with ProgressBar(plan, console) as bar:
        for task in plan.tasks:
            bar.started(task)
            bar.progressed(task, 1.0, "all but stored")
        for task in plan.tasks[:-1]:
            bar.finished(task, 1.0, "")
        bar._bar.refresh()
        assert "100%" not in written.getvalue()
        assert "99%" in written.getvalue()
        bar.finished(plan.tasks[-1], 1.0, "")
    assert "100%" in written.getvalue()


def test_the_time_left_is_the_estimates_at_the_pace_so_far():
    assert left_s(100, 0, 0) == 100
    # As fast as estimated: 100 - 40.
    assert left_s(100, 40, 40) == 60
    # Half as fast: nearly the double of 60, since the estimate counts as a tenth that was right.
    assert 100 < left_s(100, 40, 80) < 120
    # A task that says nothing for a minute: the time left grows, it does not run out.
    assert left_s(100, 40, 140) > left_s(100, 40, 80)
    assert left_s(100, 100, 250) == 0
