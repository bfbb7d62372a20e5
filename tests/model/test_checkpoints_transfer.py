"""Networks as people fine-tune them: a head of their own, a model inside a model, images that the
network scales itself, ReLU in place of ReLU6. Written by Keras and as LiteRT reads them; each
against its own runtime.
"""

import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from mnv1_flax import Activation, Checkpoint
from mnv1_flax.checkpoints import CheckpointError, load
from tests.support.networks import (
    assert_same_logits,
    compiled_logits,
    keras_logits,
    keras_mobilenet,
    keras_save,
    random_images,
    randomise_keras,
)
from tests.support.tflite_files import (
    before_softmax,
    interpreted,
    operators,
    random_weights,
    the_output,
    write_official,
)

SHARED = Path(__file__).parents[3] / "shared"

SIDE = 64
PIXELS = (random_images(SIDE) + 1) * 127.5


def without_top(**others: Any) -> keras.Model:
    return keras_mobilenet(0.25, SIDE, include_top=False, **others)


def flat() -> keras.Model:
    base = without_top()
    pooled = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(base.output))
    return keras.Model(base.input, layers.Dense(5)(pooled))


def nested() -> keras.Model:
    """As Keras's guide to transfer learning has it."""
    images = keras.Input((SIDE, SIDE, 3))
    augmented = keras.Sequential([layers.RandomFlip(), layers.RandomRotation(0.1)])(images)
    scaled: Any = keras.applications.mobilenet.preprocess_input(augmented)
    pooled = layers.GlobalAveragePooling2D()(without_top()(scaled, training=False))
    return keras.Model(images, layers.Dense(5)(pooled))


def sequential() -> keras.Model:
    """As TensorFlow's tutorials have it, without a bias here."""
    scale = layers.Rescaling(1 / 127.5, offset=-1)
    head = layers.Dense(5, use_bias=False)
    return keras.Sequential([keras.Input((SIDE, SIDE, 3)), scale, without_top(pooling="avg"), head])


@pytest.mark.parametrize(
    ("make", "images"), [(flat, random_images(SIDE)), (nested, PIXELS), (sequential, PIXELS)]
)
@pytest.mark.parametrize("name", ["whole.keras", "whole.h5", "whole.hdf5"])
def test_a_network_with_a_head_of_its_own_gives_the_logits_of_keras(make, images, name, tmp_path):
    network = make()
    randomise_keras(network)
    checkpoint = load(written(network, tmp_path / name))
    model = checkpoint.model
    assert (model.alpha, model.resolution, model.num_classes) == (0.25, SIDE, 5)
    expected = keras_logits(network, images)
    assert_same_logits(compiled_logits(model, images), expected, 1e-4)
    assert_same_logits(compiled_logits(model.folded(), images), expected, 1e-4)
    # What the sweep hands it are images in [-1, 1], whatever it takes itself.
    in_ours = images if make is flat else images / 127.5 - 1
    assert_same_logits(compiled_logits(checkpoint.on_range(-1, 1), in_ours), expected, 1e-4)
    assert checkpoint.input_range == ((-1, 1) if make is flat else (0, 255))


def written(network: keras.Model, file: Path) -> Path:
    if file.suffix != ".hdf5":
        return keras_save(network, file)
    return keras_save(network, file.with_suffix(".h5")).rename(file)


def test_weights_alone_of_a_head_of_ones_own(tmp_path):
    network = flat()
    randomise_keras(network)
    images = random_images(SIDE)
    checkpoint = load(keras_save(network, tmp_path / "x.weights.h5"), resolution=SIDE)
    assert_same_logits(
        compiled_logits(checkpoint.model, images), keras_logits(network, images), 1e-4
    )
    assert any("the file does not say" in note for note in checkpoint.notes)


def test_what_older_kerases_write_of_the_same_network(tmp_path):
    network = flat()
    randomise_keras(network)
    file, old = keras_save(network, tmp_path / "new.h5"), tmp_path / "old.h5"
    with h5py.File(file) as new, h5py.File(old, "w") as root:
        new.visititems(lambda name, item: copied(root, name, item))
        config: Any = new.attrs["model_config"]
        told = json.loads(config)
        for layer in told["config"]["layers"]:
            if layer["class_name"] == "DepthwiseConv2D":
                layer["config"] |= {"groups": 1}  # which Keras 3 itself refuses
            before = [each["config"]["keras_history"] for each in tensors(layer["inbound_nodes"])]
            layer["inbound_nodes"] = [[[*each, {}] for each in before]] if before else []
        root.attrs["model_config"] = json.dumps(told)
    images = random_images(SIDE)
    assert_same_logits(
        compiled_logits(load(old).model, images), keras_logits(network, images), 1e-4
    )


def copied(root: h5py.File, name: str, item: Any) -> None:
    if isinstance(item, h5py.Dataset) and name.startswith("model_weights"):
        depthwise = "conv_dw" in name and name.endswith("kernel")
        root[f"{name.replace('kernel', 'depthwise_kernel') if depthwise else name}:0"] = item[()]


def tensors(node: Any) -> list[Any]:
    if isinstance(node, dict) and node.get("class_name") == "__keras_tensor__":
        return [node]
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return [found for each in inner for found in tensors(each)]


def test_relu_in_place_of_relu6_is_keras_s(tmp_path):
    network = keras_mobilenet(0.25, SIDE, classes=5)
    images = random_images(SIDE)
    with_six = keras_logits(network, images)
    for layer in network.layers:
        if isinstance(layer, layers.ReLU):
            layer.max_value = None
    network.make_predict_function(force=True)
    expected = keras_logits(network, images)
    assert np.abs(with_six - expected).max() > 1e-3 * np.abs(expected).max()
    checkpoint = load(keras_save(network, tmp_path / "relu.keras"))
    assert checkpoint.model.activation is Activation.RELU
    assert_same_logits(compiled_logits(checkpoint.model, images), expected, 1e-4)
    assert_same_logits(compiled_logits(checkpoint.model.folded(), images), expected, 1e-4)


def two_heads() -> keras.Model:
    base = without_top(pooling="avg")
    hidden = layers.Dense(16, activation="relu")(base.output)
    return keras.Model(base.input, layers.Dense(5)(hidden))


def of_python() -> keras.Model:
    images = keras.Input((SIDE, SIDE, 3))
    scaled = layers.Lambda(lambda x: x / 255, output_shape=(SIDE, SIDE, 3))(images)
    return keras.Model(images, layers.Dense(5)(without_top(pooling="avg")(scaled)))


def by_channel() -> keras.Model:
    images = keras.Input((SIDE, SIDE, 3))
    scaled = layers.Rescaling([0.1, 0.2, 0.3])(images)
    return keras.Model(images, layers.Dense(5)(without_top(pooling="avg")(scaled)))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (two_heads, "has 2 Dense layers behind its pool, must have one"),
        (of_python, "has Lambda .* what it does is Python code, which is not run"),
        (by_channel, "has Rescaling .* a scale for each channel is not read"),
    ],
)
def test_what_is_another_network_is_said_in_one_line(make, says, tmp_path):
    with pytest.raises(CheckpointError, match=says) as caught:
        load(keras_save(make(), tmp_path / "x.keras"))
    assert "\n" not in str(caught.value)


def test_a_lambda_is_never_run(tmp_path):
    # Keras stores its bytecode; nothing of it is unmarshalled here.
    file = keras_save(of_python(), tmp_path / "x.keras")
    with zipfile.ZipFile(file) as whole:
        assert b"Lambda" in whole.read("config.json")
    with pytest.raises(CheckpointError):
        load(file)


def read(file: Path) -> tuple[Checkpoint, Any]:
    """The checkpoint, and images in its own range."""
    checkpoint = load(file)
    low, high = checkpoint.input_range
    return checkpoint, low + (random_images(SIDE) + 1) / 2 * (high - low)


@pytest.mark.parametrize(
    ("first", "scaling"),
    [
        ([("MUL", 1 / 127.5), ("SUB", 1.0)], (1 / 127.5, -1.0)),
        ([("SUB", 127.5), ("DIV", 127.5)], (1 / 127.5, -1.0)),
        ([("ADD", 3.0), ("MUL", 0.01)], (0.01, 0.03)),
    ],
)
def test_a_tflite_file_that_scales_its_images_gives_the_interpreters_logits(
    first, scaling, tmp_path
):
    file = write_official(tmp_path / "x.tflite", 0.25, SIDE, 5, random_weights(0.25, 5), first)
    checkpoint, images = read(file)
    assert checkpoint.input_range == (0, 255)
    model = checkpoint.model
    assert (model.input_scale, model.input_offset) == pytest.approx(scaling, rel=1e-6)
    expected = interpreted(file, images.astype(np.float32), before_softmax)
    assert_same_logits(compiled_logits(model, images), expected, 1e-3)


def test_a_tflite_file_with_relu_gives_the_interpreters_logits(tmp_path, monkeypatch):
    def change(options: Any) -> None:
        if options.layer != "classifier":
            options.fusedActivationFunction = 1

    operators(change, monkeypatch)
    weights = random_weights(0.25, 5)
    for each in weights.values():  # so that maps go beyond 6
        each.kernel = each.kernel * 1.3 if isinstance(each.kernel, np.ndarray) else each.kernel
    file = write_official(tmp_path / "x.tflite", 0.25, SIDE, 5, weights)
    checkpoint, images = read(file)
    assert checkpoint.model.activation is Activation.RELU
    expected = interpreted(file, images, before_softmax)
    assert_same_logits(compiled_logits(checkpoint.model, images), expected, 1e-3)


@pytest.mark.shared
def test_the_visual_wake_words_network_is_the_interpreters():
    file = SHARED / "cases" / "vww_96_float.tflite"
    model = load(file).model
    images = random_images(96)
    logits = compiled_logits(model, images)
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    softmax = exponents / exponents.sum(axis=1, keepdims=True)
    found = interpreted(file, images, the_output)
    np.testing.assert_allclose(softmax, found, atol=1e-5)
