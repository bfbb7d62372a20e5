"""One network for all points: what is cut out of it, and when none has to be trained."""

from __future__ import annotations

import json

import jax
import pytest

from mnv1_flax import checkpoints
from sweep.results.load import load
from sweep.results.store import Store
from sweep.running.plan import make_plan
from sweep.running.run import execute
from sweep.settings.config import SettingsError, parse
from tests.support.engines import MACHINE
from tests.support.runs import Watcher

TEXT = """
measures = ["accuracy"]
[grid]
kind = ["shallow"]
alpha = [0.25, 0.125]
resolution = [160]
[accuracy]
source = "shared"
dataset = "tests.support.toys:Brightness"
train_images = 128
test_images = 200
epochs = 2
batch_size = 16
[accuracy.shared]
alpha = [0.25, 0.125]
rho = [0.7143]
between = 0
calibration_images = 64
"""
GROWN = TEXT.replace("alpha = [0.25, 0.125]\nres", "alpha = [0.25, 0.2, 0.125]\nres")


class Texts(Watcher):
    """What a run tells of its progress."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def progressed(self, task, share, text):
        super().progressed(task, share, text)
        self.texts.append(text)


def plan_of(folder, text=TEXT):
    settings, store = parse(text, source="test"), Store(folder)
    return make_plan(settings, store, MACHINE), settings, store


def run(folder, text=TEXT):
    plan, settings, store = plan_of(folder, text)
    watcher = Texts()
    with jax.numpy_dtype_promotion("standard"):
        assert execute(plan, settings, store, MACHINE, watcher).failures == ()
    return watcher.texts, plan


def top1(folder):
    """By alpha, the readings."""
    readings = load(folder).readings
    return {row["alpha"]: row for row in readings.to_dict("records") if row["metric"] == "top1"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shared") / "run"
    texts, plan = run(folder)
    assert any(text.startswith("step ") for text in texts)
    assert any("one shared training for 2 points" in note for note in plan.notes)
    return folder


@pytest.fixture(scope="module")
def grown(trained):
    """The same folder with a point more, and how it was measured."""
    before = top1(trained)
    texts, plan = run(trained, GROWN)
    return before, texts, plan


def asked(command, *options):
    status, told, error = command("evaluate", *options, "--json")
    assert (status, error) == (0, "")
    return json.loads(told)


def test_every_point_names_the_one_network_and_how_it_came_by_its_accuracy(trained):
    wide, thin = top1(trained)[0.25], top1(trained)[0.125]
    assert tuple(wide["artefacts"]) == tuple(thin["artefacts"])
    (file,) = (trained / "networks").iterdir()
    assert list(wide["artefacts"]) == [file.name]
    assert wide["note"].startswith("cut out of one shared training, calibrated at 17 px; ")
    model = checkpoints.load(file).model
    assert (model.alpha, model.kind, model.resolution) == (0.25, "shallow", 17)
    assert not [*trained.rglob("*.ckpt")]


def test_a_grid_that_grew_in_between_needs_no_training(grown, trained):
    before, texts, plan = grown
    (task,) = plan.tasks
    assert [network.point.alpha for network in task.networks] == [0.2]
    assert any("nothing is trained for points that are new" in note for note in plan.notes)
    assert texts
    assert all(text.startswith("evaluating ") for text in texts)
    after = top1(trained)
    assert after.keys() == {0.25, 0.2, 0.125}
    assert {alpha: after[alpha]["value"] for alpha in before} == {
        alpha: before[alpha]["value"] for alpha in before
    }
    assert list(after[0.2]["artefacts"]) == list(before[0.25]["artefacts"])
    assert "; alpha 0.2 not trained in it, which reads too low; " in after[0.2]["note"]
    assert plan_of(trained, GROWN)[0].tasks == ()


def test_any_network_inside_is_evaluated_as_the_run_does(grown, trained, command):
    for alpha, row in top1(trained).items():
        told = asked(command, "--shared", trained, "--alpha", alpha, "--resolution", 160)
        assert told["top1"] == row["value"]


def test_it_is_written_as_an_ordinary_checkpoint_of_the_same_accuracy(
    grown, trained, tmp_path, command
):
    file = tmp_path / "thin.safetensors"
    size = "--alpha", 0.2, "--resolution", 160
    told = asked(command, "--shared", trained, *size, "--export", file)
    model = checkpoints.load(file).model
    assert (model.alpha, model.resolution, model.kind) == (0.2, 17, "shallow")
    again = asked(command, "--checkpoint", file, "--run", trained)
    assert again["top1"] == told["top1"] == top1(trained)[0.2]["value"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--alpha", "0.5", "--resolution", "160"), "outside of what the shared network"),
        (("--alpha", "0.1", "--resolution", "160"), "alpha 0.125 to 0.25"),
        (("--alpha", "0.2", "--resolution", "224"), "rho 0.7143 to 0.7143"),
        (("--alpha", "0.2"), "--shared: which network? Give --alpha and --resolution"),
        (
            ("--alpha", "0.2", "--resolution", "160", "--seed", "7"),
            "no such shared network is kept in",
        ),
        (("--checkpoint", "x.safetensors"), "no --checkpoint, --data"),
    ],
)
def test_what_it_has_not_is_one_line(options, said, trained, command):
    status, _, error = command("evaluate", "--shared", trained, *options)
    assert status == 2
    assert said in " ".join(error.split())
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("alpha = [0.25, 0.125]\nres", "alpha = [0.5]\nres"), "shallow 0.5-160: outside of what"),
        (("[160]", "[224]"), r"accuracy\.shared\.rho widen it"),
        (("measures", 'family = "tests.support.toys:Unsaved"\nmeasures'), "no save_checkpoint"),
        (('"shared"\n', '"train"\n'), 'shared is for source = "shared" alone'),
        (("rho = [0.7143]", "rho = [0.7143, 0.1]"), "makes images of 2 px, must be at least 8"),
    ],
)
def test_what_does_not_fit_is_told_before_anything_is_trained(change, said, tmp_path):
    old, new = change
    with pytest.raises(SettingsError, match=said):
        plan_of(tmp_path, TEXT.replace(old, new, 1))


def test_more_programs_than_a_process_can_hold_are_told(tmp_path, monkeypatch):
    # Linux's default; 96 such programs had 152,500 maps: 1,590 each, so 40 and a few fit.
    (tmp_path / "maps").write_text("65530\n")
    monkeypatch.setattr("sweep.host.memory.MOST_MAPS", tmp_path / "maps")
    widths = ", ".join(str(each / 64) for each in range(8, 104))
    few, many = (
        plan_of(tmp_path, text)[0].notes
        for text in (TEXT, TEXT.replace("alpha = [0.25, 0.125]\nrho", f"alpha = [{widths}]\nrho"))
    )
    assert not [note for note in few if "memory maps" in note]
    (told,) = [note for note in many if "memory maps" in note]
    assert "96 networks are trained, a program each" in told
    assert "more than about 40 of these" in told
    assert "sysctl -w vm.max_map_count=307200" in told


def test_replicates_train_with_the_same_programs_and_come_to_what_each_would_alone(tmp_path):
    two = TEXT.replace("epochs = 2", "epochs = 2\nseeds = 2")

    def second(folder):
        rows = load(folder).readings.to_dict("records")
        rows = [row for row in rows if row["metric"] == "top1" and row["seed"] == 1]
        return {row["alpha"]: (row["value"], row["samples"].tolist()) for row in rows}

    texts, _ = run(tmp_path / "together", two)
    made = [text for text in texts if text.startswith("compiling ")]
    assert made
    assert len(made) == len(set(made))  # each program once
    run(tmp_path / "one", TEXT)
    texts, _ = run(tmp_path / "one", two)  # the second alone, compiled anew
    assert any(text.startswith("compiling ") for text in texts)
    assert len(second(tmp_path / "one")) == 2
    assert second(tmp_path / "one") == second(tmp_path / "together")
