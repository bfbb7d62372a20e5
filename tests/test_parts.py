"""The measures, data sets and the family of this project keep what is asked of anybody's."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sweep.contracts import Dataset, Family, Measure, Network, Runtime
from sweep.datasets.photo_patches import PhotoPatches
from sweep.families.mobilenet_v1 import MobileNetV1Family
from sweep.measures.accuracy import Accuracy
from sweep.measures.checkpoint_accuracy import CheckpointAccuracy
from sweep.measures.cost import Cost
from sweep.measures.latency import Latency
from sweep.settings.config import AccuracySettings, CostSettings, LatencySettings
from sweep.settings.registry import find, make_dataset
from sweep.testing import DatasetContract, FamilyContract, MeasureContract, RuntimeContract
from sweep.types import Point
from tests.support.image_files import encoded, plain, write_folder
from tests.support.networks import save_constant
from tests.support.short import Short
from tests.support.toys import Brightness, Perimeter, Together, point

# Of settings in a `Section`, tests/settings/test_settings_identity.py holds each in turn.
OF_SECTIONS = frozenset({*AccuracySettings.model_fields, *LatencySettings.model_fields})


class TestCost(MeasureContract):
    changes: ClassVar = {"fvcore": True, "xla": True}

    def measure(self, **settings: Any) -> Measure:
        return Cost(CostSettings(**({"fvcore": False, "xla": False} | settings)))


class TestLatency(MeasureContract):
    exact = False
    changes: ClassVar = {"rounds": 4, "lowering": "grouped"}
    held_elsewhere = OF_SECTIONS

    def measure(self, **settings: Any) -> Measure:
        quick = {"processes": 1, "rounds": 3, "min_sample_s": 1e-4, "warmup_s": 1e-3}
        return Latency(LatencySettings(**(quick | settings)))

    def networks(self) -> Sequence[Network]:
        return [Network(point(0.25, side), Short(), num_classes=8) for side in (32, 40)]


class TestXLA(RuntimeContract):
    def runtime(self) -> Runtime:
        return find("runtime", "xla")()


class TestOnnxRuntime(RuntimeContract):
    def runtime(self) -> Runtime:
        return find("runtime", "onnxruntime")()


class TestLiteRT(RuntimeContract):
    def runtime(self) -> Runtime:
        return find("runtime", "litert")()


class TestOpenVINO(RuntimeContract):
    def runtime(self) -> Runtime:
        return find("runtime", "openvino")()


@pytest.mark.usefixtures("as_users_run_it")
class TestAccuracy(MeasureContract):
    changes: ClassVar = {"epochs": 2, "seed": 1}
    untold: ClassVar = {"title": "Bars", "checkpoint_s": 1.0}
    held_elsewhere = OF_SECTIONS

    def measure(self, **settings: Any) -> Measure:
        quick: dict[str, Any] = {
            "dataset": "tests.support.toys:Brightness", "train_images": 32, "test_images": 16,
            "epochs": 1, "batch_size": 16,
        }  # fmt: skip
        return Accuracy(AccuracySettings(**(quick | settings)))

    def networks(self) -> Sequence[Network]:
        return [Network(point(0.25, 128), Short())]


class _OfFiles:
    """Sixteen grey images of two classes, in every form."""

    @pytest.fixture(autouse=True)
    def _files(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        if hasattr(type(self), "root"):
            return
        root = type(self).root = tmp_path_factory.mktemp("files")
        images = [plain(16 * place, 12, 12) for place in range(16)]
        named = {f"{'ab'[place % 2]}/{place}.png": each for place, each in enumerate(images)}
        for split in ("train", "val"):
            write_folder(root / "folder" / split, named)
        labels = np.arange(16) % 2
        np.savez(root / "one.npz", images=np.stack(images), labels=labels)
        columns = {"img": [{"bytes": encoded(each)} for each in images], "label": labels}
        pq.write_table(pa.table(columns), root / "one.parquet")

    root: ClassVar[Path]


class TestCheckpointAccuracy(_OfFiles, MeasureContract):
    changes: ClassVar = {"test_crop": 0.5, "test_images": 4}
    untold: ClassVar = {"title": "Greys", "workers": 1}
    held_elsewhere = OF_SECTIONS

    def measure(self, **settings: Any) -> Measure:
        checkpoints = self.root / "constant.safetensors"
        if not checkpoints.exists():
            save_constant([0.0, 1.0], checkpoints)
        quick = {
            "source": "checkpoints", "checkpoints": str(checkpoints), "dataset": "imagefolder",
            "data": {"path": str(self.root / "folder")},
        }  # fmt: skip
        return CheckpointAccuracy(AccuracySettings.model_validate(quick | settings))

    def networks(self) -> Sequence[Network]:
        return [Network(point(0.25, 32), MobileNetV1Family())]


class TestOneOfOutside(MeasureContract):
    changes: ClassVar = {"factor": 5}

    def measure(self, **settings: Any) -> Measure:
        return Perimeter(**settings)


class TestOneThatReadsAllTogether(MeasureContract):
    own_names = frozenset({"own"})

    def measure(self, **settings: Any) -> Measure:
        return Together(**settings)


class TestPhotoPatches(DatasetContract):
    def dataset(self, **settings: Any) -> Dataset:
        return PhotoPatches(**settings)


class TestDatasetFromOutside(DatasetContract):
    def dataset(self, **settings: Any) -> Dataset:
        return Brightness(**settings)


class TestImageFolder(_OfFiles, DatasetContract):
    held_elsewhere = frozenset({"path", "classes", "split", "validation_share", "split_seed"})

    def dataset(self, **settings: Any) -> Dataset:
        return make_dataset("imagefolder", {"path": str(self.root / "folder")} | settings)


class _OfOneFile(_OfFiles, DatasetContract):
    """Split by a share."""

    changes: ClassVar = {"validation_share": 0.5, "split_seed": 1}
    name: ClassVar[str]
    file: ClassVar[str]

    def dataset(self, **settings: Any) -> Dataset:
        split = {"path": str(self.root / self.file), "validation_share": 0.25}
        return make_dataset(self.name, split | settings)


class TestNumpyArchive(_OfOneFile):
    name, file = "numpy", "one.npz"
    held_elsewhere = frozenset({"path", "classes", "split", "image_key", "label_key"})


class TestParquet(_OfOneFile):
    name, file = "parquet", "one.parquet"
    held_elsewhere = frozenset(
        {"path", "classes", "split", "train", "validation", "test", "image_column", "label_column"}
    )


class TestMobileNetV1(FamilyContract):
    def family(self) -> Family:
        return MobileNetV1Family()

    def points(self) -> Sequence[Point]:
        """What the other kinds are, tests of the model hold."""
        return [point(0.25, self.side, "shallow")]
