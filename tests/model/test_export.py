"""Exported files, held against the runtimes that open them and the formats' own readers."""

import json
from typing import Any

import jax.numpy as jnp
import numpy as np
import onnx
import pytest

from mnv1_flax import checkpoints, export
from mnv1_flax.export.deployed import deployed
from mnv1_flax.export.int8 import int8_onnx, int8_tflite, quantisable
from tests.support.networks import randomised
from tests.support.runtimes import by_litert, by_onnxruntime, by_openvino, interpreter_of

NETWORKS = {
    "the paper's": {"alpha": 0.25, "resolution": 64},
    "odd maps": {"alpha": 0.5, "resolution": 75, "num_classes": 7},
    "PyTorch's padding, ReLU": {
        "alpha": 0.25,
        "resolution": 64,
        "padding": "symmetric",
        "activation": "relu",
    },
    "scales its images": {
        "alpha": 0.25,
        "resolution": 48,
        "kind": "shallow",
        "input_scale": 2.0,
        "input_offset": -1.0,
    },
    "full convolutions": {"alpha": 0.25, "resolution": 48, "kind": "standard"},
}
CLASSES = ("ash", "birch", "cedar", "dogwood", "elm", "fir", "ginkgo")


def images_of(model, count=3, seed=0):
    side = model.resolution
    return np.random.default_rng(seed).uniform(-1, 1, (count, side, side, 3)).astype(np.float32)


@pytest.fixture(params=NETWORKS.values(), ids=list(NETWORKS))
def model(request):
    """With batch norm whose statistics are not those of a new network."""
    return randomised(**request.param)


@pytest.mark.parametrize(
    ("suffix", "runtime"),
    [(".onnx", by_onnxruntime), (".onnx", by_openvino), (".tflite", by_litert)],
)
def test_a_runtime_gives_the_logits_of_flax(model, suffix, runtime):
    images = images_of(model)
    expected = np.asarray(model(jnp.asarray(images)))
    found = runtime(export.content(deployed(model), suffix), images)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def test_an_onnx_file_has_the_operators_that_runtimes_know():
    """27 convolutions, each with a Clip, and no Pad: TensorFlow's padding stands inside."""
    read = onnx.load_model_from_string(export.content(deployed(randomised()), ".onnx"))
    kinds = [node.op_type for node in read.graph.node]
    assert kinds == ["Conv", "Clip"] * 27 + ["GlobalAveragePool", "Flatten", "Gemm"]
    pads = {
        tuple(each.ints)
        for node in read.graph.node
        for each in node.attribute
        if each.name == "pads"
    }
    assert pads == {(0, 0, 0, 0), (0, 0, 1, 1), (1, 1, 1, 1)}


def test_a_tflite_file_has_the_operators_of_google_s_own():
    """ReLU6 is part of each convolution; mobilenet_v1_*.tflite of 2018 are built like this."""
    interpreter = interpreter_of(export.content(deployed(randomised()), ".tflite"))
    names = [each["op_name"] for each in interpreter._get_ops_details()]
    names = [name for name in names if name != "DELEGATE"]
    convolutions = ["CONV_2D", *["DEPTHWISE_CONV_2D", "CONV_2D"] * 13]
    assert names == [*convolutions, "AVERAGE_POOL_2D", "RESHAPE", "FULLY_CONNECTED"]


def test_a_tflite_file_read_again_is_the_same_network(tmp_path):
    model = randomised(alpha=0.25, resolution=64, padding="symmetric")
    export.save(model, tmp_path / "model.tflite")
    again = checkpoints.load(tmp_path / "model.tflite").model
    assert (again.alpha, again.resolution, again.padding) == (0.25, 64, "symmetric")
    images = jnp.asarray(images_of(model))
    np.testing.assert_allclose(again(images), model(images), rtol=0, atol=1e-4)


@pytest.mark.parametrize("suffix", [".onnx", ".tflite"])
def test_what_the_network_is_stands_in_the_file(tmp_path, suffix):
    path = tmp_path / f"model{suffix}"
    export.save(randomised(alpha=0.25, resolution=32, num_classes=7), path, classes=CLASSES)
    about = _about(path)
    assert tuple(json.loads(about["classes"])) == CLASSES
    assert json.loads(about["input_range"]) == [-1, 1]
    told = json.loads(about["mobilenet_v1"])
    assert (told["alpha"], told["resolution"], told["kind"]) == (0.25, 32, "separable")


def _about(path):
    if path.suffix == ".onnx":
        return {each.key: each.value for each in onnx.load(path).metadata_props}
    import tflite

    read: Any = tflite.Model.GetRootAs(path.read_bytes(), 0)
    entries = [read.Metadata(at) for at in range(read.MetadataLength())]
    return {
        each.Name().decode(): read.Buffers(each.Buffer()).DataAsNumpy().tobytes().decode()
        for each in entries
    }


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("suffix", [".onnx", ".tflite"])
def test_a_file_is_of_the_batch_that_is_asked_for(batch, suffix):
    made = export.content(deployed(randomised(resolution=32)), suffix, batch=batch)
    if suffix == ".onnx":
        (given,) = onnx.load_model_from_string(made).graph.input
        shape = [each.dim_value for each in given.type.tensor_type.shape.dim]
        assert shape == [batch, 3, 32, 32]
    else:
        (given,) = interpreter_of(made).get_input_details()
        assert given["shape"].tolist() == [batch, 32, 32, 3]


# int8


@pytest.mark.parametrize(
    ("quantised", "runtime"), [(int8_onnx, by_onnxruntime), (int8_tflite, by_litert)]
)
def test_int8_stays_near_the_float_network(quantised, runtime):
    """255 steps for the range of each map, 27 maps deep: about a tenth of the largest logit."""
    model = randomised(alpha=0.5, resolution=64, num_classes=7)
    network = deployed(model, classes=CLASSES)
    shown = images_of(model, 20, seed=1)
    made = quantised(network, [each[None] for each in shown])
    images = images_of(model, 10, seed=2)
    expected = np.asarray(model(jnp.asarray(images)))
    found = runtime(made, images)
    assert np.abs(found - expected).max() < 0.15 * np.abs(expected).max()
    # A quarter of the bytes, and some for scales.
    assert len(made) < 0.4 * len(export.content(network, ".onnx"))


def test_weights_are_int8_with_a_scale_for_each_channel():
    model = randomised(alpha=0.25, resolution=32, num_classes=7)
    network, shown = deployed(model), [images_of(model, 1)]
    interpreter = interpreter_of(int8_tflite(network, shown))
    kernels = [each for each in interpreter.get_tensor_details() if "kernel" in each["name"]]
    assert len(kernels) == 28
    for each, step in zip(kernels, network.steps, strict=True):
        assert each["dtype"] is np.int8
        assert len(each["quantization_parameters"]["scales"]) == len(step.bias)
    read = onnx.load_model_from_string(int8_onnx(network, shown))
    constants = {each.name: each for each in read.graph.initializer}
    own = [each for name, each in constants.items() if name.endswith("/0_quantized")]
    assert {each.data_type for each in own} == {onnx.TensorProto.INT8}
    assert len(own) == 28


def test_a_channel_whose_weights_are_all_zero_keeps_its_bias():
    """As four of the stem's are in Google's 0.5-160. Its bias is stored in steps of its weights'
    scale, which would be none.
    """
    model = randomised(alpha=0.25, resolution=32, num_classes=7).folded()
    for name in ("conv_0", "pointwise_1"):
        unit = model.units[name]
        unit.kernel[...] = unit.kernel[...].at[..., 0].set(0.0)
        unit.norm.bias[...] = unit.norm.bias[...].at[0].set(3.0)
    network = deployed(model)
    (step,) = [each for each in quantisable(network).steps if each.layer.name == "pointwise_1"]
    assert 0 < np.abs(step.kernel[:, 0]).max() <= 3.1e-4
    np.testing.assert_array_equal(step.kernel[:, 1:], network.steps[2].kernel[:, 1:])
    images = images_of(model, 10)
    made = int8_tflite(network, [each[None] for each in images])
    expected = np.asarray(model(jnp.asarray(images)))
    found = by_litert(made, images)
    assert np.abs(found - expected).max() < 0.15 * np.abs(expected).max()


# What can't be written


@pytest.mark.parametrize(
    ("name", "classes", "message"),
    [
        ("model.pb", (), r"must end in \.onnx or \.tflite"),
        ("there.onnx", (), "is there already"),
        ("model.onnx", ("ash", "birch"), "2 names of classes for 7 outputs"),
    ],
)
def test_what_can_not_be_written_is_refused(tmp_path, name, classes, message):
    (tmp_path / "there.onnx").touch()
    model = randomised(alpha=0.25, resolution=32, num_classes=7)
    with pytest.raises(export.ExportError, match=message):
        export.save(model, tmp_path / name, classes=classes)
    assert [each.name for each in tmp_path.iterdir()] == ["there.onnx"]
