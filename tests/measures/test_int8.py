"""The measure of what accuracy 8 bits leave: held against the files that `export` writes."""

import json

import numpy as np
import pytest

from sweep.results.load import load
from sweep.results.points import tidy
from sweep.settings.config import SettingsError
from sweep.settings.registry import UnknownPartError
from tests.support import stripes
from tests.support.runs import plan_of, trained

TEXT = """
measures = ["accuracy", "int8"]
[grid]
alpha = [0.25]
resolution = [224]
kind = ["shallow"]
[accuracy]
dataset = "imagefolder"
data.path = "{path}"
title = "Stripes"
base_resolution = 32
epochs = 12
batch_size = 12
learning_rate = 0.1
symmetry = "mirror"
workers = 1
threads = 0
[int8]
runtimes = ["litert", "onnxruntime"]
calibration_images = 40
"""


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return TEXT.format(path=stripes.folder(tmp_path_factory.mktemp("images")))


@pytest.fixture(scope="module")
def run(text, tmp_path_factory):
    """A results folder with one network that has learnt stripes."""
    folder = tmp_path_factory.mktemp("int8") / "run"
    plan, _, _ = plan_of(folder, text)
    assert [task.measure.name for task in plan.tasks] == ["accuracy", "int8"]
    return trained(folder, text)


@pytest.mark.parametrize("runtime", ["litert", "onnxruntime"])
def test_it_reads_what_evaluate_reads_of_the_exported_file(run, runtime, tmp_path, command):
    suffix = {"litert": ".tflite", "onnxruntime": ".onnx"}[runtime]
    (kept,), file = (run / "networks").iterdir(), tmp_path / f"m{suffix}"
    status, _, error = command("export", kept, "--to", file, "--int8", "--calibration-images", "40")
    assert status == 0, error
    status, told, error = command("evaluate", "--checkpoint", file, "--run", run, "--json")
    assert status == 0, error
    readings = load(run).readings.set_index("metric")
    top1 = readings.loc[f"top1_int8_{runtime}"]
    assert top1["value"] == json.loads(told)["top1"] == np.mean(top1["samples"])
    assert (top1["runtime"], top1["precision"], len(top1["samples"])) == (runtime, "int8", 18)
    assert readings.loc[f"file_int8_{runtime}_bytes", "value"] == file.stat().st_size
    # Three classes of stripes that a network tells apart are told apart in 8 bits, too: chance is
    # one in three.
    assert readings.loc["top1", "value"] > 0.6
    assert top1["value"] > 0.6


def test_it_has_columns_beside_the_accuracy_and_is_no_axis(run):
    points = tidy(load(run))
    assert {"top1_int8_litert", "file_int8_onnxruntime_bytes"} <= set(points)
    assert "on_front_top1_int8_litert" not in points
    assert points["dataset"].tolist() == ["Stripes"]


def test_nothing_is_read_twice_and_no_training_depends_on_it(run, text):
    assert plan_of(run, text)[0].tasks == ()
    for change in ("calibration_images = 40", 'runtimes = ["litert", "onnxruntime"]'):
        other = text.replace(change, change.replace("40", "20").replace('"litert", ', ""))
        assert [task.measure.name for task in plan_of(run, other)[0].tasks] == ["int8"]


def test_a_network_that_is_trained_anew_is_quantised_anew(run, text):
    plan = plan_of(run, text.replace("epochs = 12", "epochs = 2"))[0]
    assert [task.measure.name for task in plan.tasks] == ["accuracy", "int8"]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (("[int8]", "keep = false\n[int8]"), SettingsError, "accuracy.keep = true"),
        (('["litert", "onnxruntime"]', '["tensorrt"]'), UnknownPartError, '"tensorrt": must be'),
    ],
)
def test_what_can_not_be_is_refused(change, error, message, text, tmp_path):
    with pytest.raises(error, match=message):
        plan_of(tmp_path / "run", text.replace(*change))
