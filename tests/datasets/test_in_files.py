"""Which images are trained and evaluated on: alike for folders, .npz archives and Parquet files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sweep.loading.reading import pixels_of
from sweep.settings.config import SettingsError
from sweep.settings.registry import make_dataset
from tests.support.image_files import plain, write_folder
from tests.support.parquet_files import table, write

# What a name has behind it, in words and on disk.
ENDS = {"imagefolder": "/", "numpy": ".npz", "parquet": ".parquet"}
EVERY_KIND = pytest.mark.parametrize("kind", ENDS)


def label(grey: int) -> int:
    """Of the image of that grey: of five in a row three are of class 0, one of 1 and one of 2."""
    return (0, 0, 0, 1, 2)[grey % 5]


def dataset(kind: str, root: Path, names: dict[str, range], **settings: Any) -> Any:
    """Images of these greys under each name; "" stands for the path itself."""
    for name, greys in names.items():
        path = root / f"{name}{ENDS[kind]}" if name else root
        labels = [label(grey) for grey in greys]
        if kind == "imagefolder":
            write_folder(path, {f"c{label(grey)}/{grey:03}.png": plain(grey) for grey in greys})
        elif kind == "numpy":
            path = path if name else root.with_suffix(".npz")
            path.parent.mkdir(exist_ok=True)
            np.savez(path, images=np.stack([plain(grey) for grey in greys]), labels=labels)
        else:
            path = path if name else root.with_suffix(".parquet")
            write(path, table(greys, labels), row_group_size=7)
    path = root if all(names) or kind == "imagefolder" else root.with_suffix(ENDS[kind])
    return make_dataset(kind, {"path": str(path), **settings})


def greys_of(data: Any, split: str) -> list[int]:
    records = data.records(split)
    found = [int(pixels_of(records, at)[0, 0, 0]) for at in range(len(records.labels))]
    assert records.labels.tolist() == [label(grey) for grey in found]
    return found


@EVERY_KIND
@pytest.mark.parametrize(
    ("names", "note"),
    [
        (("train", "val"), ""),
        (("Training", "Testing"), "evaluated on the split test: Testing*"),
        (("birds_train", "birds-val2"), ""),
        (
            ("train", "valid", "test"),
            "evaluated on the split validation: valid*; held back: test (test*)",
        ),
        (
            ("train", "dev", "extra"),
            "evaluated on the split validation: dev*; left aside: others (extra*)",
        ),
    ],
)
def test_names_tell_the_split_and_what_is_evaluated_on_is_said(tmp_path, kind, names, note):
    """The first of `names` is trained on, the second evaluated on."""
    greys = {name: range(5 * at, 5 * at + 5) for at, name in enumerate(names)}
    data = dataset(kind, tmp_path / "set", greys)
    for split, name in zip(("train", "validation"), names, strict=False):
        assert sorted(greys_of(data, split)) == [*greys[name]]
    end = ENDS[kind]
    assert data.notes(trains=True) == ((note.replace("*", end),) if note else ())
    (alone,) = data.notes(trains=False)
    assert f"left aside: train ({names[0]}{end})" in alone


@EVERY_KIND
def test_a_test_split_beside_a_validation_split_is_held_back(tmp_path, kind):
    names = {"train": range(10), "val": range(10, 20), "test": range(20, 30)}
    data = dataset(kind, tmp_path / "set", names)
    assert data.holds_back
    held_back = greys_of(data, "test")
    assert sorted(held_back) == [*range(20, 30)]
    assert not {*held_back} & {*greys_of(data, "train"), *greys_of(data, "validation")}
    names["test"] = range(20, 25)  # others: accuracies on them are others
    assert dataset(kind, tmp_path / "other", names).identity() != data.identity()
    for alone in (("train", "test"), ("train", "val")):
        two = {name: names[name] for name in alone}
        assert not dataset(kind, tmp_path / "-".join(alone), two).holds_back


@EVERY_KIND
def test_a_test_split_whose_labels_are_no_classes_is_left_aside_and_that_is_said(tmp_path, kind):
    root = tmp_path / "set"
    names = {"train": range(5), "val": range(5, 10)}
    same = dataset(kind, root, names).identity()
    if kind == "imagefolder":
        write_folder(root / "test", {"unknown/1.png": plain(1)})
    elif kind == "numpy":
        np.savez(root / "test.npz", images=np.stack([plain(1)]), labels=[-1])
    else:
        write(root / "test.parquet", table([1], [-1]))
    data = dataset(kind, root, names)
    assert not data.holds_back
    assert data.identity() == same
    splits, why = data.notes(trains=True)
    assert f"left aside: test (test{ENDS[kind]})" in splits
    no_class = "unknown: no class" if kind == "imagefolder" else "has label -1"
    assert "the split test can't be held back" in why
    assert no_class in why


@EVERY_KIND
def test_what_is_not_split_is_for_evaluation_alone(tmp_path, kind):
    data = dataset(kind, tmp_path / "set", {"": range(20)})
    assert sorted(greys_of(data, "validation")) == [*range(20)]
    assert data.notes(trains=True) == ()
    with pytest.raises(SettingsError, match=r"are not split, .* validation_share = 0\.2, say"):
        data.records("train")


@EVERY_KIND
def test_a_share_of_each_class_is_for_evaluation_by_the_seed(tmp_path, kind):
    def split(**settings: Any) -> list[list[int]]:
        data = dataset(kind, tmp_path / "set", {"": range(70)}, **settings)
        return [greys_of(data, each) for each in ("train", "validation")]

    train, validation = split(validation_share=0.25, split_seed=3)
    assert sorted(train + validation) == [*range(70)]
    # A quarter of 70; of the classes' 42, 14 and 14 a quarter, rounded either way.
    assert len(validation) in (17, 18)
    few = np.bincount([label(grey) for grey in validation])
    assert (few[0] in (10, 11), few[1] in (3, 4), few[2] in (3, 4)) == (True, True, True)
    assert split(validation_share=0.25, split_seed=3) == [train, validation]
    assert split(validation_share=0.25, split_seed=4) != [train, validation]


@EVERY_KIND
def test_a_split_that_is_not_there_is_told_with_what_is(tmp_path, kind):
    data = dataset(kind, tmp_path / "set", {"train": range(5)})
    told = rf"evaluate on: must be named val or test; there is train \(train{ENDS[kind]}\)"
    with pytest.raises(SettingsError, match=told):
        data.records("validation")


@pytest.mark.parametrize("kind", ["imagefolder", "numpy"])
def test_names_that_could_all_be_meant_are_refused(tmp_path, kind):
    data = dataset(kind, tmp_path / "set", {"dev": range(5), "val": range(5)})
    end = ENDS[kind]
    told = f"dev{end} and val{end} could all be the validation split: give the one that is meant"
    with pytest.raises(SettingsError, match=told):
        data.records("validation")


@pytest.mark.parametrize("kind", ["imagefolder", "numpy"])
def test_a_share_of_what_is_split_is_refused(tmp_path, kind):
    names = {"train": range(5), "val": range(5)}
    data = dataset(kind, tmp_path / "set", names, validation_share=0.5)
    end = ENDS[kind]
    told = rf"is split already, into train \(train{end}\) and validation \(val{end}\)"
    with pytest.raises(SettingsError, match=told):
        data.records("validation")
