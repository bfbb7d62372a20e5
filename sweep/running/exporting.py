"""A network and where it comes from -> a file for other runtimes: `python -m sweep export`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sweep.contracts import Exports, Family, LoadsCheckpoints, Runtime, Trained
from sweep.datasets.records import DatasetError
from sweep.host.files import is_there
from sweep.measures.agreement import FLOATS_AGREE, INTEGERS_AGREE, agreed, logits_of
from sweep.measures.executed import BY_SUFFIX
from sweep.measures.int8 import calibrating
from sweep.metrics import TOP1
from sweep.results.load import Results, load
from sweep.results.run_file import RUN
from sweep.results.writing import NETWORKS
from sweep.running.evaluate import image_source, shared_of_run, source_of_run
from sweep.settings.config import Settings, SettingsError, validated
from sweep.settings.registry import find
from sweep.training.sources import ImageSource
from sweep.types import Point, Progress, listed

RANDOM = "random"  # in place of a file: for timing alone


@dataclass(frozen=True)
class Chosen:
    """A trained network in evaluation, and its family; run: the results folder whose training
    images it has seen, where there is one.
    """

    family: object
    trained: Trained
    run: Path | None = None


def chosen(
    network: str,
    *,
    alpha: float | None,
    resolution: int | None,
    kind: str | None,
    seed: int | None,
    progress: Progress,
) -> Chosen:
    """network: a checkpoint; a results folder, whose network of that alpha and resolution is meant;
    or "random". resolution: of a checkpoint, None for its own.

    Raises ValueError, ResultsError and SettingsError where there is no such network.
    """
    if network == RANDOM:
        return Chosen(*_random(alpha, resolution, kind))
    path = Path(network)
    if is_there(path / RUN):
        if alpha is None or resolution is None:
            raise SettingsError(f"{path}: which network? Give --alpha and --resolution")
        return _of_run(path, alpha, resolution, kind, seed, progress)
    if asked := [f"--{name}" for name, own in (("kind", kind), ("seed", seed)) if own is not None]:
        raise SettingsError(f"{listed(asked)}: of a results folder alone, not of a file")
    run = path.parent.parent if path.parent.name == NETWORKS else None
    return Chosen(*_loaded(path, alpha, resolution), run)


def _random(
    alpha: float | None, resolution: int | None, kind: str | None
) -> tuple[Family, Trained]:
    family: Family = find("family", "mobilenet_v1")()
    if alpha is None or resolution is None:
        raise SettingsError("random: which size? Give --alpha and --resolution")
    settings = Settings()
    base = settings.grid.base_resolution
    point = Point(family.name, kind or family.kinds[0], alpha, resolution / base, resolution)
    module = family.build(
        point,
        num_classes=settings.num_classes,
        resolution=resolution,
        seed=0,
        lowering=None,
        bn_momentum=0.9,
        dropout_rate=0.0,
        dtype="float32",
    )
    module.eval()
    note = "its weights are random: a file for timing alone"
    return family, Trained(module, alpha, resolution, settings.num_classes, (note,))


def _loaded(
    path: Path, alpha: float | None, resolution: int | None
) -> tuple[LoadsCheckpoints, Trained]:
    """With a caution where it is to see images of another size than it was trained on."""
    family: LoadsCheckpoints = find("family", "mobilenet_v1")()
    try:
        own = family.load_checkpoint(path, alpha=alpha, resolution=None)
    except ValueError:
        if resolution is None:
            raise
        own = None  # it does not say
    if own is not None and resolution in (None, own.resolution):
        return family, own
    trained = family.load_checkpoint(path, alpha=alpha, resolution=resolution)
    if own is None:
        return family, trained
    note = f"trained at {own.resolution} px, and exported for {resolution}: its accuracy is another"
    return family, replace(trained, notes=(note, *trained.notes))


def _of_run(
    folder: Path,
    alpha: float,
    resolution: int,
    kind: str | None,
    seed: int | None,
    progress: Progress,
) -> Chosen:
    results = load(folder)
    run = validated(Settings, results.settings, source=str(folder / RUN))
    if run.accuracy.source == "shared":
        progress(0.0, "calibrating the network that is cut out")
        shared = shared_of_run(folder, kind=kind, seed=seed)
        return Chosen(shared.family, shared.cut(alpha, resolution), folder)
    name = _kept(results, alpha, resolution, kind or "separable", seed)
    family, trained = _loaded(folder / NETWORKS / name, None, None)
    if trained.resolution != resolution:
        note = (
            f"the point of {resolution} px was trained at {trained.resolution} px, and its file "
            "takes such images"
        )
        trained = replace(trained, notes=(note, *trained.notes))
    return Chosen(family, trained, folder)


def _kept(results: Results, alpha: float, resolution: int, kind: str, seed: int | None) -> str:
    """The file of a point's network, that of the first replicate where no seed is asked for.
    Raises SettingsError, naming those that there are.
    """
    rows = results.readings.loc[results.readings["metric"] == TOP1.name].to_dict("records")
    there = [row for row in rows if len(row["artefacts"])]
    own = [
        row
        for row in there
        if (row["kind"], row["alpha"], row["resolution"]) == (kind, alpha, resolution)
        and seed in (None, row["seed"])
    ]
    if not own:
        points = [
            Point(row["family"], row["kind"], row["alpha"], 0.0, row["resolution"]).label
            for row in there
        ]
        kept = listed(list(dict.fromkeys(points))) or "none"
        raise SettingsError(
            f"{results.path}: has kept no network of {kind} {alpha:g}-{resolution}"
            + (f" of seed {seed}" if seed is not None else "")
            + f"; kept are {kept}"
        )
    return str(own[0]["artefacts"][0])


def calibration_images(
    network: Chosen, folder: Path | None, count: int, progress: Progress
) -> Iterator[npt.NDArray[np.float32]]:
    """`count` images, or all where there are fewer, f32[1,R,R,3] in [-1, 1] as in evaluation: of
    the folder, else those that the run has trained on.

    Raises SettingsError where there are none.
    """
    source, side = _calibration_source(network, folder), network.trained.resolution
    try:
        images = source.calibration(side, count, 1)
    except DatasetError:  # of a folder without splits, or of evaluation alone: what there is
        if folder is None:
            raise
        images = source.calibration(side, count, 1, split="validation")
    if not len(images):
        raise SettingsError(f"{folder or network.run}: no images to calibrate by")
    return calibrating(images, progress)


def _calibration_source(network: Chosen, folder: Path | None) -> ImageSource:
    if folder is not None:
        if not is_there(folder):
            raise SettingsError(f"--calibrate {folder}: there is no such file or folder")
        return image_source(folder, None)
    if network.run is None or not is_there(network.run / RUN):
        raise SettingsError(
            "--int8: by which images? Give --calibrate FOLDER, with some of those that the network "
            "was trained on; never those that its accuracy is counted on"
        )
    return source_of_run(network.run)


def export(
    network: Chosen, to: Path, *, int8: Iterator[npt.NDArray[np.float32]] | None = None
) -> str:
    """Writes the new file, with the names of the classes where they are known, and executes it: a
    sentence on how far what it computes is from what is right. Raises ValueError where it can't be
    written, or computes something else; nothing is left then.
    """
    family, trained = network.family, network.trained
    if not isinstance(family, Exports):
        raise TypeError("its family can't write files for other runtimes")
    family.export(trained.module, to, classes=trained.classes, int8=int8)
    try:
        return _checked(trained, to, int8=int8 is not None)
    except ValueError as error:
        to.unlink()
        raise ValueError(f"{to}: {error}; it is not kept") from None


def _checked(trained: Trained, to: Path, *, int8: bool) -> str:
    """On one image, by the runtime that its format is of."""
    name = BY_SUFFIX[to.suffix]
    runtime: Runtime = find("runtime", name)()
    side = trained.resolution
    image = np.random.default_rng(0).uniform(-1, 1, (1, side, side, 3)).astype(np.float32)
    try:
        program = runtime.open(to)
        plain = runtime.reference(to) if int8 else None
    except ModuleNotFoundError:
        return f"not executed: {name} is not installed (pip install 'mobilenet-sweep[runtimes]')"
    if plain:
        difference = agreed(program(image), plain(image), "its reference kernels'", INTEGERS_AGREE)
        whose = "its reference kernels'"
    else:
        right = logits_of(trained.module, image)
        difference = agreed(program(image), right, "the network's", FLOATS_AGREE)
        whose = "the network's"
    return f"executed by {name}: logits within {difference:.2g} of the largest from {whose}"
