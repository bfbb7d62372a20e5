"""Every setting, and which readings it makes new: a setting without a row here fails."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sweep.contracts import Device
from sweep.results.store import Store
from sweep.running.local import LocalEngine
from sweep.running.plan import make_plan
from sweep.settings.config import Section, Settings, parse
from sweep.settings.registry import BUILT_IN, find
from tests.support.image_files import encoded, plain, write_folder
from tests.support.runs import MACHINE

BASE = """
    [grid]
    alpha = [0.5]
    resolution = [64]
    base_resolution = 64
    [accuracy]
    dataset = "tests.support.toys:Brightness"
    batch_size = 4
"""


@dataclass(frozen=True)
class Row:
    """A decision. change: of the setting; new: the measures whose readings it makes new. used_if:
    settings without which it counts for nothing; given: what both sides have. same: changes that
    make nothing new. evaluated: whether it counts for trained networks from files, too.
    """

    change: str
    new: str = ""
    used_if: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    same: tuple[str, ...] = ()
    evaluated: bool = False


def data(name: str, **settings: str) -> tuple[str, ...]:
    return (
        f'accuracy.dataset="{name}"',
        *(f"accuracy.data.{key}={value}" for key, value in settings.items()),
    )


INT8 = ('measures=["accuracy", "int8"]',)
RAPL = ('measures=["rapl"]',)
FOLDER = data("imagefolder", path='"folder"')
SPLIT = ('accuracy.data.path="one"', "accuracy.data.validation_share=0.25")
ARCHIVE = data("numpy", path='"archive"')
SPLIT_ARCHIVE = ('accuracy.data.path="one.npz"', "accuracy.data.validation_share=0.25")
PARQUET = data("parquet", path='"parquet"', image_column='"img"')
SPLIT_PARQUET = ('accuracy.data.path="one.parquet"', "accuracy.data.validation_share=0.25")
BOTH = dict.fromkeys(("train", "validation"), '["one.parquet"]')
LISTED = data("parquet", image_column='"img"', **BOTH)
CHECKPOINTS = (*FOLDER, 'accuracy.source="checkpoints"', 'accuracy.checkpoints="a.h5"')
SHARED = ('accuracy.source="shared"',)
RESIZED = ('accuracy.crop="resized"',)
EXPONENTIAL = ('accuracy.schedule="exponential"',)
START = ('accuracy.start="a.h5"',)

ROWS: dict[str, Row] = {
    "name": Row('name="other"'),
    "family": Row('family="tests.support.short:Sibling"'),
    "num_classes": Row("num_classes=10", "cost latency"),  # a trained network has its data's
    "measures": Row('measures=["cost"]'),
    "max_memory_share": Row("max_memory_share=0.5"),
    # Which points there are; a point's size in training hangs on the base.
    "grid.kind": Row('grid.kind=["separable", "shallow"]'),
    "grid.alpha": Row("grid.alpha=[0.5, 1]"),
    "grid.resolution": Row("grid.resolution=[64, 128]"),
    "grid.rho": Row("grid={alpha=[0.5], rho=[1, 0.5], base_resolution=64}"),
    "grid.base_resolution": Row("grid.base_resolution=128", "accuracy"),
    "grid.extra[].kind": Row('grid.extra=[{kind="shallow"}]'),
    "grid.extra[].alpha": Row("grid.extra=[{alpha=1}]"),
    "grid.extra[].resolution": Row("grid.extra=[{resolution=128}]"),
    "grid.extra[].measures": Row('grid.extra=[{measures=["cost"]}]'),
    "cost.fvcore": Row("cost.fvcore=false", "cost"),
    "cost.xla": Row("cost.xla=false", "cost"),
    "run.engine": Row('run.engine="ray"'),
    "run.address": Row('run.address="first:6379"'),
    "run.hosts": Row("run.hosts=2"),
    "run.checkpoints": Row('run.checkpoints="s3://bucket"'),
    "int8.runtimes": Row('int8.runtimes=["onnxruntime"]', "int8", given=INT8),
    "int8.calibration_images": Row("int8.calibration_images=100", "int8", given=INT8),
    "explore.budget": Row('explore.budget=["params=1M"]'),
    "explore.minutes": Row("explore.minutes=3.0"),
    "rapl.windows": Row("rapl.windows=6", "rapl", given=RAPL),
    "rapl.window_s": Row("rapl.window_s=2.0", "rapl", given=RAPL),
    "latency.bridge": Row("latency.bridge=2"),
    "latency.nodes": Row('latency.nodes=["pi5"]'),
    "latency.batch_sizes": Row("latency.batch_sizes=[1, 8]", "latency"),
    "latency.runtimes": Row('latency.runtimes=["onnxruntime"]', "latency"),
    "latency.precisions": Row('latency.precisions=["bfloat16"]', "latency"),
    "latency.threads": Row("latency.threads=[1]", "latency"),
    "latency.lowering": Row('latency.lowering="grouped"', "latency"),
    "latency.processes": Row("latency.processes=3", "latency"),
    "latency.rounds": Row("latency.rounds=5", "latency"),
    "latency.min_sample_s": Row("latency.min_sample_s=0.5", "latency"),
    "latency.warmup_s": Row("latency.warmup_s=2", "latency"),
    "latency.seed": Row("latency.seed=1", "latency"),
    "accuracy.source": Row('accuracy.source="keras"', "accuracy"),
    "accuracy.checkpoints": Row(
        'accuracy.checkpoints="b.h5"',
        "accuracy",
        given=CHECKPOINTS,
        same=('accuracy.checkpoints="copy.h5"',),
    ),
    "accuracy.start": Row(
        'accuracy.start="b.h5"', "accuracy", given=START, same=('accuracy.start="copy.h5"',)
    ),
    "accuracy.head_epochs": Row("accuracy.head_epochs=2", "accuracy", used_if=START),
    "accuracy.head_rate": Row("accuracy.head_rate=0.5", "accuracy", used_if=START),
    "accuracy.tuning_rate": Row("accuracy.tuning_rate=0.5", "accuracy", used_if=START),
    "accuracy.shared.alpha": Row("accuracy.shared.alpha=[1, 0.5]", "accuracy", given=SHARED),
    "accuracy.shared.rho": Row("accuracy.shared.rho=[1, 0.5]", "accuracy", given=SHARED),
    "accuracy.shared.between": Row("accuracy.shared.between=2", "accuracy", given=SHARED),
    "accuracy.shared.calibration_images": Row(
        "accuracy.shared.calibration_images=64", "accuracy", given=SHARED
    ),
    "accuracy.background": Row("accuracy.background=true", "accuracy", given=CHECKPOINTS),
    "accuracy.dataset": Row('accuracy.dataset="tests.support.toys:Dimness"', "accuracy"),
    "accuracy.data": Row('accuracy.data={path="other"}', "accuracy", given=FOLDER),
    "accuracy.train_images": Row(
        "accuracy.train_images=512", "accuracy", same=("accuracy.train_images=10000",)
    ),
    "accuracy.test_images": Row(
        "accuracy.test_images=3", "accuracy", same=("accuracy.test_images=4000",), evaluated=True
    ),
    "accuracy.held_back": Row("accuracy.held_back=false"),  # scored beside, and chooses nothing
    "accuracy.title": Row('accuracy.title="Bars"'),
    "accuracy.base_resolution": Row(
        "accuracy.base_resolution=48", "accuracy", same=("accuracy.base_resolution=24",)
    ),
    # Where images are, and how they get in.
    "accuracy.bad_images": Row('accuracy.bad_images="skip"', given=FOLDER),
    "accuracy.workers": Row("accuracy.workers=3", given=FOLDER),
    "accuracy.cache_mb": Row(  # streamed, boxes are drawn otherwise
        "accuracy.cache_mb=0", "accuracy", used_if=FOLDER, same=("accuracy.cache_mb=2048",)
    ),
    "accuracy.crop": Row('accuracy.crop="resized"', "accuracy"),
    "accuracy.crop_area": Row("accuracy.crop_area=[0.5, 1]", "accuracy", used_if=RESIZED),
    "accuracy.crop_aspect": Row("accuracy.crop_aspect=[1, 1]", "accuracy", used_if=RESIZED),
    "accuracy.symmetry": Row('accuracy.symmetry="none"', "accuracy"),
    "accuracy.test_crop": Row("accuracy.test_crop=1", "accuracy", used_if=FOLDER, evaluated=True),
    "accuracy.epochs": Row("accuracy.epochs=3", "accuracy"),
    "accuracy.max_steps": Row("accuracy.max_steps=5", "accuracy"),
    "accuracy.batch_size": Row("accuracy.batch_size=2", "accuracy"),
    "accuracy.optimizer": Row('accuracy.optimizer="adamw"', "accuracy"),
    "accuracy.learning_rate": Row("accuracy.learning_rate=0.1", "accuracy"),
    "accuracy.schedule": Row('accuracy.schedule="exponential"', "accuracy"),
    "accuracy.decay_rate": Row("accuracy.decay_rate=0.5", "accuracy", used_if=EXPONENTIAL),
    "accuracy.decay_epochs": Row("accuracy.decay_epochs=1", "accuracy", used_if=EXPONENTIAL),
    "accuracy.momentum": Row("accuracy.momentum=0.5", "accuracy"),
    "accuracy.weight_decay": Row("accuracy.weight_decay=0", "accuracy"),
    "accuracy.warmup_share": Row("accuracy.warmup_share=0", "accuracy"),
    "accuracy.label_smoothing": Row("accuracy.label_smoothing=0.1", "accuracy"),
    "accuracy.dropout_rate": Row("accuracy.dropout_rate=0", "accuracy"),
    "accuracy.bn_momentum": Row("accuracy.bn_momentum=0.5", "accuracy"),
    "accuracy.dtype": Row('accuracy.dtype="bfloat16"', "accuracy"),
    "accuracy.lowering": Row('accuracy.lowering="grouped"', "accuracy"),
    "accuracy.threads": Row("accuracy.threads=0", "accuracy"),  # sums in another order
    "accuracy.devices": Row("accuracy.devices=2"),
    "accuracy.checkpoint_s": Row("accuracy.checkpoint_s=5"),
    "accuracy.keep": Row("accuracy.keep=false"),  # what is trained is the same
    "accuracy.seed": Row("accuracy.seed=1", "accuracy"),
    "accuracy.seeds": Row("accuracy.seeds=2"),
    "custom": Row(
        'custom={"tests.support.toys:Perimeter" = {factor = 8}}',
        "perimeter",
        given=('measures=["cost", "tests.support.toys:Perimeter"]',),
    ),
    # What is in the files, not where they are.
    "imagefolder.path": Row(
        'accuracy.data.path="other"',
        "accuracy",
        given=FOLDER,
        same=('accuracy.data.path="moved"',),
    ),
    "imagefolder.classes": Row(
        'accuracy.data.classes="b_a.txt"',
        "accuracy",
        given=FOLDER,
        same=('accuracy.data.classes="a_b.txt"',),
    ),
    "imagefolder.validation_share": Row(
        "accuracy.data.validation_share=0.5", "accuracy", given=(*FOLDER, *SPLIT)
    ),
    "imagefolder.split": Row(
        'accuracy.data.split="test"', "accuracy", given=data("imagefolder", path='"folders"')
    ),
    "numpy.split": Row(
        'accuracy.data.split="test"', "accuracy", given=data("numpy", path='"archives"')
    ),
    "parquet.split": Row(
        'accuracy.data.split="test"',
        "accuracy",
        given=data("parquet", path='"parquets"', image_column='"img"'),
    ),
    "imagefolder.split_seed": Row(
        "accuracy.data.split_seed=1", "accuracy", given=FOLDER, used_if=SPLIT
    ),
    "numpy.path": Row(
        'accuracy.data.path="two.npz"',
        "accuracy",
        given=(*ARCHIVE, *SPLIT_ARCHIVE),
        same=('accuracy.data.path="copy.npz"',),
    ),
    "numpy.image_key": Row('accuracy.data.image_key="negatives"', "accuracy", given=ARCHIVE),
    "numpy.label_key": Row('accuracy.data.label_key="coarse"', "accuracy", given=ARCHIVE),
    "numpy.classes": Row(
        'accuracy.data.classes="b_a.txt"',
        "accuracy",
        given=(*ARCHIVE, 'accuracy.data.classes="a_b.txt"'),
    ),
    "numpy.validation_share": Row(
        "accuracy.data.validation_share=0.5", "accuracy", given=(*ARCHIVE, *SPLIT_ARCHIVE)
    ),
    "numpy.split_seed": Row(
        "accuracy.data.split_seed=1", "accuracy", given=ARCHIVE, used_if=SPLIT_ARCHIVE
    ),
    "parquet.path": Row(
        'accuracy.data.path="two.parquet"',
        "accuracy",
        given=(*PARQUET, *SPLIT_PARQUET),
        same=('accuracy.data.path="copy.parquet"',),
    ),
    "parquet.train": Row(
        'accuracy.data.train=["two.parquet"]',
        "accuracy",
        given=LISTED,
        same=('accuracy.data.train=["copy.parquet"]',),
    ),
    "parquet.validation": Row(
        'accuracy.data.validation=["two.parquet"]',
        "accuracy",
        given=LISTED,
        same=('accuracy.data.validation=["copy.parquet"]',),
    ),
    "parquet.test": Row(
        'accuracy.data.test=["two.parquet"]',
        "accuracy",
        given=LISTED,
        same=('accuracy.data.test=[]',),
    ),
    "parquet.image_column": Row(
        'accuracy.data.image_column="negative"', "accuracy", given=PARQUET
    ),
    "parquet.label_column": Row('accuracy.data.label_column="coarse"', "accuracy", given=PARQUET),
    "parquet.classes": Row(
        'accuracy.data.classes="b_a.txt"',
        "accuracy",
        given=(*PARQUET, 'accuracy.data.classes="a_b.txt"'),
    ),
    "parquet.validation_share": Row(
        "accuracy.data.validation_share=0.5", "accuracy", given=(*PARQUET, *SPLIT_PARQUET)
    ),
    "parquet.split_seed": Row(
        "accuracy.data.split_seed=1", "accuracy", given=PARQUET, used_if=SPLIT_PARQUET
    ),
}  # fmt: skip


def fields(section: type[Section], place: str = "") -> Iterator[str]:
    """ "grid.alpha", "grid.extra[].kind": every setting of a section."""
    for name, field in section.model_fields.items():
        kinds = [field.annotation, *get_args(field.annotation)]
        inner = [each for each in kinds if isinstance(each, type) and issubclass(each, Section)]
        if inner:
            many = "" if inner[0] is field.annotation else "[]"
            yield from fields(inner[0], f"{place}{name}{many}.")
        else:
            yield place + name


def test_every_setting_has_a_decision():
    known = set(fields(Settings))
    for name in BUILT_IN["dataset"]:
        if own := getattr(find("dataset", name), "Settings", None):
            known |= set(fields(own, f"{name}."))
    assert known == set(ROWS)


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """Sixteen grey images of two classes, in every form, and other ones of each."""
    root = tmp_path_factory.mktemp("files")
    for name, start in (("one", 0), ("two", 100)):
        images = [plain(start + place, 8, 8) for place in range(16)]
        write_folder(root / name, {f"{'ab'[i % 2]}/{i}.png": each for i, each in enumerate(images)})
        labels = np.arange(16) % 2
        np.savez(
            root / f"{name}.npz",
            images=np.stack(images),
            negatives=255 - np.stack(images),
            labels=labels,
            coarse=1 - labels,
        )
        columns = {
            "img": [{"bytes": encoded(each)} for each in images],
            "negative": [{"bytes": encoded(255 - each)} for each in images],
            "label": labels,
            "coarse": 1 - labels,
        }
        pq.write_table(pa.table(columns), root / f"{name}.parquet")
    for kind in ("npz", "parquet"):
        shutil.copy(root / f"one.{kind}", root / f"copy.{kind}")
    for folder, train in (("folder", "one"), ("moved", "one"), ("other", "two")):
        for split in ("train", "val"):
            shutil.copytree(root / train, root / folder / split)
    for folder, kind in (("archive", "npz"), ("parquet", "parquet")):
        (root / folder).mkdir()
        for split in ("train", "val"):
            shutil.copy(root / f"one.{kind}", root / folder / f"{split}.{kind}")
    for split, source in (("train", "one"), ("val", "one"), ("test", "two")):
        shutil.copytree(root / source, root / "folders" / split)
        for folder, kind in (("archives", "npz"), ("parquets", "parquet")):
            (root / folder).mkdir(exist_ok=True)
            shutil.copy(root / f"{source}.{kind}", root / folder / f"{split}.{kind}")
    for order in ("a_b", "b_a"):
        (root / f"{order}.txt").write_text(order.replace("_", "\n"))
    for name, content in (("a", "1"), ("copy", "1"), ("b", "2")):
        (root / f"{name}.h5").write_text(content)
    return root


@pytest.fixture(autouse=True)
def _among_the_files(files, monkeypatch):
    monkeypatch.chdir(files)


class Anywhere(LocalEngine):
    """It has whatever machine is named, and it is this one."""

    def devices(self, measure):
        return (Device("", self.machine),)


def hashes(*changes: str) -> dict[tuple[str, str, int], str]:
    """(measure, point, replicate) -> what its readings are stored under."""
    settings = parse(BASE, source="test", changes=changes)
    made = make_plan(settings, Store(Path("nowhere")), MACHINE, engine=Anywhere(MACHINE))
    return {
        (name, network.point.key, network.seed or 0): each.of(network)
        for name, each in made.hashes.items()
        for network in each.networks
    }


def made_new(before: tuple[str, ...], change: str) -> set[str]:
    """Measures that read a point anew which both settings have."""
    old, new = hashes(*before), hashes(*before, change)
    return {each[0] for each in old.keys() & new.keys() if old[each] != new[each]}


@pytest.mark.parametrize("setting", ROWS)
def test_a_setting_makes_new_what_it_affects_and_nothing_else(setting):
    row = ROWS[setting]
    assert made_new((*row.given, *row.used_if), row.change) == set(row.new.split())
    if row.used_if:
        assert made_new(row.given, row.change) == set()
    for change in row.same:
        assert made_new((*row.given, *row.used_if), change) == set()


EVALUATING = [name for name in ROWS if name.startswith("accuracy.") and not ROWS[name].given]


@pytest.mark.parametrize("setting", sorted({*EVALUATING} - {"accuracy.source", "accuracy.dataset"}))
def test_of_trained_networks_a_recipe_makes_nothing_new(setting):
    row = ROWS[setting]
    assert made_new(CHECKPOINTS, row.change) == ({"accuracy"} if row.evaluated else set())


def test_a_seed_counts_for_trained_networks_where_it_draws_the_images():
    some = (*CHECKPOINTS, "accuracy.test_images=3")
    assert made_new(some, "accuracy.seed=1") == {"accuracy"}
    every = (*CHECKPOINTS, "accuracy.test_images=16")
    assert made_new(CHECKPOINTS, every[-1]) == set()


def test_streamed_trainings_have_all_cores_whatever_the_settings_say():
    assert made_new((*FOLDER, "accuracy.cache_mb=0"), "accuracy.threads=0") == set()
