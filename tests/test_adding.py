"""The examples of docs/adding.md, taken from the page and run."""

import atexit
import re
import sys
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pytest

from sweep.contracts import LayerRow
from tests.support.commands import QUICK, ROOT, SHORT, sweep

PAGE = (ROOT / "docs" / "adding.md").read_text(encoding="utf-8")
# Each example names its file in a comment on its first line.
EXAMPLES = re.findall(r"```python\n(# (\w+\.py)\n.*?)```", PAGE, flags=re.DOTALL)


def written(folder: Path) -> Path:
    for text, name in EXAMPLES:
        (folder / name).write_text(text)
    return folder


_HERE = TemporaryDirectory()
atexit.register(_HERE.cleanup)
sys.path.append(str(written(Path(_HERE.name))))
# Tests of the page's own, which pytest finds here.
TestEnergy, TestStripes, TestTiny, TestPlain = (
    getattr(import_module("test_mine"), name)
    for name in ("TestEnergy", "TestStripes", "TestTiny", "TestPlain")
)


def test_every_field_of_a_layer_is_told_in_the_order_that_it_stands_in():
    rows = re.findall(
        r"^\| ((?:`[a-z_]+`(?:, )?)+) \|", PAGE.partition("| field |")[2], re.MULTILINE
    )
    told = [name for row in rows for name in re.findall("[a-z_]+", row)]
    assert told[: len(fields_of(LayerRow))] == fields_of(LayerRow)


def fields_of(protocol: type) -> list[str]:
    return [name for name, each in vars(protocol).items() if isinstance(each, property)]


@pytest.fixture
def folder(tmp_path) -> Path:
    return written(tmp_path)


def run(folder: Path, config: str, *, inside: str = ".") -> pd.DataFrame:
    """inside: where under the folder the command is started."""
    (folder / "sweep.toml").write_text(config)
    (folder / inside).mkdir(exist_ok=True)
    done = sweep("run", folder / "sweep.toml", folder=folder / inside)
    assert done.returncode == 0, done.stderr
    return pd.read_parquet(folder / inside / "results" / "quick" / "points.parquet")


def test_the_page_has_its_examples():
    names = ["energy.py", "stripes.py", "tiny.py", "plain.py", "test_mine.py"]
    assert [name for _, name in EXAMPLES] == names
    short = [len(text.splitlines()) < 45 for text, _ in EXAMPLES]
    assert short == [True, True, False, True, True]


def test_a_measure_in_one_file(folder):
    config = QUICK.replace('"cost", "latency", "accuracy"', '"cost", "energy:Energy"')
    points = run(folder, f'{config}[custom."energy:Energy"]\naccess_pj = 100.0\n')
    # 3,584,512 mult-adds at 4.6 pJ (the counts of test_cli) and 463,600 weights at 100 pJ.
    assert points["energy_j"].tolist()[0] == pytest.approx(6.28487552e-5)
    page = (folder / "results" / "quick" / "report.html").read_text(encoding="utf-8")
    assert "Energy, estimated" in page


def test_a_data_set_in_one_file_from_another_folder(folder):
    """Beside sweep.toml, and found by the processes that train."""
    config = SHORT.replace('"cost", "latency", "accuracy"', '"accuracy"')
    config = config.replace("[64, 32]", "[32]")
    config = config.replace("[accuracy]", '[accuracy]\ndataset = "stripes:Stripes"')
    points = run(folder, config, inside="elsewhere")
    assert points["dataset"].tolist() == ["stripes"]
    assert points["test_images"].tolist() == [40]


def test_a_family_in_one_file(folder):
    config = QUICK.replace('"cost", "latency", "accuracy"', '"cost"').replace(
        'name = "quick"', 'name = "quick"\nfamily = "tiny:Tiny"'
    )
    config = config.replace("[grid]", '[grid]\nkind = ["plain"]')
    points = run(folder, config)
    first = points.iloc[0]
    # 3 x 3 x 3 taps to each of 8 channels of the halved map, and 8 inputs to each class.
    assert (first["alpha"], first["resolution"]) == (0.25, 64)
    assert first["mult_adds"] == 27 * 8 * 32 * 32 + 8 * 1000
    assert first["mult_adds_traced"] == first["mult_adds"]
