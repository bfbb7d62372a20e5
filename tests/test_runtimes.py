"""Runtimes: each opens its files and computes what their Python interfaces give by themselves."""

import json

import numpy as np
import onnx
import pytest

from mnv1_flax import export
from mnv1_flax.export.deployed import deployed
from sweep.measures.executed import executed, opened
from sweep.settings.registry import UnknownPartError, find
from tests.support.commands import ROOT, flat
from tests.support.image_files import write_folder
from tests.support.networks import randomised
from tests.support.runtimes import by_litert, by_onnxruntime, by_openvino

SHARED = ROOT.parent / "shared"
CLASSES = ("ash", "birch", "cedar", "dogwood", "elm", "fir", "ginkgo")
BY_THEMSELVES = {
    "onnxruntime": (".onnx", by_onnxruntime),
    "openvino": (".onnx", by_openvino),
    "litert": (".tflite", by_litert),
}


def written(folder, suffix, *, int8=False, batch=1, **others):
    """A file of a random network of seven classes at 32 px."""
    model = randomised(alpha=0.25, resolution=32, num_classes=7)
    path = folder / f"m{suffix}"
    shown = [images(batch, seed) for seed in range(5)] if int8 else None
    export.save(model, path, classes=CLASSES, int8=shown, batch=batch, **others)
    return path


def network_of(file, name):
    found = opened(file, name)
    assert found is not None
    return executed(*found)


def images(count, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (count, 32, 32, 3)).astype(np.float32)


@pytest.mark.parametrize("int8", [False, True])
@pytest.mark.parametrize("name", BY_THEMSELVES)
def test_a_program_computes_what_the_runtime_does_by_itself(name, int8, tmp_path):
    suffix, by_itself = BY_THEMSELVES[name]
    file = written(tmp_path, suffix, int8=int8)
    program = find("runtime", name)().open(file, threads=1)
    assert (program.resolution, program.num_classes, program.batch) == (32, 7, 1)
    assert program.quantised == int8
    assert tuple(json.loads(program.about["classes"])) == CLASSES
    shown = images(3, seed=9)
    found = np.concatenate([program(each[None]) for each in shown])
    expected = by_itself(file.read_bytes(), shown)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("name", BY_THEMSELVES)
def test_images_come_in_the_file_s_batches_and_range(name, tmp_path):
    """Seven images to calls of four; a network of [0, 255] sees pixels."""
    suffix, by_itself = BY_THEMSELVES[name]
    file = written(tmp_path, suffix, batch=4, input_range=(0.0, 255.0))
    trained = network_of(file, name)
    assert (trained.alpha, trained.resolution, trained.classes) == (0.25, 32, CLASSES)
    shown = images(7)
    found = trained.module(shown)
    alone = export.content(deployed(randomised(resolution=32, num_classes=7)), suffix)
    expected = by_itself(alone, (shown + 1) * 127.5)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("told", ["[1]", "[1, 0]", "[0, NaN]", '"wide"', "{", "null"])
def test_metadata_that_tell_no_range_are_passed_over(told, tmp_path):
    file = written(tmp_path, ".onnx")
    model = onnx.load(file)
    onnx.helper.set_model_props(model, {"input_range": told, "classes": told, "mobilenet_v1": told})
    onnx.save(model, file)
    trained = network_of(file, "onnxruntime")
    assert trained.notes[1] == "its images are in [-1, 1]"
    assert (trained.alpha, trained.classes) == (None, ())
    assert trained.module(images(2)).shape == (2, 7)


def test_a_runtime_of_nobody_s_is_refused():
    with pytest.raises(UnknownPartError, match=r"--runtime = .* one of litert, onnxruntime, openv"):
        find("runtime", "tensorrt")


@pytest.mark.parametrize("name", BY_THEMSELVES)
def test_a_file_that_is_none_is_one_message(name, tmp_path):
    file = tmp_path / f"m{BY_THEMSELVES[name][0]}"
    file.write_bytes(b"no network")
    with pytest.raises(ValueError, match=r"m\.(onnx|tflite): .* can't open it"):
        find("runtime", name)().open(file)


# On the command line


@pytest.fixture
def garden(tmp_path):
    """Twenty-one images of seven classes."""
    rng = np.random.default_rng(3)
    return write_folder(
        tmp_path / "garden",
        {
            f"{name}/{at}.png": rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            for name in CLASSES
            for at in range(3)
        },
    )


@pytest.mark.parametrize(
    ("suffix", "options", "note"),
    [
        (".onnx", (), "executed by onnxruntime"),
        (".onnx", ("--runtime", "openvino"), "executed by openvino"),
        (".tflite", ("--runtime", "litert"), "executed by ai-edge-litert"),
        (".tflite", (), "batch norm is folded into the weights"),
    ],
)
def test_evaluate_lets_it_be_executed(suffix, options, note, garden, tmp_path, command):
    """The answers are Flax's, whoever executes the float32 file."""
    file = written(tmp_path, suffix)
    call = ("evaluate", "--checkpoint", file, "--data", garden, "--crop", "1.0", "--json")
    status, told, error = command(*call, *options)
    assert status == 0, error
    found = json.loads(told)
    assert any(each.startswith(note) for each in found["notes"])
    assert found["top1"] == json.loads(command(*_of_flax(call, tmp_path))[1])["top1"]


def _of_flax(call, folder):
    from mnv1_flax import checkpoints

    own = folder / "own.safetensors"
    if not own.exists():
        checkpoints.save(randomised(resolution=32, num_classes=7), own, classes=CLASSES)
    return tuple(own if str(each).endswith((".onnx", ".tflite")) else each for each in call)


def test_a_quantised_file_of_tflite_is_litert_s_unless_flax_is_asked_for(garden, tmp_path, command):
    file = written(tmp_path, ".tflite", int8=True)
    call = ("evaluate", "--checkpoint", file, "--data", garden, "--json")
    status, told, error = command(*call)
    assert status == 0, error
    assert "in integers" in json.loads(told)["notes"][0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--runtime", "litert"), "--runtime litert: executes .tflite, and not"),
        (("--runtime", "tensorrt"), '--runtime = "tensorrt": must be one of'),
        (("--alpha", "0.5"), "is executed by onnxruntime as it is"),
    ],
)
def test_what_a_runtime_can_not_do_is_refused(options, message, garden, tmp_path, command):
    file = written(tmp_path, ".onnx")
    status, _, error = command("evaluate", "--checkpoint", file, "--data", garden, *options)
    assert status == 2
    assert message in flat(error)


@pytest.mark.shared
def test_the_official_quantised_file_gets_what_its_interpreter_gets(command):
    """shared/cases/README.md: LiteRT's interpreter on the 500 images, top-1 0.484, top-5 0.710."""
    data = SHARED / "data" / "imagenet-sample"
    status, told, error = command(
        "evaluate", "--checkpoint", SHARED / "cases" / "mobilenet_v1_0.25_160_quant.tflite",
        "--data", data, "--classes", data / "synsets.tsv", "--json",
    )  # fmt: skip
    assert status == 0, error
    found = json.loads(told)
    assert (found["n"], found["top1"], found["top5"]) == (500, 0.484, 0.71)
