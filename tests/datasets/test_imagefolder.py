"""A folder of class folders: which file is of which class, in which split."""

import os
from pathlib import Path

import pytest

from sweep.loading.images import BadImageError
from sweep.loading.reading import pixels_of
from sweep.settings.config import SettingsError
from tests.support.class_folders import animals, content, folder
from tests.support.image_files import encoded, plain, write_folder


def test_classes_are_the_sorted_folders_of_both_splits(tmp_path):
    dataset = folder(animals(tmp_path))
    assert dataset.class_names == ("ant", "bee", "cat")
    assert content(dataset, "train") == [
        ("train/ant/1.png", 0, 3),
        ("train/cat/1.png", 2, 1),
        ("train/cat/2.png", 2, 2),
    ]
    assert content(dataset, "validation") == [
        ("val/ant/8.png", 0, 5),
        ("val/bee/7.png", 1, 6),
        ("val/cat/9.png", 2, 4),
    ]


# One folder, and a share of it


@pytest.fixture
def unsplit(tmp_path) -> Path:
    images = {
        f"{name}/{number}.png": plain(number)
        for name, count in (("a", 40), ("b", 20), ("c", 11))
        for number in range(count)
    }
    return write_folder(tmp_path / "set", images)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_of_classes_of_one_image_a_share_is_for_evaluation_too(tmp_path, share):
    root = write_folder(tmp_path, {f"c{number}/x.png": plain(0) for number in range(20)})
    validation = folder(root, validation_share=share).records("validation")
    assert abs(len(validation.labels) - 20 * share) < 1


# What there may be in a folder


def test_odd_names_are_read_and_other_files_are_not(tmp_path):
    root = write_folder(
        tmp_path / "set",
        {
            "Käse und 奶酪/ein bild #1 %20.PNG": plain(1),
            "Käse und 奶酪/two.Jpeg": plain(2),
            "Käse und 奶酪/[x]*?.webp": plain(3),
            "Käse und 奶酪/.hidden.png": plain(4),
            "Käse und 奶酪/._two.jpeg": b"a Mac has been here",
            "Käse und 奶酪/Thumbs.db": b"Windows, too",
            "Käse und 奶酪/notes.txt": b"",
            "Käse und 奶酪/folder.png/deeper.png": plain(5),
            ".git/config.png": plain(6),
            "readme.png": plain(7),
        },
    )
    dataset = folder(root)
    assert dataset.class_names == ("Käse und 奶酪",)
    assert [grey for *_, grey in content(dataset, "validation")] == [3, 1, 5, 2]
    assert dataset.notes(trains=False) == (
        "3 files left aside: 1 .png beside the folders, 1 .txt and 1 hidden .png",
        "1 of the images lie in folders within their class folder",
    )


def test_names_that_are_no_utf8_are_read(tmp_path):
    odd = os.fsdecode(b"caf\xe9")
    write_folder(tmp_path, {f"{odd}/{odd}.png": plain(9)})
    dataset = folder(tmp_path)
    assert dataset.class_names == (odd,)
    assert content(dataset, "validation") == [(f"{odd}/{odd}.png", 0, 9)]
    assert len(dataset.identity()["sha256"]) == 64


def test_a_link_to_nowhere_is_a_bad_image_by_name(tmp_path):
    root = write_folder(tmp_path / "set", {"a/1.png": plain(1)})
    (root / "a" / "2.png").symlink_to(tmp_path / "gone.png")
    (root / "a" / "3.png").symlink_to(root / "a" / "1.png")
    records = folder(root).records("validation")
    assert pixels_of(records, 2)[0, 0, 0] == 1
    with pytest.raises(BadImageError, match=r"a/2\.png: can't be read: .*No such file"):
        pixels_of(records, 1)


@pytest.mark.parametrize(
    ("images", "data", "words"),
    [
        ({}, {}, "there are no class folders in it"),
        ({"a.png": plain(1)}, {}, "there are no class folders in it"),
        ({"a/1.txt": b"", "b/2.txt": b""}, {}, "are read; 2 files left aside: 2 .txt"),
        (
            {"train/a/1.png": plain(1)},
            {},
            "evaluate on: must be named val or test",
        ),
        (
            {"train/a/1.png": plain(1), "val/x.txt": b""},
            {},
            "there is train (train/) and others (val/)",
        ),
        ({"train/a/1.png": plain(1), "val/b/x": b""}, {}, "none of the classes has images"),
        (
            {"train/1.png": plain(1), "val/1.png": plain(1)},
            {},
            "holds train/ and val/, but no class",
        ),
        ({"in/a/1.png": plain(1), "in/b/1.png": plain(1)}, {}, "where these are the classes, give"),
        ({"a/1.png": plain(1)}, {"validation_share": 1.0}, "validation_share = 1.0: must be below"),
        ({"a/1.png": plain(1)}, {"clases": ""}, "accuracy.data.clases: unknown setting"),
    ],
)
def test_a_folder_without_what_it_needs_is_refused_in_words(images, data, words, tmp_path):
    write_folder(tmp_path, images)
    with pytest.raises(SettingsError) as caught:
        folder(tmp_path, **data).records("validation")
    assert words in str(caught.value)


def test_a_folder_that_is_not_there_is_refused_by_its_path(tmp_path):
    with pytest.raises(SettingsError, match=r"path = '.*/nowhere': there is no such folder"):
        folder(tmp_path / "nowhere")
    file = tmp_path / "file.png"
    file.write_bytes(b"")
    with pytest.raises(SettingsError, match=r"file\.png': is a file, must be a folder"):
        folder(file)


# Which files are counted


def test_every_format_and_depth_is_counted_and_the_rest_is_told(tmp_path):
    """torchvision's ImageFolder counts the same, whose list has no GIF: Keras's has."""
    suffixes = ("jpg", "jpeg", "png", "ppm", "bmp", "pgm", "tif", "tiff", "webp", "gif")
    forms = {"jpg": "JPEG", "tif": "TIFF", "pgm": "PPM"}
    images = {
        f"b/{suffix}.{suffix.upper()}": encoded(plain(at), forms.get(suffix, suffix))
        for at, suffix in enumerate(suffixes)
    }
    root = write_folder(
        tmp_path / "set",
        images
        | {
            "a/one/1.png": plain(50),
            "a/one/two/2.png": plain(51),
            "a/3.png": plain(52),
            "a/.ipynb_checkpoints/1-checkpoint.png": plain(9),
            "a/@eaDir/3.png/SYNOPHOTO_THUMB_M.jpg": plain(9),
            "__MACOSX/a/._3.png": b"a Mac has been here",
            "b/notes.txt": b"",
            "b/photo.heic": b"",
            "b/x.heic": b"",
            "b/.DS_Store": b"",
            "b/desktop.ini": b"",
            "b/README": b"",
        },
    )
    (root / "c").mkdir()
    os.mkfifo(root / "b" / "pipe.png")
    dataset = folder(root)
    assert dataset.class_names == ("a", "b", "c")
    found = {Path(file).name: (label, grey) for file, label, grey in content(dataset, "validation")}
    assert {name: found.pop(name) for name in ("1.png", "2.png", "3.png")} == {
        "1.png": (0, 50),
        "2.png": (0, 51),
        "3.png": (0, 52),
    }
    assert found == {f"{name}.{name.upper()}": (1, at) for at, name in enumerate(suffixes)}
    assert dataset.notes(trains=True) == (
        "5 files left aside: 2 .heic, 1 .txt, 1 no ordinary file and 1 without a suffix",
        "no images in the class folder c",
        "2 of the images lie in folders within their class folder",
    )


def test_links_between_folders_are_followed_but_not_in_a_circle(tmp_path):
    root = write_folder(tmp_path, {"set/a/1.png": plain(1), "else/2.png": plain(2)}) / "set"
    (root / "a" / "more").symlink_to(tmp_path / "else")
    (tmp_path / "else" / "back").symlink_to(root / "a")
    (root / "a" / "self").symlink_to(root / "a")
    found = [file for file, *_ in content(folder(root), "validation")]
    assert found == ["a/1.png", "a/more/2.png"]


def test_classes_may_have_the_names_of_splits(tmp_path):
    """As in CIFAR-100 ("train"), or in a laboratory."""
    images = {f"{each}/1.png": plain(1) for each in ("apple", "train", "test tube", "dev-board")}
    dataset = folder(write_folder(tmp_path, images | {"test tube/old/2.png": plain(2)}))
    assert dataset.class_names == ("apple", "dev-board", "test tube", "train")
    assert len(dataset.records("validation").labels) == 5


# Identity


def test_identity_changes_with_the_files_and_not_with_the_way_to_them(unsplit, monkeypatch):
    def identity(path: Path = unsplit, **data) -> str:
        return str(folder(path, **data).identity())

    first = identity()
    monkeypatch.chdir(unsplit.parent)
    assert identity(Path("set")) == identity(Path("./../") / unsplit.parent.name / "set") == first
    moved = unsplit.rename(unsplit.with_name("moved"))
    assert identity(moved) == first

    shared = {identity(moved, validation_share=share, split_seed=seed)
              for share, seed in ((0.5, 0), (0.5, 1), (0.25, 0))}  # fmt: skip
    assert len(shared | {first}) == 4

    (moved / "a" / "notes.txt").write_text("not an image")
    (moved / "a" / "photo.heic").write_text("none that is read")
    assert identity(moved) == first
    write_folder(moved, {"a/new.png": plain(1)})
    added = identity(moved)
    write_folder(moved, {"a/deeper/new.bmp": encoded(plain(1), "BMP")})
    deeper = identity(moved)
    (moved / "a" / "new.png").write_bytes(plain(1).tobytes())
    grown = identity(moved)
    (moved / "a" / "new.png").rename(moved / "b" / "new.png")
    changed = identity(moved)
    (moved / "b" / "new.png").rename(moved / "b" / "old.png")
    renamed = identity(moved)
    (moved / "c").rename(moved / "d")
    assert len({first, added, deeper, grown, changed, renamed, identity(moved)}) == 7


def test_identity_changes_with_the_order_of_the_classes(unsplit, tmp_path):
    identities = set()
    for text in ("a\nb\nc\n", "c\nb\na\n", "a\nb\nc\nd\n"):
        (tmp_path / "list.txt").write_text(text)
        identities.add(str(folder(unsplit, classes=str(tmp_path / "list.txt")).identity()))
    assert len(identities) == 3
