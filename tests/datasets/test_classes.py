"""Which output is which class: mapped by name, asked for and told, or refused; never guessed."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sweep.cli.main import main
from sweep.contracts import Measure, Network
from sweep.families.mobilenet_v1 import MobileNetV1Family
from sweep.measures.accuracy_sources import accuracy
from sweep.measures.checkpoint_accuracy import has_background
from sweep.settings.config import AccuracySettings, SettingsError, validated
from sweep.settings.registry import make_dataset
from tests.support.image_files import plain, write_folder
from tests.support.networks import save_constant
from tests.support.parquet_files import parquet, table, write
from tests.support.toys import point, quiet

SHARED = Path(__file__).parents[3] / "shared"
FLOWERS = ("daisy", "dandelion", "roses", "sunflowers", "tulips")


def names(count: int) -> tuple[str, ...]:
    return tuple(f"class{number}" for number in range(count))


# Background classes


@pytest.mark.parametrize(
    ("outputs", "classes", "asked", "found"),
    [
        (5, 5, False, False),
        (1000, 1000, False, False),
        (1001, 1001, False, False),
        (1001, 1000, False, True),  # TensorFlow's convention for ImageNet
        (1001, 1000, True, True),
        (5, 4, True, True),
    ],
)
def test_a_background_is_ImageNets_or_asked_for(outputs, classes, asked, found):  # noqa: N802
    assert has_background(outputs, names(classes), asked) == found


@pytest.mark.parametrize(
    ("outputs", "classes", "asked", "remedy"),
    [
        (5, 4, False, "a list of all 5 in the order of the outputs (--classes FILE, or"),
        (5, 4, False, "(--background, or accuracy.background = true)"),
        (
            2,
            1,
            False,
            "outputs of the network: 2; classes of the data set: 1 (class0): give a list",
        ),
        (1000, 999, False, "give a list of all 1000"),
        (1002, 1001, False, "give a list of all 1002"),
        (6, 4, True, "give a list of all 6"),
        (1, 4, False, "the network: 1; classes of the data set: 4 (class0, class1, class2"),
        (5, 5, True, "and nowhere else"),
        (1000, 1000, True, "and nowhere else"),
    ],
)
def test_other_numbers_are_refused_with_what_to_say(outputs, classes, asked, remedy):
    with pytest.raises(ValueError, match="outputs of the network") as caught:
        has_background(outputs, names(classes), asked)
    assert remedy in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_background_is_for_networks_that_others_trained():
    with pytest.raises(SettingsError, match='background is for source = "checkpoints"'):
        validated(AccuracySettings, {"background": True}, source="x")


# Networks whose answer is always "roses"


@pytest.fixture(scope="module")
def roses(tmp_path_factory) -> Path:
    """One of five outputs, one of six, the first of which is a background that scores higher."""
    folder = tmp_path_factory.mktemp("roses")
    save_constant([0, 0, 3, 0, 0], folder / "5.safetensors")
    save_constant([9, 0, 0, 3, 0, 0], folder / "6.safetensors")
    (folder / "flowers.txt").write_text("\n".join(FLOWERS) + "\n")
    return folder


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    """An image of each flower but the tulip, and two of roses: 2 of 5 are right."""
    files = {f"{name}/1.png": plain(90) for name in FLOWERS[:-1]} | {"roses/2.png": plain(10)}
    return write_folder(tmp_path_factory.mktemp("flowers"), files)


def evaluate(capsys, *call: str | Path) -> tuple[float | None, str]:
    """(top-1, notes), or (None, what was said)."""
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", *map(str, call), "--json"])
    said = capsys.readouterr()
    if ended.value.code:
        assert ended.value.code == 2
        return None, " ".join(said.err.split())
    found = json.loads(said.out)
    return found["top1"], "; ".join(found["notes"])


def test_evaluate_asks_or_tells_which_output_is_which(roses, images, capsys):
    five = ("--checkpoint", roses / "5.safetensors", "--data", images)
    listed = ("--classes", roses / "flowers.txt")
    assert evaluate(capsys, *five)[1].startswith(
        "outputs of the network: 5; classes of the data set: 4 (daisy, dandelion, roses and"
    )
    told = "no image of 1 of the 5 classes (tulips)"
    assert evaluate(capsys, *five, *listed) == (0.4, told)
    # Said to be a background, output 0 is one: output 2, counted from there, is "dandelion".
    top1, told = evaluate(capsys, *five, "--background")
    assert top1 == 0.2
    assert "the first of 5 outputs is left away as a background class" in told
    assert "the names of the folders, sorted (daisy, dandelion, roses and 1 more)" in told

    six = ("--checkpoint", roses / "6.safetensors", "--data", images, *listed)
    assert "network: 6; classes of the data set: 5 " in evaluate(capsys, *six)[1]
    assert evaluate(capsys, *six, "--background")[0] == 0.4


def test_a_sweep_asks_and_tells_likewise(roses, images):
    def measure(**changes) -> Measure:
        data = {"path": str(images), "classes": str(roses / "flowers.txt")}
        fixed = {"source": "checkpoints", "checkpoints": str(roses / "6.safetensors"), "data": data}
        values = fixed | {"dataset": "imagefolder"} | changes
        return accuracy(AccuracySettings.model_validate(values))

    network = Network(point(0.25, 32), MobileNetV1Family())
    with pytest.raises(ValueError, match=r"accuracy\.background = true"):
        list(measure()([network], quiet))
    asked = measure(background=True)
    reading: Any = next(iter(asked([network], quiet)))
    assert reading.value == 0.4
    assert "the first of 6 outputs is left away as a background class" in reading.note
    assert "no image of 1 of the 5 classes (tulips)" in reading.note
    assert asked.identity() != measure().identity()


# Labels that are numbers, with and without names


def listed(folder: Path, *lines: str) -> str:
    path = folder / "list.txt"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


OWN = ("dandelion", "daisy", "tulips")  # of labels 0, 1 and 2


def test_a_list_maps_the_names_of_labels(tmp_path):
    path = write(tmp_path / "x.parquet", table([1, 2, 3, 4], [0, 1, 2, 0], names=OWN))
    dataset = parquet(path=path, classes=listed(tmp_path, *FLOWERS))
    assert dataset.class_names == FLOWERS
    assert dataset.class_order() == ""
    assert dataset.records("validation").labels.tolist() == [1, 0, 4, 1]
    assert parquet(path=path).class_order() == f"the names in {path}"
    assert parquet(path=path).records("validation").labels.tolist() == [0, 1, 2, 0]


def test_the_order_of_a_list_is_part_of_what_was_measured(tmp_path):
    labels = [0, 1, 2]
    one = write(tmp_path / "1.parquet", table(labels, labels, names=OWN))
    two = write(tmp_path / "2.parquet", table(labels, labels, names=OWN[::-1]))
    classes = listed(tmp_path, *FLOWERS)
    assert (
        parquet(path=one, classes=classes).identity()
        != parquet(path=two, classes=classes).identity()
    )
    # As it was before lists mapped anything, where there is nothing to map.
    same = listed(tmp_path, *OWN)
    assert parquet(path=one, classes=same).identity() == parquet(path=one).identity()


@pytest.mark.parametrize(
    ("lines", "own", "words"),
    [
        (("daisy", "roses", "tulips"), OWN, "the class 'dandelion' is no class of that list; it"),
        (("a", "b", "c"), OWN, "the class 'daisy' is no class of that list (and 2 more); it has a"),
        (("daisy", "tulips"), OWN, "the class 'dandelion' is no class of that list"),
        ((*FLOWERS, "daisy"), OWN, "the class 'daisy' is there twice"),
        (FLOWERS, ("daisy", "tulips", "daisy"), "the class 'daisy' is there twice"),
    ],
)
def test_a_list_that_does_not_fit_the_names_is_refused(tmp_path, lines, own, words):
    path = write(tmp_path / "x.parquet", table([1, 2, 3], [0, 1, 2], names=own))
    classes = listed(tmp_path, *lines)
    with pytest.raises(SettingsError) as caught:
        parquet(path=path, classes=classes).records("validation")
    assert str(caught.value).startswith(f"classes = {classes!r}: ")
    assert words in str(caught.value)


def test_names_that_no_image_has_need_not_be_listed_and_may_be_there_twice(tmp_path):
    path = write(tmp_path / "x.parquet", table([1, 2], [1, 2], names=("background", *OWN)))
    dataset = parquet(path=path, classes=listed(tmp_path, *FLOWERS))
    assert dataset.records("validation").labels.tolist() == [1, 0]
    # The words of ImageNet have "crane" twice, and "maillot".
    twice = ("crane", "ox", "crane")
    path = write(tmp_path / "x.parquet", table([1, 2, 3], [0, 1, 2], names=twice))
    dataset = parquet(path=path, classes=listed(tmp_path, *twice))
    assert dataset.records("validation").labels.tolist() == [0, 1, 2]


def test_files_that_name_their_classes_differently_are_refused(tmp_path):
    for name, own in (("test-0", OWN), ("test-1", OWN[::-1])):
        write(tmp_path / f"{name}.parquet", table([1], [0], names=own))
    with pytest.raises(SettingsError, match="names its classes otherwise than"):
        _ = parquet(path=tmp_path).class_names
    (tmp_path / "test-1.parquet").rename(tmp_path / "train-1.parquet")
    with pytest.raises(SettingsError, match="its splits name the classes in different ways"):
        _ = parquet(path=tmp_path).class_names


@pytest.mark.parametrize("kind", ["parquet", "numpy"])
def test_a_list_for_labels_without_names_counts_lines_and_says_so(tmp_path, kind):
    if kind == "parquet":
        path = write(tmp_path / "x.parquet", table([1, 2, 3], [2, 0, 1]))
    else:
        path = tmp_path / "x.npz"
        np.savez(path, images=np.zeros((3, 8, 8, 3), np.uint8), labels=np.array([2, 0, 1]))

    def made(*lines: str):
        classes = {"classes": listed(tmp_path, *lines)} if lines else {}
        dataset: Any = make_dataset(kind, {"path": str(path)} | classes)
        return dataset.records("validation").labels.tolist(), dataset.class_order()

    assert made() == ([2, 0, 1], "the labels, which are plain numbers")
    labels, order = made(*FLOWERS)
    assert labels == [2, 0, 1]
    assert order.startswith("label i is line i of ")
    # A list of the labels themselves: 0 is the last output, 1 the first.
    assert made("1", "2", "0") == ([1, 2, 0], "")
    assert made("3", "1", "2")[0] == [2, 0, 1]  # other numbers are names like any


@pytest.mark.shared
@pytest.mark.parametrize(
    ("data", "others", "top1"),
    [
        ("order", ["--classes"], 1.0),
        ("five", [], 1.0),
        ("background", ["--classes"], 1.0),
        ("background", [], None),
    ],
)
def test_the_cases_of_people_who_do_this_job(data, others, top1, capsys):
    cases = SHARED / "cases"
    others = [*others, cases / "flowers.txt"] if others else []
    network = cases / "five_0.25_128.keras"
    found, said = evaluate(capsys, "--checkpoint", network, "--data", cases / data, *others)
    assert found == top1
    assert top1 is not None or "network: 5; classes of the data set: 4 " in said
