"""Keras's files, written by Keras itself, against Keras's own logits; and what may be wrong."""

import json
import re
import shutil
import zipfile
from pathlib import Path
from typing import Any

import h5py
import jax
import keras
import numpy as np
import pytest
from flax import nnx

from mnv1_flax import MobileNetV1, Padding
from mnv1_flax.checkpoints import CheckpointError, from_keras, load
from tests.support.networks import (
    assert_same_logits,
    compiled_logits,
    keras_logits,
    keras_mobilenet,
    keras_save,
    random_images,
)

PAIRS = [(1.0, 64), (0.25, 128), (0.75, 32), (0.5, 96)]


def write_all(network: keras.Model, folder: Path, resolution: int) -> list[Path]:
    """The network as Keras writes it: legacy weights alone, weights with the architecture, and
    Keras 3's two kinds.
    """
    published = f"mobilenet_1_0_{resolution}_tf.h5"
    names = [published, "whole.h5", "whole.weights.h5", "whole.keras"]
    return [keras_save(network, folder / name) for name in names]


@pytest.mark.parametrize(("alpha", "resolution"), PAIRS)
def test_every_kind_of_file_gives_the_logits_of_keras(alpha, resolution, tmp_path):
    network = keras_mobilenet(alpha, resolution)
    images = random_images(resolution)
    expected = keras_logits(network, images)
    found = [
        load(file, resolution=resolution if file.name == "whole.weights.h5" else None)
        for file in write_all(network, tmp_path, resolution)
    ]
    found.append(from_keras(network))
    for checkpoint in found:
        model = checkpoint.model
        assert (model.alpha, model.resolution, model.num_classes) == (alpha, resolution, 1000)
        assert (model.padding, model.bn_epsilon) == (Padding.SAME, 1e-3)
        assert_same_logits(compiled_logits(model, images), expected, 1e-4)
    assert_same_logits(compiled_logits(found[0].model.folded(), images), expected, 1e-4)
    assert found[0].notes == (f"resolution {resolution} is from the file's name",)


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return keras_mobilenet(0.25, 96, classes=10)


@pytest.fixture(scope="module")
def files(network, tmp_path_factory) -> list[Path]:
    return write_all(network, tmp_path_factory.mktemp("keras"), 96)


def arrays(model: MobileNetV1) -> list[Any]:
    return jax.tree.leaves(nnx.state(model, (nnx.Param, nnx.BatchStat)))


def assert_same_arrays(found: MobileNetV1, expected: MobileNetV1) -> None:
    for ours, theirs in zip(arrays(found), arrays(expected), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_names_of_keras_1_and_2(files, tmp_path):
    # As in the published files: ":0" behind each weight, and depthwise kernels by their own name.
    old = tmp_path / "mobilenet_2_5_96_tf.h5"
    with h5py.File(files[0]) as new, h5py.File(old, "w") as root:

        def copy(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset):
                if name.startswith("conv_dw") and name.endswith("kernel"):
                    name = name.removesuffix("kernel") + "depthwise_kernel"
                root[f"{name}:0"] = item[()]

        new.visititems(copy)
    assert_same_arrays(load(old).model, load(files[0]).model)


def test_the_optimisers_state_is_left_out_and_said(network, files, tmp_path):
    network.compile("sgd", "mse")
    network.optimizer.build(network.trainable_variables)
    checkpoint = load(keras_save(network, tmp_path / "trained.keras"))
    assert checkpoint.notes == ("the optimizer's state in the file is left out",)
    assert_same_arrays(checkpoint.model, load(files[3]).model)


def test_an_odd_map_is_told_since_keras_pads_it_otherwise(files):
    # 80 px: 40, 20, 10, 5: the fourth block of stride 2 sees an odd side.
    with_odd = load(files[2], resolution=80)
    assert with_odd.notes[0].startswith(
        "at resolution 80 the maps into depthwise_12 have odd sides"
    )
    assert load(files[2], resolution=96).notes == ()


def changed_config(file: Path, to: Path, change: Any) -> Path:
    """A copy of a `.keras` file with its config.json changed in place."""
    with zipfile.ZipFile(file) as whole, zipfile.ZipFile(to, "w") as copy:
        for name in whole.namelist():
            data = whole.read(name)
            if name == "config.json":
                config = json.loads(data)
                change({layer["name"]: layer["config"] for layer in config["config"]["layers"]})
                data = json.dumps(config).encode()
            copy.writestr(name, data)
    return to


def test_an_architecture_that_differs_is_named_in_every_place(files, tmp_path):
    def change(layers: dict[str, dict[str, Any]]) -> None:
        layers["conv1"]["strides"] = [1, 1]
        layers["conv_dw_2"]["strides"] = [1, 1]
        layers["conv_dw_3"]["depth_multiplier"] = 2
        layers["conv_pw_3_relu"]["max_value"] = None
        layers["conv_dw_5_bn"]["epsilon"] = 1e-5
        [images] = [name for name in layers if name.startswith("input_layer")]
        layers[images]["batch_shape"] = [None, 96, 128, 3]

    with pytest.raises(CheckpointError) as caught:
        load(changed_config(files[3], tmp_path / "changed.keras", change))
    # Keras numbers the inputs of a session.
    assert re.sub(r"input_layer_\d+", "input_layer", str(caught.value)).splitlines() == [
        f"{tmp_path / 'changed.keras'}: 5 mismatches",
        "  input_layer: has shape [None, 96, 128, 3], must be square with 3 channels",
        "  conv1, conv_dw_2: has strides = [1, 1], must be [2, 2]",
        "  conv_dw_3: has depth_multiplier = 2, must be 1",
        "  batch norms have epsilon = 0.001, 1e-05, must have one",
        "  has activations relu6 (26, the first conv1_relu), relu (1, the first conv_pw_3_relu): "
        "must all be relu6, or all relu",
    ]


def test_the_epsilon_of_the_architecture_is_the_models(files, tmp_path):
    def change(layers: dict[str, dict[str, Any]]) -> None:
        for name, settings in layers.items():
            if name.endswith("_bn"):
                settings["epsilon"] = 0.01

    checkpoint = load(changed_config(files[3], tmp_path / "epsilon.keras", change))
    assert checkpoint.model.bn_epsilon == 0.01


@pytest.mark.parametrize("number", [0, 1])
def test_every_missing_unknown_and_wrong_array_is_named(files, tmp_path, number):
    file = tmp_path / files[number].name
    shutil.copy(files[number], file)
    above = "model_weights/" if number else ""
    with h5py.File(file, "r+") as root:
        del root[f"{above}conv1_bn/conv1_bn/gamma"]
        del root[f"{above}conv_preds/conv_preds/bias"]
        del root[f"{above}conv_dw_2/conv_dw_2/kernel"]
        root[f"{above}conv_dw_2/conv_dw_2/kernel"] = np.zeros((3, 3, 16, 2), np.float32)
        del root[f"{above}conv_pw_2/conv_pw_2/kernel"]
        root[f"{above}conv_pw_2/conv_pw_2/kernel"] = np.zeros((1, 1, 16, 32), np.float64)
        root[f"{above}conv_dw_14/conv_dw_14/kernel"] = np.zeros((3, 3, 256, 1), np.float32)
    with pytest.raises(CheckpointError) as caught:
        load(file)
    assert str(caught.value).splitlines() == [
        f"{file}: 4 mismatches",
        "  conv1_bn/gamma, conv_preds/bias: is missing",
        "  conv_dw_2/kernel: has shape (3, 3, 16, 2), must have (3, 3, 16, 1)",
        "  conv_pw_2/kernel: has dtype float64, must have one of float32, float16, bfloat16",
        "  conv_dw_14/kernel: is not part of the network",
    ]


def test_a_network_without_its_classifier_is_told():
    with pytest.raises(CheckpointError) as caught:
        from_keras(keras_mobilenet(0.25, 96, include_top=False))
    assert str(caught.value).splitlines() == [
        "Keras model mobilenet_0.25_96: has nothing where pool of the network has "
        "GlobalAveragePooling2D"
    ]


def test_alpha_is_read_from_the_widths_and_held_against_the_argument(files):
    assert load(files[0], alpha=0.25).model.alpha == 0.25
    # int(0.2502 * c) is int(0.25 * c) for every c of the network.
    assert load(files[0], alpha=0.2502).model.alpha == 0.2502
    with pytest.raises(CheckpointError, match=r"alpha = 0\.5 was given, .* are those of 0\.25"):
        load(files[0], alpha=0.5)


def test_an_unusual_alpha_is_the_shortest_that_fits(tmp_path):
    file = keras_save(keras_mobilenet(0.3, 64, classes=10), tmp_path / "odd.keras")
    checkpoint = load(file)
    # int(0.3 * 1024) = 307 and int(0.31 * 1024) = 317: one decimal suffices.
    assert checkpoint.model.alpha == 0.3
    assert checkpoint.notes == ("alpha 0.3 is read from the widths: no usual alpha has them",)


def test_a_resolution_is_asked_for_where_nothing_says_one(files):
    with pytest.raises(CheckpointError, match="neither the file nor its name says a resolution"):
        load(files[2])
    with pytest.raises(CheckpointError, match="resolution = 0: must be at least 1"):
        load(files[2], resolution=0)
    checkpoint = load(files[3], resolution=64)
    assert checkpoint.model.resolution == 64
    assert checkpoint.notes == ("the file's own resolution is 96",)
