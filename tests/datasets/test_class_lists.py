"""Lists of classes: they give the order, whatever their form, or are refused in words."""

import pytest

from sweep.settings.config import SettingsError
from tests.support.class_folders import animals, content, folder
from tests.support.image_files import plain, write_folder

LISTS = {
    "heading.tsv": "index\twnid\tname\n0\tbee\tApis\n1\tcat\tFelis\n2\tdog\tC\n3\tant\tF\n",
    "another heading.tsv": "number\tfolder\n0\tbee\n1\tcat\n2\tdog\n3\tant\n",
    "changed.tsv": "name\tfolder\tindex\nApis\tbee\t0\nFelis\tcat\t1\nC\tdog\t2\nF\tant\t3\n",
    "no heading.tsv": "0\tbee\n1\tcat\n2\tdog\n3\tant\n",
    "no index.tsv": "bee\tApis\ncat\tFelis\ndog\tCanis\nant\tFormica\n",
    "plain.txt": "bee\ncat\ndog\n\nant\n",
    "windows.txt": "\ufeffbee\r\ncat\r\ndog\r\nant",
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_gives_the_indices_whatever_its_form(name, tmp_path):
    (tmp_path / name).write_bytes(LISTS[name].encode())
    dataset = folder(animals(tmp_path / "animals"), classes=str(tmp_path / name))
    # The list has one class more than there are folders: indices are those of the list.
    assert dataset.class_names == ("bee", "cat", "dog", "ant")
    assert {file: label for file, label, _ in content(dataset, "validation")} == {
        "val/ant/8.png": 3,
        "val/bee/7.png": 0,
        "val/cat/9.png": 1,
    }


def test_a_list_of_wordnet_ids_with_their_words(tmp_path):
    root = write_folder(
        tmp_path / "set", {"n01443537/a.png": plain(1), "n01440764/a.png": plain(2)}
    )
    words = tmp_path / "synset_words.txt"
    words.write_text("n01443537 goldfish, Carassius auratus\nn01440764 tench, Tinca tinca\n")
    dataset = folder(root, classes=str(words))
    assert dataset.class_names == ("n01443537", "n01440764")
    assert content(dataset, "validation") == [
        ("n01443537/a.png", 0, 1),
        ("n01440764/a.png", 1, 2),
    ]


def test_a_list_of_one_class(tmp_path):
    root = write_folder(tmp_path / "set", {"ant/a.png": plain(1)})
    for text in ("ant\tFormica\n", "0\tant\n", "ant\t0\n", "index\tname\n0\tant\n"):
        (tmp_path / "list.tsv").write_text(text)
        assert folder(root, classes=str(tmp_path / "list.tsv")).class_names == ("ant",)


def test_a_plain_list_may_have_a_class_that_reads_like_a_heading(tmp_path):
    root = write_folder(tmp_path / "set", {"name/a.png": plain(1), "b/a.png": plain(2)})
    (tmp_path / "list.txt").write_text("name\nb\n")
    assert folder(root, classes=str(tmp_path / "list.txt")).class_names == ("name", "b")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.txt", "cat\nant\n", "the folder 'bee' is no class of that list"),
        ("a.txt", "cat\n", "the folder 'ant' is no class of that list (and 1 more)"),
        ("a.txt", "ant\nbee\ncat\nbee\n", "the class 'bee' is there twice"),
        ("a.txt", "\n \n", "the file is empty"),
        ("a.tsv", "index\tname\n", "holds a heading alone"),
        ("a.tsv", "1\tant\n2\tbee\n3\tcat\n", "row 0 has index 1: must count from 0"),
        ("a.tsv", "0\tant\n2\tbee\n1\tcat\n", "row 1 has index 2: must count from 0"),
        ("a.tsv", "0\tant\n1\n", "its rows have different numbers of columns"),
        ("a.tsv", b"\xff\xfe\x00", "can't be read"),
        ("missing.txt", None, "can't be read: No such file or directory"),
    ],
)
def test_a_list_that_does_not_fit_is_refused_in_words(name, text, words, tmp_path):
    path = tmp_path / name
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SettingsError) as caught:
        folder(animals(tmp_path / "animals"), classes=str(path)).records("validation")
    assert str(caught.value).startswith(f"classes = {str(path)!r}: ")
    assert words in str(caught.value)
