"""A library that is missing: the default run needs none of an extra, and what does says which."""

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from sweep.host.extras import EXTRAS, told

ROOT = Path(__file__).parents[2]
# Modules of extras that something of the base brings as well: scikit-image.
IN_THE_BASE = {"PIL"}

ALONE = """
import importlib.abc, importlib.util, io, json, sys
from contextlib import redirect_stderr
from pathlib import Path

BLOCKED = set({blocked!r})

class Blocker(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocker())
find = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name in BLOCKED else find(name)
from sweep.cli.main import main

folder = Path({folder!r})
(folder / "network.h5").write_bytes(b"x")
(folder / "a" / "b").mkdir(parents=True)
(folder / "a" / "b" / "c.png").write_bytes(b"x")
(folder / "sweep.toml").write_text('''
name = "small"
measures = ["cost"]
[grid]
alpha = [0.25]
resolution = [128]
[cost]
xla = false
''')

def of(*arguments):
    said = io.StringIO()
    with redirect_stderr(said):
        try:
            main(list(arguments))
        except SystemExit as end:
            return [end.code or 0, said.getvalue()]

def plan(*settings):
    changes = [part for each in settings for part in ("--set", each)]
    changes += ["--set", "measures=['accuracy']"]
    return of("run", str(folder / "sweep.toml"), "--dry-run", *changes)

from sweep.families.mobilenet_v1 import MobileNetV1Family
from sweep.host.failures import reason_of
from sweep.settings.grid import point_at
from sweep.settings.config import GridSettings

try:
    MobileNetV1Family().from_keras(point_at(GridSettings(), "mobilenet_v1", "separable", 0.25, 128))
except ImportError as error:
    keras = reason_of(error)

import sweep.running.run, sweep.measures.accuracy
import sweep.measures.timing_files, sweep.measures.timing_worker
from sweep.datasets.photo_patches import PhotoPatches
from sweep.training.checkpointing import Checkpoint
Checkpoint(folder / "training.ckpt", {{}}, 60)
images = PhotoPatches().load(16, train=20, test=20, seed=0)

network = ["random", "--alpha", "0.25", "--resolution", "32"]
checkpoint = ["--checkpoint", str(folder / "network.h5"), "--data", str(folder)]
print(json.dumps({{
    "run": of("run", str(folder / "sweep.toml"), "--results", str(folder)),
    "report": of("report", str(folder / "small")),
    "plan": plan(),
    "imagefolder": plan("accuracy.dataset=imagefolder", f"accuracy.data.path={{folder / 'a'}}"),
    "parquet": plan("accuracy.dataset=parquet", f"accuracy.data.path={{folder}}"),
    "fetch": of("data", "cifar10", "--to", str(folder / "to")),
    "evaluate": of("evaluate", *checkpoint),
    "figures": of("figures", str(folder / "small"), "--to", str(folder / "to")),
    "export": of("export", *network, "--to", str(folder / "m.onnx")),
    "keras": [1, keras],
    "images": images.train.images.shape,
}}))
"""


@pytest.fixture(scope="module")
def without_extras(tmp_path_factory) -> dict:
    """What commands end with where none of the extras is installed."""
    modules = {module for _, modules in EXTRAS.values() for module in modules} - IN_THE_BASE
    folder = tmp_path_factory.mktemp("bare")
    code = ALONE.format(blocked=sorted(modules), folder=str(folder))
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


@pytest.mark.parametrize("command", ["run", "report", "plan"])
def test_the_default_run_and_its_page_need_no_extra(without_extras, command):
    assert without_extras[command] == [0, ""]


@pytest.mark.parametrize(
    ("what", "extra"),
    [
        ("imagefolder", "images"),
        ("parquet", "images"),
        ("fetch", "images"),
        ("evaluate", "checkpoints"),
        ("figures", "figures"),
        ("export", "runtimes"),
        ("keras", "keras"),
    ],
)
def test_what_needs_an_extra_names_it_in_a_line(without_extras, what, extra):
    status, said = without_extras[what]
    assert status > 0
    assert f"needs pip install 'mobilenet-sweep[{extra}]'" in said
    assert len(said.splitlines()) == 1


def test_a_checkpoint_names_its_extra(monkeypatch, tmp_path):
    from mnv1_flax.checkpoints import load

    monkeypatch.setitem(sys.modules, "h5py", None)
    (tmp_path / "x.h5").write_bytes(b"x")
    with pytest.raises(ImportError) as missing:
        load(tmp_path / "x.h5")
    assert "needs pip install 'mobilenet-sweep[checkpoints]'" in told(missing.value)


def test_the_table_of_modules_is_that_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    assert {*EXTRAS} | {"all", "peers"} == {*extras}
    everywhere = ",".join(extra for extra in EXTRAS if extra != "torch")
    assert extras["all"] == [
        f"mobilenet-sweep[{everywhere}]",
        "mobilenet-sweep[torch]; python_version < '3.12'",
    ]
    brought_by = packages_distributions()
    for extra, (_, modules) in EXTRAS.items():
        if extra == "torch" and "torch" not in brought_by:
            continue  # as from Python 3.12 on
        wanted = {re.split(r"[=><\[]", each)[0] for each in extras[extra]}
        direct = {each for module in modules for each in brought_by[module]}
        assert wanted <= direct


def test_decision_1_says_why_each_library_is_there():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = [each for extra in EXTRAS for each in project["optional-dependencies"][extra]]
    page = (ROOT / "docs" / "decisions" / "0001-libraries.md").read_text("utf-8")
    rows = re.findall(r"^\| ([^|]+) \| (?:base|`\w+`) \|", page, flags=re.MULTILINE)
    named = {name for row in rows for name in row.split(", ")}
    needed = {re.split(r"[=><\[]", each)[0] for each in [*project["dependencies"], *extras]}
    assert named == {each.removesuffix("-python-headless") for each in needed}


def test_another_error_is_none_of_ours():
    assert told(ImportError("no")) == ""
    assert told(ModuleNotFoundError("no", name="somebodys.own")) == ""
    assert told(ValueError("no")) == ""
