"""The commands of docs/data.md, run as they stand on a small folder and a small checkpoint."""

import re
import shlex
import tomllib
from pathlib import Path

import numpy as np
import pytest

from sweep.settings.config import AccuracySettings, SharedSettings, parse
from tests.support.commands import ROOT
from tests.support.image_files import write_folder
from tests.support.networks import keras_mobilenet, keras_save

PAGE = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^python (-m sweep [^#\n]*)", PAGE, flags=re.MULTILINE)
FLOWERS = ("aster", "bellflower", "clover")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    rng = np.random.default_rng(0)
    write_folder(
        folder / "data" / "flowers",
        {
            f"{split}/{name}/{number}.png": rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
            for split, count in (("train", 40), ("val", 2))
            for name in FLOWERS
            for number in range(count)
        },
    )
    (folder / "data" / "flowers.tsv").write_text("\n".join(f"{n}\tx" for n in FLOWERS))
    (folder / "zoo").mkdir()
    keras_save(keras_mobilenet(0.25, 64, classes=3), folder / "zoo" / "mobilenet_0.25_64.keras")
    (folder / "configs").symlink_to(ROOT / "configs")
    return folder


def test_every_command_works(folder, command):
    assert [shlex.split(each)[2] for each in COMMANDS] == [
        *("evaluate", "export", "export", "evaluate", "data", "run", "run"),
    ]
    for line in COMMANDS:
        arguments = shlex.split(line)[2:]
        if arguments[0] == "data":
            arguments.append("--help")  # tests fetch nothing; see test_data_command
        if "configs/cifar10.toml" in arguments:
            continue  # needs the images that the command before it fetches
        status, out, error = command(*arguments, inside=folder)
        assert status == 0, f"{line}: {error}"
        assert out


def test_the_settings_on_the_page_exist():
    """Every name in the tables is a setting, and every experiment of the page can be read."""
    table = PAGE.partition("| `[accuracy]` | what |")[2]
    names = re.findall(r"^\| (`.*?) \|", table, flags=re.MULTILINE)
    settings = {name for cell in names for name in re.findall(r"`(\w+)`", cell)}
    assert settings <= set(AccuracySettings.model_fields)
    assert len(settings) >= 12
    texts = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)
    sources = [parse(text, source="docs/data.md").accuracy.source for text in texts]
    assert sources == ["checkpoints", "shared", "train", "train"]
    of_shared = PAGE.partition("| `[accuracy.shared]` | what |")[2].partition("\n\n")[0]
    named = re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (.*?) \|", of_shared, re.MULTILINE)))
    assert set(named) == set(SharedSettings.model_fields)


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.toml")), ids=lambda p: p.stem)
def test_the_experiments_in_configs_are_valid_and_name_themselves(path):
    settings = parse(path.read_text(encoding="utf-8"), source=path.name)
    assert settings.name == path.stem
    # Spelled out: a reader of the recipe need not know the defaults.
    given = tomllib.loads(path.read_text(encoding="utf-8"))["accuracy"]
    assert {"epochs", "batch_size", "crop", "test_crop", "optimizer", "learning_rate"} <= set(given)
