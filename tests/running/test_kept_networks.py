"""A run keeps what it trained: whole, named in its readings, and as good as these say."""

from __future__ import annotations

import json
import shutil

import jax
import pytest

from mnv1_flax import checkpoints
from sweep.results.load import load
from sweep.running.run import execute
from sweep.settings.config import SettingsError
from tests.support import stripes
from tests.support.engines import MACHINE
from tests.support.runs import Watcher
from tests.support.runs import plan_of as written_plan
from tests.support.toys import Brightness

TEXT = """
measures = ["accuracy"]
[grid]
kind = ["shallow"]
alpha = [0.25]
resolution = [160]
[accuracy]
dataset = "tests.support.toys:Brightness"
train_images = 256
test_images = 200
epochs = 3
batch_size = 16
threads = 0
"""


def plan_of(folder, text=TEXT):
    return written_plan(folder, text)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A results folder with a trained network."""
    folder = tmp_path_factory.mktemp("kept") / "run"
    plan, settings, store = plan_of(folder)
    assert any("trained networks are kept, " in note for note in plan.notes)
    with jax.numpy_dtype_promotion("standard"):
        assert execute(plan, settings, store, MACHINE, Watcher()).failures == ()
    return folder


@pytest.fixture
def top1(trained):
    readings = load(trained).readings
    return readings.loc[readings["metric"] == "top1"].iloc[0]


def test_it_is_named_and_nothing_else_is_left(trained, top1):
    (name,) = top1["artefacts"]
    assert [each.name for each in (trained / "networks").iterdir()] == [name]
    assert not [each for each in trained.rglob("*.safetensors") if each.parent.name != "networks"]


def test_its_file_says_what_the_network_is(trained, top1):
    (name,) = top1["artefacts"]
    checkpoint = checkpoints.load(trained / "networks" / name)
    model = checkpoint.model
    assert (model.alpha, model.kind, model.resolution) == (0.25, "shallow", 17)  # 24 * 160 / 224
    assert checkpoint.classes == Brightness.class_names


def test_evaluated_again_it_has_the_stored_accuracy(trained, top1, command):
    (name,) = top1["artefacts"]
    status, told, _ = command(
        "evaluate", "--checkpoint", trained / "networks" / name, "--run", trained, "--json"
    )
    assert status == 0
    assert json.loads(told)["top1"] == top1["value"]


def test_images_that_it_was_trained_on_are_told_of(tmp_path, command):
    """Class folders without splits: of 48 images a quarter is kept for evaluation."""
    images = stripes.folder(tmp_path) / "train"
    data = f'[accuracy.data]\npath = "{images}"\nvalidation_share = 0.25\n'
    text = TEXT.replace("tests.support.toys:Brightness", "imagefolder").replace(
        "train_images = 256\ntest_images = 200\nepochs = 3", "epochs = 1\nbase_resolution = 32"
    )
    plan, settings, store = plan_of(tmp_path / "run", text + data)
    outputs = "costs and latencies are of 1000 outputs (num_classes), and the images have 3 classes"
    assert f"accuracy: {outputs}" in plan.notes
    with jax.numpy_dtype_promotion("standard"):
        assert execute(plan, settings, store, MACHINE, Watcher()).failures == ()
    (kept,) = (tmp_path / "run" / "networks").iterdir()
    status, told, _ = command("evaluate", "--checkpoint", kept, "--data", images, "--json")
    assert status == 0
    assert "trained on 36 of these images" in json.loads(told)["notes"][0]
    # Whatever they are called, and wherever they lie.
    shutil.copytree(images, tmp_path / "copy")
    data = ("--data", tmp_path / "run" / ".." / "copy")
    status, told, _ = command("evaluate", "--checkpoint", kept, *data, "--json")
    assert status == 0
    assert "trained on 36 of these images" in json.loads(told)["notes"][0]
    status, told, _ = command("evaluate", "--checkpoint", kept, "--run", tmp_path / "run", "--json")
    assert status == 0
    assert "trained on" not in told


def test_the_answer_to_a_budget_names_it(trained, top1, command):
    status, told, _ = command("pick", trained, "--json")
    assert status == 0
    assert json.loads(told)["networks"] == [str(trained / "networks" / top1["artefacts"][0])]


def test_an_answer_from_a_run_that_was_broken_off_says_what_is_left(trained, tmp_path, command):
    class Impatient(Watcher):
        def started(self, task):
            raise KeyboardInterrupt

    folder = tmp_path / "run"
    shutil.copytree(trained, folder)
    plan, settings, store = plan_of(folder, TEXT.replace("[0.25]", "[0.25, 0.5]"))
    assert execute(plan, settings, store, MACHINE, Impatient()).interrupted
    status, told, _ = command("pick", folder)
    assert status == 0
    assert "Best: shallow 0.25-160" in told
    assert "Not measured yet: accuracy of shallow 0.5-160. The same run command continues." in told


def test_nothing_is_trained_again_for_a_network_that_nobody_asks_for(trained, tmp_path):
    assert plan_of(trained)[0].tasks == ()
    assert plan_of(trained, TEXT + "keep = false\n")[0].tasks == ()


def test_a_family_that_can_not_save_is_told_with_the_way_out(tmp_path):
    text = TEXT.replace("measures", 'family = "tests.support.toys:Unsaved"\nmeasures', 1)
    with pytest.raises(SettingsError, match=r"accuracy\.keep = true: .* false trains without"):
        plan_of(tmp_path, text)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([], "give --data, or --run"),
        (["--data", "x", "--run", "y"], "no --data beside it"),
        (["--run", "y", "--classes", "z.txt"], "no --classes beside it"),
        (["--run", "y", "--export", "z"], "--export: of --shared alone"),
        (["--data", "x", "--kind", "shallow", "--seed", "1"], "--kind and --seed: of --shared"),
    ],
)
def test_images_are_a_folder_s_or_a_run_s(options, told, command, tmp_path):
    status, _, error = command("evaluate", "--checkpoint", "x.safetensors", *options)
    assert status == 2
    assert told in error


@pytest.mark.parametrize(
    "asked", [("--crop", "1.0"), ("--images", "5"), ("--skip-bad-images",), ("--workers", "2")]
)
def test_a_run_s_images_are_shown_as_the_run_shows_them(asked, command):
    for option in (("--checkpoint", "x.safetensors", "--run", "y"), ("--shared", "y")):
        status, _, error = command("evaluate", *option, *asked)
        assert status == 2
        assert error.startswith(f"{option[-2]} y: takes the run's own images")
        assert asked[0] in error
