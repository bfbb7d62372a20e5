"""What can't be read is known before anything is measured, and told once."""

from itertools import count
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from sweep.cli.main import main
from sweep.cli.progress import ProgressBar
from sweep.loading.first_look import look_at
from sweep.results.store import Store
from sweep.running.plan import make_plan
from sweep.settings.config import AccuracySettings, SettingsError, parse
from sweep.training.sources import ImageSource
from tests.support.image_files import InMemory, encoded, plain, write_folder
from tests.support.runs import MACHINE
from tests.support.toys import CALLS

WHY = "not a JPEG, PNG, WebP, BMP, GIF, TIFF or PPM image"


def numbered(images: int, bad: tuple[int, ...] = ()) -> InMemory:
    return InMemory([b"words" if at in bad else encoded(plain(1)) for at in range(images)])


@pytest.mark.parametrize(("images", "workers"), [(150, 0), (450, 2)])
def test_every_bad_image_is_found_and_the_first_are_named(images, workers):
    bad = (1, 70, 99, 120, images - 1)
    found = look_at(numbered(images, bad), most_s=1e6, workers=workers)
    assert (found.images, found.seen, found.bad) == (images, images, 5)
    assert found.named == tuple(f"image {at}: {WHY}" for at in bad[:3])


def test_a_look_ends_in_time_and_says_how_far_it_came():
    # A clock that goes on by a second each time that it is asked: 0 at first, 1 after 64 images.
    ticks = count()
    found = look_at(numbered(300), most_s=1.5, workers=0, now=lambda: next(ticks))
    assert (found.seen, found.images) == (128, 300)


def test_pixels_can_not_be_bad():
    assert look_at(InMemory([np.zeros((2, 2, 3), np.uint8)] * 3), most_s=0, workers=0).seen == 3


def photographs(root: Path, bad: tuple[str, ...] = ()) -> Path:
    images = {
        f"{split}/{name}/{at}.png": plain(at)
        for split in ("train", "val")
        for name in "ab"
        for at in range(3)
    }
    return write_folder(root, images | dict.fromkeys(bad, b"no image"))


def source(root: Path, **changes) -> ImageSource:
    values = {"dataset": "imagefolder", "data": {"path": str(root)}, "batch_size": 2} | changes
    return ImageSource(AccuracySettings.model_validate(values))


BAD = ("train/a/1.png", "val/b/2.png")


def test_bad_images_of_both_splits_are_one_line(tmp_path):
    root = photographs(tmp_path, BAD)
    named = "; ".join(f"{root / each}: {WHY}" for each in BAD)
    with pytest.raises(SettingsError) as stopped:
        source(root).look(trains=True)
    assert str(stopped.value).startswith(f"accuracy.data: {named} (to go on without such: ")
    assert source(root, bad_images="skip").look(trains=True) == (
        f"2 of the images can't be read, and left out: {named}",
    )
    assert source(root, bad_images="skip").look(trains=False) == (
        f"1 of the images can't be read, and left out: {root / BAD[1]}: {WHY}",
    )


def test_what_was_not_looked_at_is_said(tmp_path):
    root = photographs(tmp_path)
    write_folder(root, {f"train/a/more{at}.png": plain(1) for at in range(100)})
    assert source(root).look(trains=True) == ()
    assert source(root).look(trains=True, most_s=-1) == (
        "looked at 70 of 112 images beforehand; the others are when their turn comes",
    )


EXPERIMENT = """
name = "bad"
measures = ["tests.support.toys:Perimeter", "accuracy"]
[grid]
alpha = [0.5, 0.25]
resolution = [32]
[accuracy]
dataset = "imagefolder"
batch_size = 2
[accuracy.data]
path = "{root}"
"""


def test_a_run_stops_before_anything_is_measured(tmp_path, monkeypatch, capsys):
    root = photographs(tmp_path / "set", BAD)
    (tmp_path / "sweep.toml").write_text(EXPERIMENT.format(root=root))
    monkeypatch.chdir(tmp_path)
    CALLS.clear()
    with pytest.raises(SystemExit) as ended:
        main(["run", "sweep.toml", "--no-compile-cache"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("train/a/1.png") == 1
    assert CALLS == []
    assert not (tmp_path / "results").exists()
    with pytest.raises(SystemExit) as ended:
        main(["run", "sweep.toml", "--no-compile-cache", "--dry-run"])
    assert ended.value.code == 0  # a plan is only looked at


def test_a_reason_that_many_points_have_is_told_in_full_once(tmp_path, capsys):
    text = EXPERIMENT.replace('"accuracy"]', '"cost"]').format(root="")
    plan = make_plan(parse(text, source="test"), Store(tmp_path / "r"), MACHINE)
    with ProgressBar(plan, Console(width=200)) as bar:
        for task in plan.tasks[:3]:
            bar.finished(task, 1.0, "a stone in the way")
    assert capsys.readouterr().out.splitlines() == [
        "failed perimeter 0.5-32  1.0 s  a stone in the way",
        "failed perimeter 0.25-32  1.0 s  as perimeter 0.5-32",
        "failed cost 0.5-32  1.0 s  as perimeter 0.5-32",
    ]
