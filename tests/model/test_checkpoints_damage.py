"""Files that are damaged, or mean harm: one clear error, never another kind, a hang or a flood."""

import os
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import safetensors.numpy

from mnv1_flax.checkpoints import CheckpointError, keras_files, load
from tests.support.networks import keras_mobilenet, keras_save
from tests.support.tflite_files import (
    Quantised,
    Weights,
    operators,
    random_weights,
    write_converted,
    write_official,
)

# Thin, so that most of a file is its structure and damage hits that.
ALPHA = 0.04


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> dict[str, Path]:
    """A whole file of every kind, by suffix."""
    folder = tmp_path_factory.mktemp("whole")
    network = keras_mobilenet(ALPHA, 64, classes=3)
    names = ("x_1_0_64_tf.h5", "x.weights.h5", "x.keras")
    files = {f".{name.split('.', 1)[1]}": keras_save(network, folder / name) for name in names}
    weights = random_weights(ALPHA, 3)
    files[".tflite"] = write_official(folder / "x.tflite", ALPHA, 64, 3, weights)
    files[".safetensors"] = folder / "x.safetensors"
    safetensors.numpy.save_file({"conv_stem.weight": np.zeros(3)}, files[".safetensors"])
    return files


SUFFIXES = (".h5", ".weights.h5", ".keras", ".tflite", ".safetensors")


def error_of(file: Path, **arguments: Any) -> list[str]:
    with pytest.raises(CheckpointError) as caught:
        load(file, **{"resolution": 64, **arguments})
    message = str(caught.value)
    assert message.startswith(f"{file}: ")
    return message.removeprefix(f"{file}: ").splitlines()


def test_the_whole_files_load(whole):
    for suffix in SUFFIXES[:4]:
        assert load(whole[suffix], resolution=64).model.num_classes == 3


def test_no_such_file(tmp_path):
    assert error_of(tmp_path / "x.h5") == ["there is no such file"]


def test_a_pipe_is_not_waited_on(tmp_path):
    os.mkfifo(tmp_path / "x.h5")
    assert error_of(tmp_path / "x.h5") == ["is no ordinary file"]


def test_an_unknown_suffix_tells_the_known_ones(tmp_path):
    (tmp_path / "x.pth").write_bytes(b"")
    assert error_of(tmp_path / "x.pth") == [
        "suffix '.pth' is unknown; known are .h5, .hdf5, .keras, .tflite, .safetensors"
    ]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_bytes_of_anything_are_one_error(suffix, tmp_path):
    for number, content in enumerate(
        (b"", b"TFL3", np.random.default_rng(0).bytes(5000), b"\x89HDF\r\n\x1a\n" + bytes(4000))
    ):
        file = tmp_path / f"{number}{suffix}"
        file.write_bytes(content)
        assert len(error_of(file)) == 1


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_cut_off_anywhere_is_one_error(suffix, whole, tmp_path):
    content = whole[suffix].read_bytes()
    for share in (0.1, 0.5, 0.9, 0.999):
        file = tmp_path / f"cut{suffix}"
        file.write_bytes(content[: int(len(content) * share)])
        [line] = error_of(file)
        assert "whole" in line or "has none of" in line


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """A few bytes replaced, or four by an extreme number as an offset or a count might be."""
    changed = bytearray(content)
    for place in rng.integers(len(changed), size=rng.choice([1, 3, 10, 50])):
        if rng.random() < 0.5:
            changed[place] = rng.integers(256)
        else:
            extremes = [b"\xff" * 4, bytes(4), b"\xff\xff\xff\x7f", b"\x00\x00\x00\x80"]
            changed[place : place + 4] = extremes[rng.integers(4)]
    return bytes(changed)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damage_anywhere_is_a_checkpoint_error_or_changes_a_number(suffix, whole, tmp_path):
    rng = np.random.default_rng(SUFFIXES.index(suffix))
    content = whole[suffix].read_bytes()
    refused, began = [], time.monotonic()
    for number in range(40):
        file = tmp_path / f"{number}{suffix}"
        file.write_bytes(damaged(content, rng))
        try:
            load(file, resolution=64)
        except CheckpointError as error:
            refused.append(str(error).startswith(f"{file}: "))
    assert all(refused)
    assert len(refused) > 5
    assert time.monotonic() - began < 60


# HDF5


def changed_h5(whole: dict[str, Path], file: Path, change: Callable[[h5py.File], None]) -> Path:
    file.write_bytes(whole[".h5"].read_bytes())
    with h5py.File(file, "r+") as root:
        change(root)
    return file


def test_links_and_numbers_in_other_files_are_not_followed(whole, tmp_path):
    other = str(whole[".weights.h5"])
    (tmp_path / "secret").write_bytes(bytes(100))

    def change(root: h5py.File) -> None:
        kernel = "conv1/conv1/kernel"
        shape = (3, 3, 3, 1)
        del root[kernel], root["conv1_bn/conv1_bn/gamma"], root["conv1_bn/conv1_bn/beta"]
        del root["conv1_bn/conv1_bn/moving_mean"], root["conv1_bn/conv1_bn/moving_variance"]
        root[kernel] = h5py.ExternalLink(other, "layers/conv2d/vars/0")
        root["conv1_bn/conv1_bn/gamma"] = h5py.SoftLink("/conv_dw_1_bn/conv_dw_1_bn/gamma")
        outside = [(str(tmp_path / "secret"), 0, 4)]
        root.create_dataset("conv1_bn/conv1_bn/beta", (1,), "f4", external=outside)
        layout = h5py.VirtualLayout((1,), "f4")
        layout[:] = h5py.VirtualSource(other, "layers/batch_normalization/vars/2", shape[-1:])
        root.create_virtual_dataset("conv1_bn/conv1_bn/moving_mean", layout)
        root["conv1_bn/conv1_bn/moving_variance"] = np.asarray([b"text"])

    lines = error_of(changed_h5(whole, tmp_path / "x.h5", change))
    for line in (
        "  conv1_bn/conv1_bn/gamma, conv1/conv1/kernel: is a link to elsewhere, which is not "
        "followed",
        "  conv1_bn/conv1_bn/beta, conv1_bn/conv1_bn/moving_mean: has its numbers in another file, "
        "which is not read",
        "  conv1_bn/conv1_bn/moving_variance: is no array of numbers",
    ):
        assert line in lines


def test_groups_that_hold_themselves_end(whole, tmp_path):
    def change(root: h5py.File) -> None:
        root["conv1/again"] = root["conv1"]

    [line] = error_of(changed_h5(whole, tmp_path / "x.h5", change))
    assert line == "has too many or too deep groups for a checkpoint"


def test_arrays_that_are_declared_and_not_stored_are_not_made(whole, tmp_path):
    # A terabyte that takes no room in the file, and 400 MB that gzip makes 400 kB of.
    def declared(root: h5py.File) -> None:
        root.create_dataset("conv1/conv1/bias", (1 << 38,), "f4")

    lines = error_of(changed_h5(whole, tmp_path / "x.h5", declared))
    assert lines == ["conv1/conv1/bias: has no numbers stored"]

    def packed(root: h5py.File) -> None:
        made = root.create_dataset(
            "conv1/conv1/bias", (100, 1_000_000), "f4", chunks=(1, 1_000_000), compression="gzip"
        )
        made[0] = 0

    lines = error_of(changed_h5(whole, tmp_path / "y.h5", packed))
    assert lines[0].startswith("declares 400")


# Zip


def test_a_member_larger_than_it_may_be_is_not_unpacked(whole, tmp_path, monkeypatch):
    monkeypatch.setattr(keras_files, "MOST_BYTES", 1 << 20)
    file = tmp_path / "bomb.keras"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", bytes(2 << 20))
    assert error_of(file) == ["model.weights.h5 has 2097152 bytes, at most 1048576 is read"]
    content = file.read_bytes()
    size, lie = (2 << 20).to_bytes(4, "little"), (1 << 19).to_bytes(4, "little")
    assert content.count(size) == 2  # in the member's own header, and in the table at the end
    file.write_bytes(content.replace(size, lie))
    [line] = error_of(file)
    assert line.startswith("is no whole zip archive (Bad CRC-32")


def test_a_member_is_missing(tmp_path):
    file = tmp_path / "x.keras"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("config.json", "{}")
    assert error_of(file) == ["has no model.weights.h5"]


@pytest.mark.parametrize(
    "config",
    ["", "[]", "[" * 100_000, '{"config": {"layers": [1]}}', '{"config": {"layers": []}}', "\xff"],
)
def test_an_architecture_of_another_form(config, whole, tmp_path):
    file = tmp_path / "x.keras"
    with zipfile.ZipFile(whole[".keras"]) as source, zipfile.ZipFile(file, "w") as archive:
        archive.writestr("config.json", config.encode("latin-1"))
        archive.writestr("model.weights.h5", source.read("model.weights.h5"))
    [line] = error_of(file)
    assert line.startswith(("its architecture can't be read: ", "has nothing where conv_0"))


# TFLite


def test_every_operator_that_differs_is_named(tmp_path, monkeypatch):
    def change(options: Any) -> None:
        if options.layer == "conv_0":
            options.fusedActivationFunction = 1  # RELU, which has no ceiling
        elif options.layer == "depthwise_2":
            options.strideH = 1
        elif options.layer == "depthwise_3":
            options.depthMultiplier = 2
        elif options.layer == "pointwise_3":
            options.dilationWFactor = 2
        elif options.layer == "classifier":
            options.fusedActivationFunction = 3

    operators(change, monkeypatch)
    weights = random_weights(0.25, 3)
    bias = np.zeros(16, np.int32)
    weights["pointwise_1"].bias = bias  # without a scale
    weights["depthwise_5"].kernel = np.zeros((1, 3, 3, 63), np.float32)
    scales = Quantised(np.zeros((64, 1, 1, 64), np.int8), [1.0, 2.0], [0, 0])
    weights["pointwise_5"] = Weights(scales, weights["pointwise_5"].bias)
    lines = error_of(write_official(tmp_path / "x.tflite", 0.25, 64, 3, weights))
    assert lines == [
        "8 mismatches",
        "  operator 0 (CONV_2D): has FusedActivationFunction RELU, must have RELU6",
        "  operator 3 (DEPTHWISE_CONV_2D): has StrideH 1, must have 2",
        "  operator 5 (DEPTHWISE_CONV_2D): has DepthMultiplier 2, must have 1",
        "  operator 6 (CONV_2D): has DilationWFactor 2, must have 1",
        "  operator 28 (CONV_2D): has FusedActivationFunction RELU6, must have NONE",
        "  operator 2 (CONV_2D), bias: is INT32 without a scale",
        "  operator 10 (CONV_2D), weights: has 2 scales and 2 zero points along axis 0 of"
        " (64, 1, 1, 64)",
        "  operator 9 (DEPTHWISE_CONV_2D), weights: has shape (1, 3, 3, 63), must have"
        " (1, 3, 3, 64)",
    ]


def test_layers_that_are_padded_differently_are_named(tmp_path, monkeypatch):
    def change(options: Any) -> None:
        if options.layer == "depthwise_4":
            options.padding = 0  # SAME, after a PAD

    operators(change, monkeypatch)
    file = tmp_path / "x.tflite"
    write_converted(file, 0.25, 64, 3, random_weights(0.25, 3), (0, 1))
    lines = error_of(file)
    assert lines == ["operator 10 (DEPTHWISE_CONV_2D): must not have a PAD before it"]
    monkeypatch.undo()
    write_converted(file, 0.25, 64, 3, random_weights(0.25, 3), (2, 2))
    lines = error_of(file)
    # Of the five that have zeros around: the stem, and the four others of stride 2.
    assert lines == [
        "operator 1 (CONV_2D), operator 5 (DEPTHWISE_CONV_2D), operator 10 (DEPTHWISE_CONV_2D) and"
        " 2 more: has zeros ((2, 2), (2, 2)) around, must have same or symmetric"
        " padding, as the layers before it"
    ]


def test_another_network_is_told_by_its_operators(tmp_path, monkeypatch):
    from tests.support import tflite_files

    def softer(self: Any, name: str, *others: Any) -> int:
        return plain(self, "LOGISTIC" if name == "SOFTMAX" else name, *others)

    plain = tflite_files.Writer.operator
    monkeypatch.setattr(tflite_files.Writer, "operator", softer)
    file = write_official(tmp_path / "x.tflite", 0.25, 64, 3, random_weights(0.25, 3))
    assert error_of(file) == ["operator 30 (LOGISTIC): is not part of the network"]
