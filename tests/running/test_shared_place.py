"""Where trainings on other machines are written down."""

import fsspec
import pytest

from sweep.running.shared_place import place_of
from sweep.types import SettingsError


def test_without_an_address_it_is_a_folder_of_the_machine(tmp_path):
    place = place_of("", tmp_path, "run")
    assert (place.folder, place.there) == (tmp_path / "run", None)
    assert place.names() == []
    place.fetch(["a.ckpt"])
    (place.folder / "a.ckpt").write_bytes(b"1")
    assert place.names() == ["a.ckpt"]
    place.remove(["a.ckpt", "never.ckpt"])
    assert place.names() == []


def test_a_folder_that_all_share_is_written_in_place(tmp_path):
    for address in (str(tmp_path / "shared"), f"file://{tmp_path}/shared"):
        place = place_of(address, tmp_path / "own", "run")
        assert (place.folder, place.there) == (tmp_path / "shared/run", None)


def test_another_machine_goes_on_with_what_one_has_written_down(tmp_path):
    one = place_of("memory://bucket/unfinished", tmp_path / "one", "run")
    one.fetch(["a.ckpt", "b.ckpt"])
    (one.folder / "a.ckpt").write_bytes(b"step 5")
    (one.folder / "other.ckpt").write_bytes(b"another training's")
    one.keep(["a.ckpt", "b.ckpt"])
    assert one.names() == ["a.ckpt"]

    other = place_of("memory://bucket/unfinished", tmp_path / "other", "run")
    other.fetch(["a.ckpt", "b.ckpt"])
    assert (other.folder / "a.ckpt").read_bytes() == b"step 5"
    # What was fetched is not sent back; what is written since is.
    fsspec.filesystem("memory").pipe_file("/bucket/unfinished/run/a.ckpt", b"untouched")
    other.keep(["a.ckpt"])
    assert content("run/a.ckpt") == b"untouched"
    (other.folder / "a.ckpt").unlink()
    (other.folder / "a.ckpt").write_bytes(b"step 9, longer")
    other.keep(["a.ckpt"])
    assert content("run/a.ckpt") == b"step 9, longer"

    other.remove(["a.ckpt"])
    assert one.names() == other.names() == []
    assert not (other.folder / "a.ckpt").exists()


def content(name: str) -> bytes:
    system, path = fsspec.core.url_to_fs(f"memory://bucket/unfinished/{name}")
    return system.cat_file(path)


def test_an_address_that_nobody_knows_is_told():
    with pytest.raises(SettingsError, match="checkpoints = nowhere://bucket"):
        place_of("nowhere://bucket", None, "run")  # type: ignore[arg-type]
