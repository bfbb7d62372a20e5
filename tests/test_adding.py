"""The examples of docs/adding.md, taken from the page and run."""

import re
from pathlib import Path

import pandas as pd
import pytest

from tests.support.commands import QUICK, ROOT, SHORT, sweep

PAGE = (ROOT / "docs" / "adding.md").read_text(encoding="utf-8")
# Each example names its file in a comment on its first line.
EXAMPLES = re.findall(r"```python\n(# (\w+\.py)\n.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture
def folder(tmp_path) -> Path:
    for text, name in EXAMPLES:
        (tmp_path / name).write_text(text)
    return tmp_path


def run(folder: Path, config: str, *, inside: str = ".") -> pd.DataFrame:
    """inside: where under the folder the command is started."""
    (folder / "sweep.toml").write_text(config)
    (folder / inside).mkdir(exist_ok=True)
    done = sweep("run", folder / "sweep.toml", folder=folder / inside)
    assert done.returncode == 0, done.stderr
    return pd.read_parquet(folder / inside / "results" / "quick" / "points.parquet")


def test_the_page_has_its_examples():
    assert [name for _, name in EXAMPLES] == ["energy.py", "stripes.py"]
    assert all(len(text.splitlines()) < 40 for text, _ in EXAMPLES)


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
