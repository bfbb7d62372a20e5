"""The project's own checkpoints: bit for bit, whole or not there, and every mismatch named."""

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import safetensors.numpy
from flax import nnx

from mnv1_flax import Kind, MobileNetV1
from mnv1_flax.checkpoints import CheckpointError, load, own, safetensors_files, save
from tests.support.networks import compiled_logits, random_images


def small(randomise: Any, kind: str = "shallow", **others: Any) -> MobileNetV1:
    model = MobileNetV1(0.25, 48, 7, kind, rngs=nnx.Rngs(3), **others)
    randomise(model)
    model.eval()
    return model


def arrays(model: MobileNetV1) -> dict[Any, Any]:
    return dict(nnx.to_flat_state(nnx.state(model, (nnx.Param, nnx.BatchStat))))


def assert_bitwise_the_same(found: MobileNetV1, expected: MobileNetV1) -> None:
    ours, theirs = arrays(found), arrays(expected)
    assert ours.keys() == theirs.keys()
    for path, variable in theirs.items():
        assert type(ours[path]) is type(variable)
        assert ours[path][...].dtype == variable[...].dtype
        assert np.asarray(ours[path]).tobytes() == np.asarray(variable).tobytes()


SETTINGS = [
    {"kind": kind, "padding": padding} for kind in Kind for padding in ("same", "symmetric")
]
SETTINGS[0] |= {"bn_epsilon": 1e-5, "bn_momentum": 0.9, "dropout_rate": 0.2, "dtype": "bfloat16"}
SETTINGS[1] |= {"activation": "relu", "input_scale": 0.5, "input_offset": -0.25}


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda each: f"{each['kind']}-{each['padding']}")
@pytest.mark.parametrize("folded", [False, True])
def test_what_is_saved_comes_back(settings, folded, randomise, tmp_path):
    model = small(randomise, **settings)
    model = model.folded() if folded else model
    save(model, tmp_path / "saved.safetensors")
    checkpoint = load(tmp_path / "saved.safetensors")
    found = checkpoint.model
    assert checkpoint.notes == ()
    assert_bitwise_the_same(found, model)
    assert found.arguments() == model.arguments()


def test_one_network_is_one_file_byte_for_byte(randomise, tmp_path):
    model = small(randomise)
    names = [tmp_path / f"{number}.safetensors" for number in range(6)]
    for name in names:
        save(model, name, classes=["a", "\u00fc", *list("bcdef")])
    assert len({name.read_bytes() for name in names}) == 1
    # The library itself reads it.
    assert len(safetensors.numpy.load_file(names[0])) == len(arrays(model))


def test_a_network_of_the_usual_kind_is_written_as_by_earlier_versions(randomise, tmp_path):
    save(small(randomise), tmp_path / "saved.safetensors")
    with safetensors.safe_open(tmp_path / "saved.safetensors", "numpy") as file:
        told = json.loads(file.metadata()["mobilenet_v1"])
    # Which refuse an argument that they don't know: as they had them, and no more.
    names = "alpha resolution num_classes kind padding batch_norm bn_epsilon bn_momentum"
    assert list(told) == f"{names} dropout_rate dtype".split()


def test_the_range_of_its_images_is_kept(randomise, tmp_path):
    save(small(randomise), tmp_path / "saved.safetensors", input_range=(0, 255))
    assert load(tmp_path / "saved.safetensors").input_range == (0, 255)


def test_what_its_outputs_are_of_is_kept_and_readable_by_anybody(randomise, tmp_path):
    names = ["acorn", "bee", "cloud", "daïs", "elm", "fox", "gate"]
    save(small(randomise), tmp_path / "saved.safetensors", classes=names)
    assert load(tmp_path / "saved.safetensors").classes == tuple(names)
    with safetensors.safe_open(tmp_path / "saved.safetensors", "numpy") as file:
        told = file.metadata()
    assert json.loads(told["classes"]) == names
    assert json.loads(told["input_range"]) == [-1, 1]
    assert json.loads(told["mobilenet_v1"])["resolution"] == 48


def test_other_names_than_were_saved_are_damage_and_too_few_are_refused(randomise, tmp_path):
    file = tmp_path / "saved.safetensors"
    save(small(randomise), file, classes=list("abcdefg"))
    content = file.read_bytes()
    file.write_bytes(content.replace(b'\\"g\\"', b'\\"x\\"'))
    assert content != file.read_bytes()
    assert "is damaged" in error_of(file)[0]
    file.unlink()
    save(small(randomise), file, classes=list("abc"))
    assert "has 7 outputs and names 3" in error_of(file)[0]


def test_logits_are_bitwise_the_same_and_it_can_train_on(randomise, tmp_path):
    model = small(randomise, dropout_rate=0.5)
    save(model, tmp_path / "saved.safetensors")
    found = load(tmp_path / "saved.safetensors").model
    images = random_images(48)
    np.testing.assert_array_equal(compiled_logits(found, images), compiled_logits(model, images))
    found.train()
    moved = compiled_logits(found, images)
    assert np.isfinite(moved).all()
    assert not np.array_equal(moved, compiled_logits(model, images))


@pytest.mark.parametrize("interrupted", ["write_bytes", "rename"])
def test_an_interrupted_save_leaves_nothing(interrupted, randomise, tmp_path, monkeypatch):
    # While the file is written, and when all is written but for the last step.
    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    model = small(randomise)
    monkeypatch.setattr(Path, interrupted, stop)
    with pytest.raises(KeyboardInterrupt):
        save(model, tmp_path / "runs" / "saved.safetensors")
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_checkpoint_is_never_overwritten(randomise, tmp_path):
    save(small(randomise), tmp_path / "saved.safetensors")
    first = load(tmp_path / "saved.safetensors").model
    with pytest.raises(CheckpointError, match="is there already"):
        save(small(randomise).folded(), tmp_path / "saved.safetensors")
    assert_bitwise_the_same(load(tmp_path / "saved.safetensors").model, first)


def test_arguments_that_differ(randomise, tmp_path):
    save(small(randomise), tmp_path / "saved.safetensors")
    with pytest.raises(CheckpointError, match=r"saved.safetensors: has alpha 0\.25, not 0\.5"):
        load(tmp_path / "saved.safetensors", alpha=0.5)
    checkpoint = load(tmp_path / "saved.safetensors", resolution=64, lowering="grouped")
    assert (checkpoint.model.resolution, checkpoint.model.lowering) == (64, "grouped")
    assert checkpoint.notes == ("the file's own resolution is 48",)


@pytest.fixture
def saved(randomise, tmp_path) -> Path:
    save(small(randomise), tmp_path / "saved.safetensors")
    return tmp_path / "saved.safetensors"


def rewrite(file: Path, **changed: Any) -> None:
    """Changes the arguments, and signs the file anew; "out" takes one out."""
    arrays, metadata = safetensors_files.read(file)
    network = json.loads(metadata[own.NETWORK]) | changed
    text = json.dumps({key: value for key, value in network.items() if value != "out"})
    metadata |= {own.NETWORK: text}
    safetensors.numpy.save_file(arrays, file, metadata | {"sha256": own._digest(metadata, arrays)})


def error_of(file: Path) -> list[str]:
    with pytest.raises(CheckpointError) as caught:
        load(file)
    return str(caught.value).removeprefix(f"{file}: ").splitlines()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"alpha": -1.0}, "alpha = -1.0: must be a finite number above 0"),
        ({"alpha": 1e308}, "is of no network"),
        ({"alpha": "wide"}, "is of no network"),
        ({"kind": "out"}, "its arguments must be alpha"),
        ({"colour": "green"}, "its arguments must be alpha"),
        ({"resolution": 0}, "resolution = 0: must be at least 1"),
        ({"kind": "deep"}, "kind = 'deep': must be one of separable"),
        ({"dtype": "float33"}, "float33"),
        ({"padding": "valid"}, "padding = 'valid': must be one of same"),
    ],
)
def test_an_argument_out_of_range_is_named(saved, changed, message):
    rewrite(saved, **changed)
    [line] = error_of(saved)
    assert message in line


def test_arrays_that_dont_fit_the_arguments_are_named(saved):
    rewrite(saved, num_classes=8)
    assert error_of(saved) == [
        "2 mismatches",
        "  classifier/bias: has shape (7,), must have (8,)",
        "  classifier/kernel: has shape (256, 7), must have (256, 8)",
    ]
    rewrite(saved, num_classes=7, batch_norm=False)
    # Scale, mean and variance behind each of 17 convolutions: 51.
    assert error_of(saved) == [
        "units/conv_0/norm/mean, units/conv_0/norm/scale, units/conv_0/norm/var and 48 more: "
        "is not part of the network"
    ]


def test_a_huge_alpha_reads_nothing(saved):
    rewrite(saved, alpha=1e6)
    lines = error_of(saved)
    assert any("has shape (3, 3, 3, 8), must have (3, 3, 3, 32000000)" in line for line in lines)


@pytest.mark.parametrize("place", ["arguments", "numbers"])
def test_a_flipped_bit_is_told(saved, place):
    content = bytearray(saved.read_bytes())
    content[content.index(b"0.25") if place == "arguments" else len(content) // 2] ^= 1
    saved.write_bytes(content)
    assert error_of(saved) == ["is damaged: its numbers are not those that were saved"]


def test_values_come_back_that_only_bits_tell_apart(randomise, tmp_path):
    model = small(randomise)
    kernel = model.units["pointwise_3"].kernel
    odd = np.asarray(kernel[...]).copy()
    odd.reshape(-1)[:5] = [np.nan, -0.0, np.inf, 1e-45, np.float32(0.1)]
    kernel[...] = jax.numpy.asarray(odd)
    save(model, tmp_path / "saved.safetensors")
    assert_bitwise_the_same(load(tmp_path / "saved.safetensors").model, model)
