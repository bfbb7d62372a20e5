"""docs/choosing.md: its commands in their order, on a grid of small networks and striped images."""

import re
import shlex
import shutil

import pytest

from sweep.results.load import load
from sweep.results.points import with_points
from tests.support import stripes
from tests.support.commands import ROOT

PAGE = (ROOT / "docs/choosing.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^python (-m sweep [^#\n]*)", PAGE, flags=re.MULTILINE)
(EXPERIMENT,) = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)
# What makes it small: the rest is as the page has it.
SMALL = {
    "alpha = [1.0, 0.5, 0.25]": "alpha = [0.5, 0.375, 0.25]",
    "resolution = [224, 160, 128]": "resolution = [64, 32]",
    "threads = [1]": "threads = [1]\nprocesses = 1\nrounds = 3\nwarmup_s = 0.05",
    "epochs = 30": "epochs = 10",
    "batch_size = 32": "batch_size = 12\nlearning_rate = 0.1\nworkers = 1",
    "seeds = 2": "seeds = 1",
}


def test_every_command_works_in_the_order_of_the_page(tmp_path, command):
    text = EXPERIMENT
    for usual, small in SMALL.items():
        assert text.count(f"{usual}\n") == 1, usual
        text = text.replace(usual, small)
    (tmp_path / "flowers.toml").write_text(text)
    stripes.folder(tmp_path / "data" / "flowers")
    shutil.copytree(ROOT / "results" / "reference", tmp_path / "results" / "reference")
    assert {shlex.split(line)[2] for line in COMMANDS} == {
        "run", "pick", "export", "evaluate", "diff", "report",
    }  # fmt: skip
    told = {}
    for line in COMMANDS:
        words = shlex.split(line.replace("--resolution 160", "--resolution 64"))[2:]
        status, out, error = command(*words, inside=tmp_path)
        assert status == 0, f"{line}: {error}"
        told[" ".join(words)] = out
    (asked,) = [out for line, out in told.items() if line.endswith("--between")]
    assert "Best: " in asked
    # What ships is what the run has counted; of 18 images, so that 8 bits may lose one or two.
    points = with_points(load(tmp_path / "results" / "flowers")).points
    chosen = points.loc[(points["alpha"] == 0.5) & (points["resolution"] == 64)]
    stored = 100 * chosen["top1"].item()
    shares = [
        float(share)
        for line, out in told.items()
        if line.startswith("evaluate")
        for share in re.findall(r"^top-1 +([0-9.]+)", out, flags=re.MULTILINE)
    ]
    assert shares == [pytest.approx(stored, abs=0.1), pytest.approx(stored, abs=12)]
    assert (tmp_path / "both.html").is_file()
    assert (tmp_path / "flowers_int8.tflite").stat().st_size < (
        0.5 * (tmp_path / "flowers.tflite").stat().st_size
    )
