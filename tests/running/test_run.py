"""The runner on small parts: what is done is not done again, what fails is kept and retried."""

import json

import pandas as pd
import pytest

from sweep.results.load import load
from sweep.results.store import Store
from sweep.running.plan import make_plan
from sweep.settings.config import SettingsError, parse
from tests.support import toys
from tests.support.runs import MACHINE, run
from tests.support.toys import CALLS, Stumbling


@pytest.fixture(autouse=True)
def _forget_calls():
    CALLS.clear()
    Stumbling.mended = False


def test_a_second_run_repeats_nothing_and_a_larger_grid_adds_only_what_is_new(tmp_path):
    _, outcome, watcher = run(tmp_path / "r", "Perimeter")
    assert CALLS == ["0.5-64", "0.5-32", "0.25-64", "0.25-32"]
    assert watcher.seen == [f"perimeter {label} " for label in CALLS]
    assert outcome.failures == ()
    before = load(tmp_path / "r").readings
    plan, _, _ = run(tmp_path / "r", "Perimeter")
    assert (plan.tasks, plan.done, len(CALLS)) == ((), 4, 4)
    run(tmp_path / "r", "Perimeter", alphas="1.0, 0.5, 0.25")
    assert CALLS[4:] == ["1.0-64", "1.0-32"]
    after = load(tmp_path / "r").readings
    kept = after.loc[after["alpha"] < 1].reset_index(drop=True)
    pd.testing.assert_frame_equal(pd.DataFrame(kept), before)
    assert len(after) == 6


def test_ctrl_c_keeps_what_is_finished_and_draws_it(tmp_path):
    _, outcome, _ = run(tmp_path / "r", "Interrupted")
    assert outcome.interrupted
    assert len(load(tmp_path / "r").readings) == 2
    assert outcome.report.exists()
    assert json.loads((tmp_path / "r" / "run.json").read_text())["interrupted"]
    # It leaves nothing to go on from.
    assert outcome.cut_off == ("done again next time from its beginning: interrupted 0.25-64",)
    CALLS.clear()
    CALLS.extend(["-"] * 9)  # past the third call
    _, outcome, _ = run(tmp_path / "r", "Interrupted")
    assert not outcome.interrupted
    assert len(load(tmp_path / "r").readings) == 4


def test_a_measure_from_outside_has_its_column_among_the_points(tmp_path):
    run(tmp_path / "r", "Perimeter")
    points = pd.read_parquet(tmp_path / "r" / "points.parquet")
    assert points["perimeter"].tolist() == [256, 128, 256, 128]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[grid]\nkind = ["deep"]', 'grid.kind = "deep": must be one of separable, standard, shal'),
        (
            '[latency]\nlowering = "fast"',
            'latency.lowering = "fast": must be one of shifted, group',
        ),
    ],
)
def test_what_only_the_family_knows_is_checked_before_anything_runs(tmp_path, text, message):
    with pytest.raises(SettingsError, match=message):
        make_plan(parse(text, source="test"), Store(tmp_path / "r"), MACHINE)
    assert not (tmp_path / "r").exists()


def test_toys_are_what_they_say():
    assert toys.point(0.5, 64).rho == 64 / 224
