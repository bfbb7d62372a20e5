"""Which answers are right: what everybody's argmax gives, and no accuracy where there is no answer.

Truth: NumPy's argmax and stable argsort, torch's argmax, and shares that follow from the labels.
"""

import json
from math import nan
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import pytest
from flax import nnx

from sweep.cli.main import main
from sweep.contracts import Network
from sweep.families.mobilenet_v1 import MobileNetV1Family
from sweep.measures.accuracy_sources import accuracy
from sweep.measures.scores import no_share, score_readings
from sweep.settings.config import AccuracySettings
from sweep.training.evaluation import Score, evaluate, ranks
from sweep.training.evaluation_images import TestImages
from sweep.types import Images
from tests.support.image_files import plain, write_folder
from tests.support.networks import save_constant
from tests.support.toys import point, quiet

CLASSES = 7


@pytest.fixture(scope="module")
def tied() -> npt.NDArray[np.float32]:
    """Whole numbers, of which many are the same: f32[500,7]."""
    return np.random.default_rng(0).integers(0, 4, (500, CLASSES)).astype(np.float32)


@pytest.mark.parametrize("label", range(CLASSES))
def test_ranks_are_those_of_a_stable_sort_and_the_first_is_everybodys_argmax(tied, label):
    labels = np.full(len(tied), label, np.int32)
    found = np.asarray(ranks(jnp.asarray(tied), jnp.asarray(labels)))
    order = np.argsort(-tied, axis=1, kind="stable")
    assert found.tolist() == np.argmax(order == label, axis=1).tolist()
    assert ((found == 0) == (tied.argmax(axis=1) == label)).all()


def test_numpys_argmax_is_torchs(tied):
    torch = pytest.importorskip("torch")
    assert torch.tensor(tied).argmax(dim=1).tolist() == tied.argmax(axis=1).tolist()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_no_answer_is_right_where_an_output_is_not_finite(bad):
    logits = jnp.asarray([[0.0, bad, 1.0], [0.0, 0.5, 1.0]])
    for label, right in ((0, [False, False]), (1, [False, False]), (2, [False, True])):
        within = ranks(logits, jnp.full(2, label, jnp.int32))
        assert (within < 1).tolist() == right
        assert (within < 5).tolist() == [False, True]


class Outputs(nnx.Module):
    """Of an image whose first pixel is 0 nothing but NaN; of others the row that it names."""

    def __init__(self, rows: npt.NDArray[np.float32]) -> None:
        self.rows = nnx.Param(jnp.asarray(rows))

    def __call__(self, images: jax.Array) -> jax.Array:
        numbers = images[:, 0, 0, 0].astype(jnp.int32)
        rows = jnp.asarray(self.rows[...])[jnp.maximum(numbers - 1, 0)]
        return jnp.where(numbers[:, None] > 0, rows, jnp.nan)


def scored(rows: npt.NDArray[np.float32], labels: npt.NDArray[np.int32], **others) -> Score:
    """Image i has the outputs rows[i]. With so many, the last batch is padded with zeros."""
    images = np.zeros((len(labels), 64, 64, 1), np.float32)
    images[:, 0, 0, 0] = np.arange(1, len(labels) + 1)
    batches = TestImages(Images(images, labels), 64, AccuracySettings())
    return evaluate(Outputs(rows), batches, **others)


def counts(score: Score) -> tuple[int, ...]:
    return score.images, score.top1, score.top5, score.not_finite


def score(images: int, top1: int, top5: int, not_finite: int = 0) -> Score:
    numbers = np.arange(images)
    return Score(numbers < top1, numbers < top5, not_finite)


def test_a_constant_network_has_the_share_of_the_first_class():
    labels = (np.arange(300) % 3).astype(np.int32) * 2  # a third each of 0, 2 and 4; 281 a batch
    constant = np.ones((300, 9), np.float32)
    assert counts(scored(constant, labels)) == (300, 100, 300, 0)
    assert counts(scored(constant, labels + 3)) == (300, 0, 100, 0)
    # Before the classes a background that scores higher than all.
    behind = np.concatenate([constant[:, :1] + 1, constant], axis=1)
    assert counts(scored(behind, labels, background=True)) == (300, 100, 300, 0)


def test_only_real_images_count_as_not_finite():
    rows, labels = np.zeros((300, 3), np.float32), np.zeros(300, np.int32)
    assert scored(rows, labels).not_finite == 0  # though the padding's outputs are NaN
    rows[[1, 299], 2] = np.nan, np.inf
    assert counts(scored(rows, labels)) == (300, 298, 298, 2)
    assert scored(rows[:, ::-1], labels, background=True).not_finite == 2


@pytest.mark.parametrize(
    ("score", "classes", "top1", "top5"),
    [
        (score(10, 4, 8), 9, "", ""),
        (score(10, 4, 8, 3), 9, "NaN or infinite) for 3 of 10", "NaN or infinite) for 3 of 10"),
        (score(0, 0, 0), 9, "could be read", "could be read"),
        (score(10, 4, 10), 5, "", "with 5 classes five guesses are always right"),
        (score(10, 10, 10), 1, "with 1 class one guess is always right", "with 1 class five"),
    ],
)
def test_a_share_that_says_nothing_is_a_reason(score, classes, top1, top5):
    for guesses, reason in ((1, top1), (5, top5)):
        found = no_share(score, classes, guesses)
        assert bool(found) == bool(reason)
        assert reason in found
    readings = list(
        score_readings(point(), score, classes, 32, "", 0, dataset="a set", precision="float32")
    )
    assert [reading.value for reading in readings[:2]] == [
        None if top1 else score.top1 / score.images,
        None if top5 else score.top5 / score.images,
    ]


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """A network that gives a NaN; six images of six classes."""
    folder = tmp_path_factory.mktemp("broken")
    save_constant([nan, 0, 0, 0, 0, 0], folder / "network.safetensors")
    write_folder(folder / "images", {f"{name}/a.png": plain(60) for name in "abcdef"})
    return folder


def test_outputs_that_are_not_finite_end_evaluate_with_one_line(broken, capsys):
    call = [
        "evaluate",
        "--checkpoint",
        broken / "network.safetensors",
        "--data",
        broken / "images",
        "--json",
    ]
    with pytest.raises(SystemExit) as ended:
        main([str(each) for each in call])
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (2, "")
    assert len(said.err.strip().splitlines()) == 1
    assert "are not finite (NaN or infinite) for 6 of 6 images" in said.err


def test_outputs_that_are_not_finite_are_readings_with_a_reason(broken):
    settings = AccuracySettings(
        source="checkpoints",
        checkpoints=str(broken / "network.safetensors"),
        dataset="imagefolder",
        data={"path": str(broken / "images")},
    )
    network = Network(point(0.25, 32), MobileNetV1Family())
    read: list[Any] = list(accuracy(settings)([network], quiet))
    readings = {each.metric.name: each for each in read}
    for name in ("top1", "top5"):
        assert readings[name].value is None
        assert "for 6 of 6 images" in readings[name].reason
    assert readings["test_images"].value == 6


def test_of_few_classes_evaluate_prints_no_top_5(tmp_path, capsys):
    save_constant([0, 0, 0, 0], tmp_path / "network.safetensors")
    write_folder(tmp_path / "images", {f"{name}/a.png": plain(60) for name in "abcd"})
    call = [
        "evaluate",
        "--checkpoint",
        tmp_path / "network.safetensors",
        "--data",
        tmp_path / "images",
    ]
    with pytest.raises(SystemExit, match="0"):
        main([str(each) for each in (*call, "--json")])
    found = json.loads(capsys.readouterr().out)
    # Of four classes with an image each the first is right.
    assert (found["top1"], found["top5"], found["top5_low"]) == (0.25, None, None)
