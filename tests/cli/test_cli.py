"""The command line as a person meets it, from a folder of their own."""

import json
import re
import signal
import time

import numpy as np
import pandas as pd
import pytest

from sweep.host.interrupts import Terminated
from tests.support.commands import QUICK, SHORT, interruptible, sweep


def test_a_run_leaves_what_it_promises(quick_run):
    left = {path.name for path in (quick_run / "results" / "quick").iterdir()}
    assert left == {
        "run.json",
        "readings.parquet",
        "training.parquet",
        "points.parquet",
        "report.html",
        "run.log",
        "networks",
    }
    assert len([*(quick_run / "results" / "quick" / "networks").iterdir()]) == 2


def test_points_are_whole_and_in_si_units(quick_run):
    points = pd.read_parquet(quick_run / "results" / "quick" / "points.parquet")
    assert points["resolution"].tolist() == [64, 32]
    assert points["rho"].tolist() == [1.0, 0.5]
    # Hand arithmetic of the five convolutions and the classifier of tests/support/short.py.
    widths = [(3, 8, 9, 32), (1, 8, 9, 32), (8, 16, 1, 32), (1, 16, 9, 16), (16, 32, 1, 16)]
    mult_adds = sum(m * n * taps * side**2 for m, n, taps, side in widths) + 32 * 1000
    assert points["mult_adds"].tolist()[0] == mult_adds
    # Two numbers of batch norm a channel, and the classifier's biases.
    params = sum(m * n * taps + 2 * n for m, n, taps, _ in widths) + 33 * 1000
    assert points["params"].tolist() == [params] * 2
    types = points.dtypes.astype(str)
    assert (
        types[["mult_adds", "weights", "params", "resolution"]].str.lower().tolist()
        == ["int64"] * 4
    )
    for low, value, high in (
        ("latency_low_s", "latency_s", "latency_high_s"),
        ("top1_low", "top1", "top1_high"),
    ):
        assert np.all(points[low] <= points[value])
        assert np.all(points[value] <= points[high])
    assert np.all(points["latency_s"] < 1)
    assert points["dataset"].tolist() == ["photo-patches"] * 2
    # The smaller input costs less everywhere, so it is on both frontiers; 32 pixels is in no table.
    assert points["on_front_mult_adds"].tolist()[1] is True
    assert np.all(points["paper_top1"].isna())


def test_running_again_does_nothing_and_a_dry_run_says_so(quick_run, command):
    before = (quick_run / "results" / "quick" / "readings.parquet").read_bytes()
    status, out, _ = command("run", inside=quick_run)
    assert status == 0
    assert not re.search(r"^stored ", out, flags=re.MULTILINE)
    assert (quick_run / "results" / "quick" / "readings.parquet").read_bytes() == before
    _, out, _ = command("run", "--dry-run", "--name", "other", inside=quick_run)
    assert re.search(r"accuracy .* 2 ", out)
    assert not (quick_run / "results" / "other").exists()


def test_a_plan_counts_points_and_tells_the_seeds_that_each_is_trained_from(tmp_path, command):
    (tmp_path / "sweep.toml").write_text(SHORT)
    asked = ("run", "--dry-run", "--set", "accuracy.seeds=3", "--set", "accuracy.seed=5")
    assert re.search(r"accuracy, 3 seeds +2 ", command(*asked, inside=tmp_path)[1])
    plans = json.loads(command(*asked, "--json", inside=tmp_path)[1])["measures"]
    accuracy = next(each for each in plans if each["measure"] == "accuracy")
    assert (accuracy["points"], accuracy["seeds"]) == (["0.25-64", "0.25-32"], [5, 6, 7])


def test_compare_prints_the_tables_and_finds_the_costs_within_tolerance(quick_run, command):
    status, out, error = command("compare", "results/quick", inside=quick_run)
    assert status == 0, error
    assert "Table 4" in out
    assert json.loads(command("compare", "results/quick", "--json", inside=quick_run)[1])


def test_layers_show_the_papers_tables_1_and_2(command):
    shown = json.loads(command("layers", "--alpha", "1.0", "--resolution", "224", "--json")[1])
    assert sum(row["mult_adds"] for row in shown["layers"]) == 568_740_352
    shares = {row["type"]: round(100 * row["mult_adds_share"], 2) for row in shown["types"]}
    assert shares["Conv 1x1"] == 94.86
    assert shares["Conv DW 3x3"] == 3.06
    # The paper prints 1.19: two digits swapped.
    assert shares["Conv 3x3"] == 1.91
    assert "94.86" in command("layers")[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "none.toml"], "none.toml: there is no such file"),
        (["run", "bad.toml"], "grid.alpha[0] = 9.0: must be at most 4  (bad.toml)"),
        (["run", "part.toml"], 'measures = "speed": must be one of accuracy, cost, int8, latency'),
        (["run", "kind.toml"], 'grid.kind = "deep": must be one of separable, standard, shallow'),
        (["layers", "--alpha", "0"], "--alpha = 0.0: must be a finite number above 0"),
        (["layers", "--kind", "deep"], '--kind = "deep": must be one of separable'),
        (["run", "--name", "../up"], 'name = "../up": must be a plain folder name'),
        (["layers", "--resolution", "big"], '--resolution = "big": must be a whole number'),
        (["layers", "--alpha=wide"], '--alpha = "wide": must be a number'),
        (["layers", "--classes", "0"], "--classes = 0: must be at least 1"),
        (
            ["figures", ".", "--to", "x", "--format", "gif"],
            '--format = "gif": must be one of svg, png',
        ),
        (["figures", ".", "--to", "bad.toml"], "--to bad.toml: is a file; must be a folder"),
        (["show", "bad.toml"], "bad.toml: is a file; must be a results folder"),
        (["check", "bad.toml"], "bad.toml: is a file; must be a results folder"),
        (["run", "--set", "measures=[cost]"], "--set 'measures=[\"cost\"]'"),
        (
            ["run", "--set", "accuracy.data.path=here"],
            'accuracy.data.path: is none of accuracy.dataset = "photo-patches": it has no settings',
        ),
        (
            ["run", "--set", "accuracy.start=no.h5"],
            'accuracy.start = "no.h5": there is no such file  (sweep.toml',
        ),
    ],
)
def test_a_wrong_input_is_one_message_and_status_2(tmp_path, command, arguments, message):
    (tmp_path / "sweep.toml").write_text(QUICK)
    (tmp_path / "bad.toml").write_text("[grid]\nalpha = [9.0]\n")
    (tmp_path / "part.toml").write_text('measures = ["speed"]\n')
    (tmp_path / "kind.toml").write_text('[grid]\nkind = ["deep"]\n')
    status, _, error = command(*arguments, inside=tmp_path)
    assert status == 2
    assert message in error
    assert "Traceback" not in error
    assert not (tmp_path / "results").exists()


def test_a_place_for_results_that_can_not_be_written_is_told_before_the_plan(tmp_path, command):
    (tmp_path / "sweep.toml").write_text(QUICK)
    (tmp_path / "file").touch()
    status, out, error = command("run", "--results", "file/x", inside=tmp_path)
    assert (status, out) == (1, "")
    assert error.startswith("file/x/quick: can't be written: ")


def test_a_process_ends_with_the_commands_status_and_words(tmp_path):
    done = sweep("compare", "nowhere", folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("nowhere: not a results folder")


def test_ctrl_c_ends_cleanly_and_the_same_command_continues(tmp_path, command):
    (tmp_path / "sweep.toml").write_text(SHORT.replace("epochs = 1", "epochs = 4000"))
    running = interruptible(["run"], tmp_path)
    log = tmp_path / "results" / "quick" / "run.log"
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline and running.poll() is None:
        if log.exists() and "accuracy 0.25-64: started" in log.read_text():
            break
        time.sleep(0.2)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    assert "What was finished is kept; the same command continues." in err
    assert "Traceback" not in err
    assert "report:" in out
    points = pd.read_parquet(tmp_path / "results" / "quick" / "points.parquet")
    assert np.all(points["latency_s"].notna())
    assert np.all(points["top1"].isna())
    (tmp_path / "sweep.toml").write_text(SHORT)
    _, out, _ = command("run", "--dry-run", inside=tmp_path)
    assert re.search(r"latency .* 0 ", out)
    assert re.search(r"accuracy .* 2 ", out)


@pytest.mark.parametrize(
    ("end", "status", "word"),
    [(KeyboardInterrupt, 130, "Interrupted"), (Terminated, 143, "Terminated")],
)
def test_a_command_that_is_broken_off_says_so(quick_run, command, monkeypatch, end, status, word):
    def broken(*_):
        raise end

    monkeypatch.setattr("sweep.running.run.write", broken)  # the report
    monkeypatch.setattr("sweep.report.page.page.write", broken)
    assert command("report", "results/quick", inside=quick_run)[::2] == (status, f"{word}.\n")
    ended, _, error = command("run", inside=quick_run)
    assert ended == status
    assert error == f"{word}. What was finished is kept; the same command continues.\n"
