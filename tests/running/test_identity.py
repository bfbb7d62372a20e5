"""What a reading belongs to: a hash of exactly what affects it, neither less nor more."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sweep.contracts import Network
from sweep.host import machine
from sweep.measures.accuracy import Accuracy
from sweep.report.content.build import view
from sweep.results.load import load
from sweep.results.points import derive, with_points
from sweep.results.store import Store
from sweep.running import local
from sweep.running.plan import make_plan
from sweep.running.run import execute
from sweep.settings.config import AccuracySettings, SettingsError, parse
from sweep.types import Machine, Point, digest_of
from tests.support import fake_results
from tests.support.runs import MACHINE, Watcher, run
from tests.support.toys import CALLS, Stumbling, Together, Unsaved

ALL = {"cost", "latency", "accuracy"}


def hashes(*changes: str) -> dict[str, str]:
    settings = parse("[grid]\nalpha = [0.5]\nresolution = [64]\n", source="test", changes=changes)
    made = make_plan(settings, Store(Path("nowhere")), MACHINE)
    return {
        name: digest_of([each.measure, *map(each.of, each.networks)])
        for name, each in made.hashes.items()
    }


def test_equal_settings_written_otherwise_are_the_same():
    assert hashes("accuracy.learning_rate = 5e-2", "latency.rounds = 8") == hashes()


def test_costs_are_counted_anew_by_another_counter(monkeypatch):
    from sweep.measures import cost

    before = hashes()
    versions = {"fvcore": "0.1.5", "torch": "3.0"}
    monkeypatch.setattr(cost, "version", versions.__getitem__)
    after = hashes()
    assert {name for name in ALL if before[name] != after[name]} == {"cost"}
    monkeypatch.setattr(cost, "version", {**versions, "torch": "3.1"}.__getitem__)
    assert hashes("cost.fvcore = false") != after
    assert hashes()["cost"] != after["cost"]


def test_an_upgrade_takes_anew_what_depends_on_it_and_nothing_else(monkeypatch):
    before, here = hashes(), machine.this_machine()
    monkeypatch.setattr(machine, "_version", machine._version.__wrapped__)
    real = machine.version
    for package, anew in {
        "jaxlib": {"latency"},
        "flax": {"latency"},
        "optax": set(),
        "numpy": set(),
    }.items():
        upgraded = {package: "99.0"}
        monkeypatch.setattr(
            machine, "version", lambda name, new=upgraded: new.get(name) or real(name)
        )
        after = hashes()
        assert {name for name in ALL if before[name] != after[name]} == anew, package
        assert machine.this_machine() == here


def test_an_old_reading_stays_beside_a_new_one_and_comes_back_with_its_settings(tmp_path):
    folder, other = tmp_path / "r", '[custom."tests.support.toys:Perimeter"]\nfactor = 8\n'
    run(folder, "Perimeter")
    first = load(folder)
    run(folder, "Perimeter", extra=other)
    assert sorted(load(folder).readings["value"]) == [256, 256, 512, 512]
    CALLS.clear()
    plan, _, _ = run(folder, "Perimeter")
    assert (CALLS, plan.tasks, plan.done) == ([], (), 4)
    pd.testing.assert_frame_equal(load(folder).readings, first.readings)
    assert len(pd.read_parquet(folder / "readings.parquet")) == 8


def test_what_holds_on_one_machine_is_not_shown_as_anothers(tmp_path, monkeypatch):
    from tests.support import toys

    monkeypatch.setattr(toys.Perimeter, "machine_bound", True)
    run(tmp_path / "r", "Perimeter")
    first = load(tmp_path / "r").readings
    elsewhere = Machine(**{**vars(MACHINE), "cpu": "slide rule"})
    settings = parse(
        'measures = ["tests.support.toys:Perimeter"]\n'
        "[grid]\nalpha = [0.5, 0.25]\nresolution = [64, 32]\n",
        source="test",
    )
    plan = make_plan(settings, Store(tmp_path / "r"), elsewhere)
    assert (len(plan.tasks), plan.done) == (4, 0)
    assert set(first["machine_id"]) == {MACHINE.id}


def test_points_measured_together_each_belong_to_their_own_identity(tmp_path, monkeypatch):
    monkeypatch.setattr(Stumbling, "mended", False)
    CALLS.clear()
    run(tmp_path / "r", "Together")
    plan, _, _ = run(tmp_path / "r", "Together")
    assert [task.label for task in plan.tasks] == ["together 0.5-32"]  # it failed
    Stumbling.mended = True
    run(tmp_path / "r", "Together")
    assert run(tmp_path / "r", "Together")[0].tasks == ()
    assert sorted(CALLS) == ["0.25-32", "0.25-64", "0.5-32", "0.5-64"]
    monkeypatch.setitem(Together.own, "0.25-64", "other")
    plan, _, _ = run(tmp_path / "r", "Together")
    assert [task.label for task in plan.tasks] == ["together 0.25-64"]
    assert len(load(tmp_path / "r").readings) == 4


def test_a_point_has_one_row_whatever_base_its_readings_were_taken_under(tmp_path):
    """What doesn't depend on rho stands; what does is read anew."""
    text = """
        measures = ["tests.support.toys:Perimeter", "tests.support.toys:Share"]
        grid = {{alpha = [0.25], resolution = [64, 32], base_resolution = {base}}}
    """

    def measured(base: int):
        settings = parse(text.format(base=base), source="test")
        store = Store(tmp_path / "r")
        plan = make_plan(settings, store, MACHINE)
        execute(plan, settings, store, MACHINE, Watcher())
        return plan

    measured(256)
    plan = measured(512)
    assert [task.label for task in plan.tasks] == ["share 0.25-64", "share 0.25-32"]
    results = load(tmp_path / "r")
    points = derive(results.readings)
    assert points["rho"].tolist() == points["share"].tolist() == [64 / 512, 32 / 512]
    assert points["perimeter"].tolist() == [256, 128]
    assert set(results.training["rho"]) == {64 / 512, 32 / 512}
    assert measured(256).tasks == ()  # those of before are still there


def test_a_training_goes_on_only_at_the_size_that_it_began_at():
    measure = Accuracy(AccuracySettings(dataset="tests.support.toys:Brightness"))
    small, large = (Point("mobilenet_v1", "separable", 0.25, rho, 64) for rho in (0.5, 1.0))
    family: Any = Unsaved()
    files = {measure._file(Path("there"), Network(each, family)) for each in (small, large)}
    assert len(files) == 2
    # 0.51 x 24 is 12 pixels as 0.5 x 24 is: the same training.
    same = Point("mobilenet_v1", "separable", 0.25, 0.51, 64)
    assert measure._file(Path("there"), Network(same, family)) in files


def test_more_cores_than_there_are_are_refused(monkeypatch):
    """Sums would be taken in the order of two threads, and be stored as those of eight."""
    monkeypatch.setattr(local, "cores", lambda: (0, 1))
    with pytest.raises(SettingsError, match=r"^accuracy\.threads = 8: must be at most 2,"):
        hashes("accuracy.threads = 8")
    assert hashes("accuracy.threads = 2") != hashes("accuracy.threads = 0")


def test_a_title_is_a_word_on_the_page_whatever_the_readings_call_their_data():
    """A forgotten title comes onto the page of what is stored; old readings hold theirs."""
    stored = fake_results.results(dataset="imagefolder")
    accuracy = stored.settings["accuracy"]
    titled = replace(
        stored, settings=stored.settings | {"accuracy": accuracy | {"title": "ImageNet"}}
    )
    assert set(with_points(stored).points["dataset"].dropna()) == {"imagefolder"}
    assert set(with_points(titled).points["dataset"].dropna()) == {"ImageNet"}
    before, after = (view(with_points(each)) for each in (stored, titled))
    assert any("another task" in each for each in before.warnings)
    assert not any("another task" in each for each in after.warnings)
    assert after.cards[0].figures[0].title == "Top-1 accuracy on ImageNet"
    old = replace(titled, readings=fake_results.results(dataset="ImageNet").readings)
    assert with_points(old).points.equals(with_points(titled).points)
