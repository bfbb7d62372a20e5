"""results/reference: the committed run of the default experiment."""

import sweep
from sweep.maths.statistics import kendall_tau
from sweep.results.check import check
from sweep.results.store import Store
from sweep.running.plan import make_plan
from sweep.settings.config import load as settings_of
from tests.support.commands import ROOT
from tests.support.runs import MACHINE

REFERENCE = ROOT / "results" / "reference"


def test_its_accuracies_are_those_that_sweep_toml_asks_for():
    """A new recipe wants a new run."""
    plan = make_plan(settings_of(ROOT / "sweep.toml"), Store(REFERENCE), MACHINE)
    assert not [task.label for task in plan.tasks if task.measure.name == "accuracy"]


def test_it_is_whole():
    found = check(REFERENCE)
    assert found.whole
    assert found.sealed


def test_it_ranks_as_the_published_networks_do_but_for_the_luck_of_its_seeds():
    points = sweep.load(REFERENCE).points
    both = points.dropna(subset=["top1", "published_top1"])
    assert len(both) == 16
    assert kendall_tau(both["top1"].tolist(), both["published_top1"].tolist()) > 0.5
