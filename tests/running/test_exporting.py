"""`python -m sweep export`: whichever network is meant, its file computes what it does."""

import jax.numpy as jnp
import numpy as np
import pytest

from mnv1_flax import checkpoints
from tests.support.commands import flat
from tests.support.image_files import plain, write_folder
from tests.support.networks import randomised
from tests.support.runs import trained as run_there
from tests.support.runtimes import by_litert, by_onnxruntime

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
epochs = 1
batch_size = 16
threads = 0
"""
SHARED = TEXT.replace("epochs = 1", 'epochs = 1\nsource = "shared"') + (
    "[accuracy.shared]\nalpha = [0.5, 0.25]\nrho = [0.7143]\ncalibration_images = 64\n"
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A results folder with one network, trained at 17 px: 24 * 160 / 224."""
    return run_there(tmp_path_factory.mktemp("exported") / "run", TEXT)


def kept(folder):
    (file,) = (folder / "networks").iterdir()
    return file


def images(side, count=4):
    return np.random.default_rng(0).uniform(-1, 1, (count, side, side, 3)).astype(np.float32)


def assert_near(found, expected, share):
    np.testing.assert_allclose(found, expected, rtol=0, atol=share * np.abs(expected).max())


@pytest.mark.parametrize("by_point", [False, True])
def test_a_network_that_a_run_has_kept(trained, by_point, tmp_path, command):
    """By its file, or by its point; at the size that it was trained at, with its classes."""
    point = (trained, "--alpha", "0.25", "--resolution", "160", "--kind", "shallow")
    which = point if by_point else (kept(trained),)
    status, told, error = command("export", *which, "--to", tmp_path / "m.tflite")
    assert status == 0, error
    assert float(told.split("executed by litert: logits within ")[1].split()[0]) < 1e-5
    assert "alpha 0.25, 17 px" in told
    expected = np.asarray(checkpoints.load(kept(trained)).model(jnp.asarray(images(17))))
    assert_near(by_litert((tmp_path / "m.tflite").read_bytes(), images(17)), expected, 1e-4)


@pytest.mark.parametrize(("name", "runtime"), [("m.tflite", by_litert), ("m.onnx", by_onnxruntime)])
def test_in_int8_it_is_calibrated_by_what_the_run_trained_on(
    trained, name, runtime, tmp_path, command
):
    status, told, error = command(
        "export", kept(trained), "--to", tmp_path / name, "--int8", "--calibration-images", "40"
    )
    assert status == 0, error
    assert "int8" in told
    expected = np.asarray(checkpoints.load(kept(trained)).model(jnp.asarray(images(17) / 2)))
    assert_near(runtime((tmp_path / name).read_bytes(), images(17) / 2), expected, 0.2)


def test_one_that_is_cut_out_of_a_shared_training(tmp_path, command):
    folder = run_there(tmp_path / "run", SHARED)
    to, checkpoint = tmp_path / "m.onnx", tmp_path / "m.safetensors"
    size = ("--alpha", "0.25", "--resolution", "160")
    status, told, error = command("export", folder, *size, "--to", to)
    assert status == 0, error
    assert "cut out of one shared training" in told
    # The same network as `evaluate --shared --export` writes.
    status, _, error = command("evaluate", "--shared", folder, *size, "--export", checkpoint)
    assert status == 0, error
    expected = np.asarray(checkpoints.load(checkpoint).model(jnp.asarray(images(17))))
    assert_near(by_onnxruntime(to.read_bytes(), images(17)), expected, 1e-4)


def test_another_size_than_it_was_trained_at_is_told_of(trained, tmp_path, command):
    call = ("export", kept(trained), "--to", tmp_path / "m.onnx", "--resolution", "32")
    status, told, error = command(*call)
    assert status == 0, error
    assert "trained at 17 px, and exported for 32" in told


def test_random_weights_are_for_timing_alone(tmp_path, command):
    size = ("--alpha", "0.25", "--resolution", "64")
    status, told, error = command("export", "random", *size, "--to", tmp_path / "m.onnx")
    assert status == 0, error
    assert "its weights are random: a file for timing alone" in told


@pytest.mark.parametrize("inside", ["", "val", "train"])
def test_a_folder_to_calibrate_by_needs_no_splits(inside, tmp_path, command):
    model = randomised(alpha=0.25, resolution=32, num_classes=7)
    checkpoints.save(model, tmp_path / "m.safetensors")
    write_folder(tmp_path / "data" / inside, {f"{name}/0.png": plain(40) for name in ("a", "b")})
    status, _, error = command(
        "export", tmp_path / "m.safetensors", "--to", tmp_path / "m.onnx", "--int8",
        "--calibrate", tmp_path / "data",
    )  # fmt: skip
    assert status == 0, error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("none.h5", "--to", "m.onnx"), "none.h5: there is no such file"),
        (("random", "--to", "m.onnx"), "which size? Give --alpha and --resolution"),
        (("{run}", "--to", "m.onnx"), "which network? Give --alpha and --resolution"),
        (("{run}", "--to", "figures"), "python -m sweep figures {run} --to figures"),
        (
            ("{run}", "--to", "m.onnx", "--alpha", "1.0", "--resolution", "160"),
            "has kept no network of separable 1-160; kept are shallow 0.25-160",
        ),
        (("{file}", "--to", "m.onnx", "--seed", "1"), "--seed: of a results folder alone"),
        (("{file}", "--to", "m.onnx", "--calibrate", "x"), "--calibrate: goes together with"),
        (("{file}", "--to", "{file}"), "must end in .onnx or .tflite"),
        (("{file}", "--to", "none/m.onnx"), "there is no folder"),
        (("{file}", "--to", "m.onnx", "--int8", "--calibrate", "none"), "--calibrate none: there"),
        (
            ("random", "--to", "m.onnx", "--int8", "--alpha", "0.25", "--resolution", "32"),
            "by which images? Give --calibrate FOLDER",
        ),
    ],
)
def test_what_can_not_be_is_one_message(
    trained, arguments, message, tmp_path, command, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    named = {"run": trained, "file": kept(trained)}
    status, _, error = command("export", *(each.format(**named) for each in arguments))
    assert status == 2
    assert message.format(**named) in flat(error)
    assert not list(tmp_path.iterdir())
