"""Accuracies of trained checkpoints: the measure, and the `evaluate` command."""

import json
import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from PIL import Image

from mnv1_flax import checkpoints
from sweep.contracts import Network
from sweep.families.mobilenet_v1 import MobileNetV1Family
from sweep.measures.accuracy_sources import accuracy
from sweep.measures.checkpoint_accuracy import CheckpointAccuracy
from sweep.settings.config import AccuracySettings
from tests.support.commands import ROOT, flat, sweep
from tests.support.image_files import plain, write_folder
from tests.support.networks import keras_logits, keras_mobilenet, keras_save
from tests.support.toys import point

SHARED = ROOT.parent / "shared"
CLASSES = ("ash", "birch", "cedar", "dogwood", "elm", "fir", "ginkgo")
SIDE = 64
# An image is 50 x 40 pixels. TensorFlow's central crop of 0.875: int(50 * 0.125 / 2) = 3 from
# above and below, int(40 * 0.125 / 2) = 2 from left and right.
CROP = (2, 3, 38, 47)


@pytest.fixture(scope="module")
def garden(tmp_path_factory) -> Path:
    """val/<class>/*: three images of each of seven classes; a list with two more classes in it."""
    folder = tmp_path_factory.mktemp("garden")
    rng = np.random.default_rng(0)
    images = {
        f"{name}/{number}.png": rng.integers(0, 256, (50, 40, 3), dtype=np.uint8)
        for name in CLASSES
        for number in range(3)
    }
    write_folder(folder / "val", images)
    listed = ["alder", *CLASSES, "hazel"]
    (folder / "trees.tsv").write_text(
        "index\tname\n" + "".join(f"{at}\t{name}\n" for at, name in enumerate(listed))
    )
    return folder


@pytest.fixture(scope="module")
def of_keras() -> keras.Model:
    """Keras's own 0.25-64 with nine outputs."""
    return keras_mobilenet(0.25, SIDE, classes=9)


@pytest.fixture(scope="module")
def zoo(tmp_path_factory, of_keras) -> Path:
    folder = tmp_path_factory.mktemp("zoo")
    keras_save(of_keras, folder / f"mobilenet_0.25_{SIDE}.keras")
    return folder


@pytest.fixture(scope="module")
def right(garden, of_keras) -> tuple[int, int]:
    """(right first, right within five) over all images, by Keras's logits and NumPy alone, where
    the class "ash" is the second of the network's nine outputs.
    """
    logits = keras_logits(of_keras, pixels_of(garden, SIDE))
    best = np.argsort(-logits, axis=1)
    truth: npt.NDArray[np.int64] = np.repeat(np.arange(7), 3)[:, None] + 1
    return int((best[:, :1] == truth).sum()), int((best[:, :5] == truth).sum())


def pixels_of(garden: Path, side: int) -> npt.NDArray[np.float32]:
    """All images, three of each class, as a network of that side sees them."""
    files = [file for name in CLASSES for file in sorted((garden / "val" / name).iterdir())]
    images = [
        Image.open(file).crop(CROP).resize((side, side), Image.Resampling.BILINEAR)
        for file in files
    ]
    return np.stack([np.asarray(image, np.float32) / 127.5 - 1 for image in images])


def settings(garden: Path, zoo: Path, **changes) -> AccuracySettings:
    values = {
        "source": "checkpoints",
        "checkpoints": str(zoo / "mobilenet_{alpha}_{resolution}.keras"),
        "dataset": "imagefolder",
        "data": {"path": str(garden), "classes": str(garden / "trees.tsv")},
    }
    return AccuracySettings.model_validate(values | changes)


def network(resolution: int = SIDE) -> Network:
    return Network(point(0.25, resolution), MobileNetV1Family())


def heard(share: float, text: str) -> None:
    assert 0 <= share <= 1
    assert text


def test_the_readings_are_those_of_keras_and_numpy(garden, zoo, right):
    readings: list[Any] = list(accuracy(settings(garden, zoo))([network()], heard))
    values = {reading.metric.name: reading.value for reading in readings}
    top1, top5 = right
    assert values == {
        "top1": pytest.approx(top1 / 21),
        "top5": pytest.approx(top5 / 21),
        "test_images": 21,
        "classes": 9,  # seven with images, and the list's two others
        "left_out_images": 0,
        "trained_resolution": 64,  # what it was evaluated at
    }
    assert 0 < top5 < 21
    assert f"mobilenet_0.25_{SIDE}.keras at {SIDE} px" in readings[0].note


def test_a_test_split_beside_is_scored_for_itself(garden, zoo, right, tmp_path):
    """The garden's images are held back here, and points chosen by two black ones."""
    shutil.copytree(garden / "val", tmp_path / "test")
    shutil.copy(garden / "trees.tsv", tmp_path)
    write_folder(tmp_path / "val", {f"ash/{name}.png": plain(0, 50, 40) for name in "ab"})
    both = settings(tmp_path, zoo)
    readings: list[Any] = list(accuracy(both)([network()], heard))
    values = {reading.metric.name: reading.value for reading in readings}
    assert values["held_back_top1"] == pytest.approx(right[0] / 21)
    assert (values["held_back_images"], values["test_images"]) == (21, 2)
    samples = next(each.samples for each in readings if each.metric.name == "held_back_top1")
    assert (len(samples), sum(samples)) == (21, right[0])
    only = accuracy(both.model_copy(update={"held_back": False}))
    without: list[Any] = list(only([network()], heard))
    assert not any("held_back" in each.metric.name for each in without)
    assert "2 images to evaluate on, 21 held back" in accuracy(both).describe([network()])[0]


def test_a_point_without_a_file_gets_a_reason(garden, zoo):
    with pytest.raises(FileNotFoundError, match=r"mobilenet_0.25_32.keras: there is no such"):
        list(accuracy(settings(garden, zoo))([network(32)], heard))


def test_a_checkpoint_of_other_classes_says_how_many(garden, zoo):
    only = settings(garden, zoo, data={"path": str(garden)})
    with pytest.raises(ValueError, match="network: 9; classes of the data set: 7"):
        list(accuracy(only)([network()], heard))


def test_a_point_belongs_to_the_content_of_its_file(garden, zoo, tmp_path):
    measure = accuracy(settings(garden, tmp_path))
    assert isinstance(measure, CheckpointAccuracy)
    file = tmp_path / f"mobilenet_0.25_{SIDE}.keras"
    absent = measure.identity_of(network())
    file.write_bytes(b"one")
    one = measure.identity_of(network())
    file.write_bytes(b"two")
    two = measure.identity_of(network())
    other = measure.identity_of(network(32))
    assert other == absent
    # sha256 of "two", by coreutils.
    assert two == {"sha256": "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3"}
    assert len({str(each) for each in (absent, one, two)}) == 3


def test_the_recipe_and_the_place_of_things_are_no_part_of_an_evaluation(garden, zoo):
    def identity(**changes) -> dict:
        return accuracy(settings(garden, zoo, **changes)).identity()

    elsewhere = {"path": str(garden / "val" / ".."), "classes": str(garden / "trees.tsv")}
    assert identity() == identity(epochs=9, workers=3, data=elsewhere)
    assert identity() != identity(test_crop=1.0)
    assert identity() != identity(test_images=5)


# On the command line


@pytest.mark.parametrize("inside", ["", "val"])
def test_evaluate_prints_one_json_object(garden, zoo, right, inside, command):
    status, out, error = command(
        "evaluate", "--checkpoint", zoo / f"mobilenet_0.25_{SIDE}.keras", "--data", garden / inside,
        "--classes", garden / "trees.tsv", "--json",
    )  # fmt: skip
    assert status == 0, error
    found = json.loads(out)
    top1, top5 = right
    assert (found["n"], found["alpha"], found["resolution"]) == (21, 0.25, SIDE)
    assert found["top1"] == pytest.approx(top1 / 21)
    assert found["top5"] == pytest.approx(top5 / 21)
    assert found["top1_low"] <= found["top1"] <= found["top1_high"]
    assert error == ""


def test_one_output_more_than_classes_is_a_background_where_that_is_asked_for(
    garden, zoo, right, tmp_path, command
):
    listed = tmp_path / "trees.txt"
    listed.write_text("\n".join([*CLASSES, "hazel"]) + "\n")
    status, out, error = command(
        "evaluate", "--checkpoint", zoo / f"mobilenet_0.25_{SIDE}.keras", "--data", garden,
        "--classes", listed, "--background", "--json",
    )  # fmt: skip
    assert status == 0, error
    # "ash" is output 1 again. Without the first output some images rise to a better rank.
    top1, top5 = right
    found = json.loads(out)
    assert found["top1"] * 21 >= top1 - 1e-6
    assert top5 <= round(found["top5"] * 21) < 21


def test_classes_are_found_by_the_names_that_the_network_has(garden, zoo, right, tmp_path, command):
    """Of nine, there are images of seven: folders of the other two are not there."""
    names = ("alder", *CLASSES, "hazel")
    loaded = checkpoints.load(zoo / f"mobilenet_0.25_{SIDE}.keras")
    checkpoints.save(loaded.model, tmp_path / "own.safetensors", classes=names)
    call = ["evaluate", "--checkpoint", tmp_path / "own.safetensors", "--data", garden, "--json"]
    status, out, error = command(*call)
    assert status == 0, error
    found = json.loads(out)
    assert (found["top1"], found["top5"]) == pytest.approx([each / 21 for each in right])
    assert "no image of 2 of its 9 classes (alder and hazel)" in found["notes"]
    # A class that the network does not have is refused by its name.
    others = (*names[:3], "oak", *names[4:])
    checkpoints.save(loaded.model, tmp_path / "other.safetensors", classes=others)
    call[2] = tmp_path / "other.safetensors"
    status, _, error = command(*call)
    assert status == 2
    assert "cedar: no class of the network, whose outputs its file calls alder, ash" in flat(error)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--checkpoint", "none.h5", "--data", "{garden}"], "none.h5: there is no such file"),
        (["--checkpoint", "{zoo}", "--data", "none"], "--data none: there is no such"),
        (["--checkpoint", "{zoo}", "--data", "{garden}"], "give a list of all 9 in the order"),
        (["--checkpoint", "{zoo}", "--data", "{garden}", "--classes", "none"], "none"),
        (
            ["--checkpoint", "{zoo}", "--data", "{garden}", "--classes", "{trees}",
             "--alpha", "0.5"],
            "alpha",
        ),
        (
            ["--checkpoint", "{garden}/trees.tsv", "--data", "{garden}", "--classes", "{trees}"],
            ".keras",
        ),
        (["--data", "{garden}"], "--checkpoint"),
    ],
)  # fmt: skip
def test_wrong_inputs_are_one_message_and_status_2(garden, zoo, arguments, message, command):
    names = {
        "garden": garden,
        "zoo": zoo / f"mobilenet_0.25_{SIDE}.keras",
        "trees": garden / "trees.tsv",
    }
    status, _, error = command("evaluate", *(each.format(**names) for each in arguments))
    assert status == 2
    assert message in flat(error)


def test_a_bad_image_stops_it_by_name_or_is_left_out_and_counted(garden, zoo, tmp_path, command):
    folder = tmp_path / "garden"
    write_folder(folder, {f"{name}/good.png": np.full((9, 9, 3), 7, np.uint8) for name in CLASSES})
    (folder / "elm" / "broken.jpg").write_text("no image")
    call = [
        "evaluate", "--checkpoint", zoo / f"mobilenet_0.25_{SIDE}.keras", "--data", folder,
        "--classes", garden / "trees.tsv", "--json",
    ]  # fmt: skip
    status, _, error = command(*call)
    assert status == 2
    assert f"{folder / 'elm' / 'broken.jpg'}: not a JPEG, PNG, WebP" in error
    status, out, error = command(*call, "--skip-bad-images")
    assert status == 0
    assert f"left out: {folder / 'elm' / 'broken.jpg'}: not a JPEG" in error
    found = json.loads(out)
    assert (found["n"], found["left_out"]) == (7, 1)


# A whole grid


def experiment(garden: Path, accuracy_section: str, resolutions: str) -> str:
    return f"""
name = "zoo"
measures = ["accuracy"]
[grid]
alpha = [0.25]
resolution = {resolutions}
[accuracy]
{accuracy_section}
dataset = "imagefolder"
[accuracy.data]
path = "{garden}"
"""


def test_a_run_fills_what_there_are_files_for_and_takes_up_the_others_later(
    garden, zoo, right, tmp_path, command
):
    source = 'source = "checkpoints"\ncheckpoints = "mobilenet_{alpha}_{resolution}.keras"'
    text = experiment(garden, source, f"[{SIDE}, 32]") + f'classes = "{garden / "trees.tsv"}"\n'
    (tmp_path / "sweep.toml").write_text(text)
    keras_file = zoo / f"mobilenet_0.25_{SIDE}.keras"
    (tmp_path / keras_file.name).write_bytes(keras_file.read_bytes())

    status, _, error = command("run", inside=tmp_path)
    assert status == 1
    assert "mobilenet_0.25_32.keras: there is no such checkpoint" in error
    points = pd.read_parquet(tmp_path / "results" / "zoo" / "points.parquet")
    by_side = points.set_index("resolution")
    top1, _ = right
    assert by_side.loc[SIDE, "top1"] == pytest.approx(top1 / 21)
    assert by_side["top1"].isna().tolist() == [False, True]

    # The same weights serve at any resolution.
    (tmp_path / "mobilenet_0.25_32.keras").write_bytes(keras_file.read_bytes())
    status, out, error = command("run", inside=tmp_path)
    assert status == 0, error
    assert "stored accuracy 0.25-32" in out
    assert f"accuracy 0.25-{SIDE}" not in out
    points = pd.read_parquet(tmp_path / "results" / "zoo" / "points.parquet")
    assert points["top1"].isna().tolist() == [False, False]


def test_keras_is_left_to_find_its_own_checkpoints(garden, tmp_path):
    """Written by Keras where Keras keeps them; the other fifteen it can't fetch from here."""
    models = tmp_path / "keras" / "models"
    models.mkdir(parents=True)
    keras_save(keras_mobilenet(0.25, 128), models / "mobilenet_2_5_128_tf.h5")
    listed = tmp_path / "imagenet.txt"
    listed.write_text("\n".join([*CLASSES, *(f"class{n}" for n in range(993))]) + "\n")
    text = experiment(garden, 'source = "keras"', "[128, 96]") + f'classes = "{listed}"\n'
    (tmp_path / "sweep.toml").write_text(text)
    done = sweep("run", folder=tmp_path, KERAS_HOME=str(tmp_path / "keras"))
    assert done.returncode == 1
    assert "Keras has no MobileNet checkpoint at 0.25-96" in done.stderr
    points = pd.read_parquet(tmp_path / "results" / "zoo" / "points.parquet")
    found = points.set_index("resolution").loc[128]
    logits = keras_logits(keras_mobilenet(0.25, 128), pixels_of(garden, 128))
    truth = np.repeat(np.arange(7), 3)
    own = logits[np.arange(21), truth]
    rank = (logits > own[:, None]).sum(axis=1)
    assert found["top1"] == (rank < 1).mean()
    assert found["top5"] == (rank < 5).mean()
    assert found["test_images"] == 21


# The official checkpoint, where the development data is


@pytest.mark.shared
def test_the_official_quantised_checkpoint_on_500_images(command):
    """By the TFLite interpreter top-1 is 0.660 and top-5 0.856."""
    sample = SHARED / "data" / "imagenet-sample"
    _, out, _ = command(
        "evaluate", "--checkpoint", SHARED / "weights" / "mobilenet_v1_0.5_160_quant.tflite",
        "--data", sample, "--classes", sample / "synsets.tsv", "--json",
    )  # fmt: skip
    found = json.loads(out)
    assert found["n"] == 500
    assert abs(found["top1"] - 0.660) <= 0.015
    assert abs(found["top5"] - 0.856) <= 0.015
