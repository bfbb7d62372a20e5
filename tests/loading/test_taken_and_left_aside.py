"""Which split is taken and what is left aside is said: in the plan, and by `evaluate`."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sweep.cli.main import main
from sweep.contracts import Network
from sweep.families.mobilenet_v1 import MobileNetV1Family
from sweep.measures.accuracy import Accuracy
from sweep.measures.accuracy_sources import accuracy
from sweep.running.evaluate import image_source
from sweep.settings.config import AccuracySettings, SettingsError
from tests.support.commands import typed
from tests.support.image_files import encoded, plain, write_folder
from tests.support.toys import point

CASES = Path(__file__).parents[3] / "shared" / "cases"
FOLDERS = {
    "train/a/1.png": plain(1),
    "train/a/2.bmp": b"",
    "train/a/x.txt": b"",
    "test/a/1.png": plain(1),
    "test/a/x.txt": b"",
    "test/a/y.txt": b"",
}


def test_the_plan_says_which_split_and_what_was_left_aside(tmp_path):
    settings = AccuracySettings.model_validate(
        {"dataset": "imagefolder", "batch_size": 1}
        | {"data": {"path": str(write_folder(tmp_path, FOLDERS))}}
    )
    measure = accuracy(settings)
    assert isinstance(measure, Accuracy)
    told = measure.describe([Network(point(0.25, 224), MobileNetV1Family())])
    assert "2 images to train on, 1 to evaluate on" in told[0]
    # Behind it comes what this jaxlib gets wrong, where it does.
    assert told[1:3] == ("evaluated on the split test: test/", "3 files left aside: 3 .txt")


def test_an_evaluation_tells_of_its_own_split_alone(tmp_path):
    source = image_source(write_folder(tmp_path, FOLDERS), None)
    assert source.test_images == 1
    assert source.dataset.notes(trains=False) == (
        "evaluated on the split test: test/; left aside: train (train/)",
        "2 files left aside: 2 .txt",
    )


@pytest.mark.parametrize("names", [("train", "test"), ("set-train", "set-valid")])
def test_a_folder_of_archives_is_evaluated_on_one(tmp_path, names):
    for at, name in enumerate(names):
        arrays = {"images": np.zeros((at + 1, 8, 8), np.uint8), "labels": np.zeros(at + 1, int)}
        np.savez(tmp_path / f"{name}.npz", **arrays)
    source = image_source(tmp_path, None)
    assert source.test_images == 2
    (note,) = source.dataset.notes(trains=False)
    assert note.endswith(f"{names[1]}.npz; left aside: train ({names[0]}.npz)")


@pytest.mark.parametrize("place", ["data/test-0.parquet", "default/test/0000.parquet"])
def test_the_root_of_a_repository_of_hugging_face_is_its_parquet_files(tmp_path, place):
    write_folder(tmp_path, {"assets/logo.png": np.zeros((8, 8, 3), np.uint8), "README.md": b"x"})
    file = tmp_path / place
    file.parent.mkdir(parents=True)
    image = {"bytes": encoded(np.zeros((8, 8, 3), np.uint8))}
    pq.write_table(pa.table({"image": [image] * 3, "label": [0, 1, 0]}), file)
    source = image_source(tmp_path, None)
    assert (source.dataset.name, source.test_images) == ("parquet", 3)


def test_an_option_of_another_kind_of_data_set_is_refused(tmp_path):
    folder = write_folder(tmp_path, FOLDERS)
    with pytest.raises(SettingsError, match=r"--label-column: not of .* kind .imagefolder"):
        image_source(folder, None, {"label_column": "fine"})


@pytest.mark.shared
@pytest.mark.parametrize(
    ("case", "images", "note"),
    [
        ("mixed", 10, ""),
        ("empty", 4, "note: no image of 1 of the 5 classes (tulips)"),
        ("hfrepo", 5, "note: evaluated on the split test: data/test-00000-of-00001.parquet"),
        (
            "prefix",
            5,
            "note: evaluated on the split test: flowers_test.parquet; left aside: train "
            "(flowers_train.parquet)",
        ),
    ],
)
def test_the_cases_of_people_who_do_this_job(case, images, note, capsys):
    """The folders are labelled with what Keras itself predicts: 100 % is right."""
    with pytest.raises(SystemExit) as ended:
        main(
            [
                *("evaluate", "--checkpoint", str(CASES / "five_0.25_128.keras")),
                *("--data", str(CASES / case), "--classes", str(CASES / "flowers.txt")),
            ]
        )
    assert ended.value.code == 0
    said = typed(capsys.readouterr().out)
    assert f"{case}: {images} images" in said
    assert "top-1  100.0 %" in said
    assert note in said
