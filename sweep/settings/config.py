"""sweep.toml -> frozen, validated settings.

Every setting has its range here, and every mistake becomes one line that names the key, the value,
what is allowed and the file. Each measure is handed its own section and no more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from sweep.settings import toml_data
from sweep.settings.mistakes import explained
from sweep.settings.toml_data import short
from sweep.types import SettingsError, alpha_text, digest_of

__all__ = ["Section", "Settings", "SettingsError", "digest_of", "load", "parse", "validated"]

Alpha = Annotated[float, Field(gt=0, le=4, allow_inf_nan=False)]
SMALLEST = 8  # CIFAR-10 at rho = 0.75 is 24 pixels; below 8 the first two strides leave nothing
Resolution = Annotated[int, Field(ge=SMALLEST, le=2048)]
MOST_POINTS = 100_000  # of a grid; what a plan of them takes is seconds
LONGEST_NAME = 255  # bytes of a folder's name
MOST_LINES = 20  # of one message about many mistakes
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Natural = Annotated[int, Field(ge=0, lt=2**31)]
Processes = Annotated[int, Field(ge=0, le=4096)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Share = Annotated[float, Field(gt=0, le=1)]
Aspect = Annotated[float, Field(gt=0, le=100)]
Rho = Annotated[float, Field(gt=0, le=4, allow_inf_nan=False)]
Names = Annotated[tuple[str, ...], Field(min_length=1)]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Precision = Literal["float32", "int8", "bfloat16", "float16"]


class Section(BaseModel):
    """Base of every section: frozen, unknown keys refused, nothing made from a value of another
    kind: no number from a text or a yes, no whole one from 25.0. A float may be given as 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    def digest(self) -> str:
        """12 hex digits that change with any value of the section."""
        return digest_of(self.model_dump(mode="json"))


class ExtraPoint(Section):
    """A point outside the grid's product, with its own choice of measures (default: all)."""

    kind: str = "separable"
    alpha: Alpha = 1.0
    resolution: Resolution = 224
    measures: Names | None = None


class GridSettings(Section):
    """The product of kinds, alphas and resolutions, and what is added to it.

    The resolutions are given either in pixels or as `rho`, shares of `base_resolution`.
    """

    kind: Names = ("separable",)
    alpha: Annotated[tuple[Alpha, ...], Field(min_length=1)] = (1.0, 0.75, 0.5, 0.25)
    resolution: tuple[Resolution, ...] = ()
    rho: tuple[Rho, ...] = ()
    base_resolution: Resolution = 224
    extra: tuple[ExtraPoint, ...] = ()

    @model_validator(mode="after")
    def _one_way_to_say_resolution(self) -> GridSettings:
        if self.resolution and self.rho:
            raise ValueError("give either resolution (pixels) or rho (shares), not both")
        for rho in self.rho:
            if round(rho * self.base_resolution) < SMALLEST:
                raise ValueError(f"rho = {rho}: makes inputs smaller than {SMALLEST} pixels")
        _told_apart("rho", self.rho, lambda rho: f"{round(rho * self.base_resolution)} pixels")
        alphas = (*self.alpha, *(each.alpha for each in self.extra))
        _told_apart("alpha", alphas, alpha_text)
        product = len(self.kind) * len(self.alpha) * len(self.resolutions())
        if (points := product + len(self.extra)) > MOST_POINTS:
            raise ValueError(f"makes {points} points, must be at most {MOST_POINTS}")
        return self

    def resolutions(self) -> tuple[int, ...]:
        """Sides in pixels, whichever way they were given; the paper's four where neither was."""
        if self.rho:
            return tuple(round(rho * self.base_resolution) for rho in self.rho)
        return self.resolution or (224, 192, 160, 128)


def _told_apart(name: str, values: Sequence[float], text: Callable[[float], str]) -> None:
    """Raises ValueError where two values come to the same text: they would be points of one name.
    One that is given twice is one.
    """
    first: dict[str, float] = {}
    for value in values:
        if first.setdefault(text(value), value) != value:
            other = first[text(value)]
            raise ValueError(
                f"{name} = {other} and {value} both come to {text(value)}: leave one away"
            )


class CostSettings(Section):
    """[cost]: which of the slower counts stand beside the closed form."""

    fvcore: bool = True
    xla: bool = True


class LatencySettings(Section):
    """[latency]: how the deployed networks are timed."""

    # What executes them, by names: "xla", "onnxruntime", "litert", "openvino", or one of yours; in
    # which types of numbers, where a runtime has them; on how many cores, 0 for all. All take
    # turns, and the first of each list is the primary latency: `latency_s` in points.parquet.
    runtimes: Names = ("xla", "onnxruntime", "litert")
    precisions: Annotated[tuple[Precision, ...], Field(min_length=1)] = ("float32",)
    threads: Annotated[tuple[Processes, ...], Field(min_length=1)] = (0,)
    batch_sizes: Annotated[tuple[Count, ...], Field(min_length=1)] = (1,)
    lowering: str = ""  # of XLA's program; empty: the family's choice for the platform
    processes: Annotated[int, Field(ge=1, le=100)] = 6
    rounds: Annotated[int, Field(ge=3, le=1000)] = 8  # of each process
    # Points of an earlier session that a later one times again, of each runtime: enough that one
    # with a mood of its own does not decide.
    bridge: Annotated[int, Field(ge=1, le=100)] = 5
    # Kinds of machine, by the names of Ray's custom resources, that each take all latencies; none:
    # one machine takes them.
    nodes: tuple[Name, ...] = ()
    min_sample_s: Annotated[float, Field(gt=0, le=10)] = 0.01
    warmup_s: Annotated[float, Field(gt=0, le=60, description="longest warm-up of a point")] = 1.0
    seed: Seed = 0

    @field_validator("runtimes", "precisions", "threads", "batch_sizes")
    @classmethod
    def _each_once(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        if twice := [each for each in values if values.count(each) > 1]:
            raise ValueError(f"{twice[0]!r} is there twice")
        return values


class SharedSettings(Section):
    """[accuracy.shared]: what one training for all points trains (docs/decisions/0021). Points in
    between need no training of their own, and a grid that grows in between none either.
    """

    # Widths and resolutions whose networks are trained. The largest of both is trained at every
    # step; no point of the grid may lie outside. What lies between is read without being trained,
    # and reads too low.
    alpha: Annotated[tuple[Alpha, ...], Field(min_length=1)] = (1.0, 0.75, 0.5, 0.25)
    rho: Annotated[tuple[Rho, ...], Field(min_length=1)] = (1.0, 0.8571, 0.7143, 0.5714)
    between: Annotated[int, Field(ge=0, le=100)] = 1  # networks at random, in each step
    calibration_images: Count = 4096  # of training, on which each point's batch norm is settled


class AccuracySettings(Section):
    """[accuracy]: the data set, and the recipe that every point is trained with; or where trained
    networks come from.
    """

    # "train": random weights, and the recipe below. "shared": the same for one network, out of
    # which all points are cut. "checkpoints": files. "keras": the ImageNet checkpoints that Keras
    # finds in its cache or fetches.
    source: Literal["train", "shared", "checkpoints", "keras"] = "train"
    shared: SharedSettings = SharedSettings()
    checkpoints: str = ""  # a path with {alpha} and {resolution} in it, such as "zoo/{alpha}.h5"
    background: bool = False  # of trained networks: the first output is none of the data's classes
    # What each training begins with: such a path, or "keras"; empty: random weights. The classifier
    # is new, and for `head_epochs` of the `epochs` the only thing that is trained; then all is.
    start: str = ""
    head_epochs: Natural = 1
    head_rate: Annotated[float, Field(gt=0, le=100)] = 0.01  # these two in place of learning_rate
    tuning_rate: Annotated[float, Field(gt=0, le=100)] = 0.01

    dataset: str = "photo-patches"
    data: dict[str, Any] = {}  # [accuracy.data]: what the data set itself wants to be told
    train_images: Natural = 0  # 0: all that there are
    test_images: Natural = 0
    held_back: bool = True  # score the images that nothing is chosen by, where there are such
    title: str = ""  # what the report calls the data set, such as ImageNet; empty: its name
    # Side in pixels at rho = 1. 0: images in files at the point's own resolution, others at rho
    # times their data set's.
    base_resolution: Annotated[int, Field(ge=0, le=2048)] = 0
    bad_images: Literal["stop", "skip"] = "stop"
    workers: Processes = 0  # decoding processes; 0: one a core
    cache_mb: Natural = 1024  # images of one size up to this stay on the device

    # Part of an image that training sees: a random box, resized, or the same as in evaluation.
    crop: Literal["central", "resized"] = "central"
    crop_area: tuple[Share, Share] = (0.25, 1.0)
    crop_aspect: tuple[Aspect, Aspect] = (0.75, 1.3333)
    symmetry: Literal["none", "mirror", "square"] = "mirror"  # square: turned, too
    test_crop: Share = 0.875  # of each side, from the middle; of images in files alone

    epochs: Annotated[int, Field(ge=1, le=10_000)] = 2
    max_steps: Natural = 0  # ends training early, for a look; 0: no limit
    batch_size: Count = 64
    optimizer: Literal["sgd", "adamw", "rmsprop"] = "sgd"
    learning_rate: Annotated[float, Field(gt=0, le=100)] = 0.05
    schedule: Literal["cosine", "exponential"] = "cosine"
    decay_rate: Annotated[float, Field(gt=0, le=1)] = 0.94  # exponential: times this each ..
    decay_epochs: Annotated[float, Field(gt=0, le=1e6)] = 2.5  # .. so many epochs
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    weight_decay: Annotated[float, Field(ge=0, lt=1)] = 1e-4
    warmup_share: Annotated[float, Field(ge=0, lt=1)] = 0.1
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    dropout_rate: Annotated[float, Field(ge=0, lt=1)] = 1e-3
    bn_momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    dtype: Literal["float32", "bfloat16"] = "float32"  # of maps and products; weights are float32
    lowering: str = ""  # empty: the family's choice for the platform
    # Cores of one training, no more than there are, as many side by side as that allows; 0: one
    # after the other on all. Only where JAX runs on the CPU, and the images stay on the device.
    threads: Processes = 1
    # Of one training: each has its share of a batch. 0: all that share it out evenly.
    devices: Annotated[int, Field(ge=0, le=4096)] = 0
    # Seconds between two checkpoints of a training, from which a run that was cut off goes on; 0:
    # never.
    checkpoint_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 60.0
    keep: bool = True  # each trained network, in results/<name>/networks/
    # Draws images, where they are drawn, and all of a training: weights, order, augmentation.
    seed: Seed = 0
    # Trainings of each point, from `seed`, seed + 1, .. on the same images: an accuracy is their
    # mean.
    seeds: Annotated[int, Field(ge=1, le=1000)] = 1

    @model_validator(mode="after")
    def _goes_together(self) -> AccuracySettings:
        if self.train_images and self.batch_size > self.train_images:
            raise ValueError(
                f"batch_size = {self.batch_size}: must be at most train_images = "
                f"{self.train_images}"
            )
        for name in ("crop_area", "crop_aspect"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} = [{low}, {high}]: the smaller one first")
        if (self.source == "checkpoints") != bool(self.checkpoints):
            if self.checkpoints:
                raise ValueError('checkpoints is for source = "checkpoints" alone')
            raise ValueError(
                'checkpoints is missing; source = "checkpoints" needs a path, such as '
                '"zoo/mobilenet_{alpha}_{resolution}.h5"'
            )
        if self.source != "shared" and self.shared != SharedSettings():
            raise ValueError('shared is for source = "shared" alone')
        if self.background and self.source in ("train", "shared"):
            raise ValueError('background is for source = "checkpoints" or "keras" alone')
        for name in ("checkpoints", "start"):
            fields = set(re.findall(r"\{(.*?)\}", getattr(self, name)))
            if unknown := fields - {"alpha", "resolution", "kind"}:
                raise ValueError(
                    f"{name}: {{{unknown.pop()}}} must be {{alpha}}, {{resolution}} or {{kind}}"
                )
        self._check_start()
        return self

    def _check_start(self) -> None:
        if self.start and self.source != "train":
            raise ValueError('start is for source = "train" alone')
        if self.start and self.head_epochs > self.epochs:
            raise ValueError(
                f"head_epochs = {self.head_epochs}: must be at most epochs = {self.epochs}"
            )


class RunSettings(Section):
    """[run]: what executes the measures; none of it changes a reading."""

    # "local": this machine. "ray": the machines of a Ray cluster (docs/cluster.md).
    engine: Literal["local", "ray"] = "local"
    # Of the cluster; empty: RAY_ADDRESS, else Ray is started on this machine. Of several hosts
    # without a cluster: HOST:PORT at which the others find this one; empty: its name, port 8476.
    address: str = ""
    # Machines that perform a training together, this one among them (docs/cluster.md).
    hosts: Annotated[int, Field(ge=1, le=1000)] = 1
    # A folder that all machines share, or an fsspec address: where trainings are written down.
    # Empty: each on the machine that it runs on.
    checkpoints: str = ""


class Int8Settings(Section):
    """[int8]: the accuracies that trained networks keep in 8 bits."""

    # What quantises and executes them: "litert", "onnxruntime", "openvino", or one of yours.
    runtimes: Annotated[tuple[Name, ...], Field(min_length=1)] = ("litert",)
    calibration_images: Count = 200  # of training


class RaplSettings(Section):
    """[rapl]: energy by the processor's own counters, of what [latency] names first."""

    windows: Annotated[int, Field(ge=2, le=1000)] = 5  # samples of each network
    # Of each; the counters move about every millisecond.
    window_s: Annotated[float, Field(ge=0.1, le=60, allow_inf_nan=False)] = 1.0


class ExploreSettings(Section):
    """[explore]: a budget, for which the grid is explored in place of measured whole; none of it
    changes a reading.
    """

    # METRIC=VALUE, as of `run --explore`: ["latency_s=3ms", "params=1M"]. Empty: all is measured.
    budget: tuple[Name, ...] = ()
    # No other round begins after these; 0: no matter how long it takes.
    minutes: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0


class Settings(Section):
    name: Name = "default"
    family: str = "mobilenet_v1"
    num_classes: Count = 1000
    measures: Names = ("cost", "latency", "accuracy")
    # Of the machine's memory, or the device's: a point that would take more is not begun. 0: no
    # point is refused.
    max_memory_share: Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)] = 0.9
    run: RunSettings = RunSettings()
    grid: GridSettings = GridSettings()
    cost: CostSettings = CostSettings()
    latency: LatencySettings = LatencySettings()
    accuracy: AccuracySettings = AccuracySettings()
    int8: Int8Settings = Int8Settings()
    rapl: RaplSettings = RaplSettings()
    explore: ExploreSettings = ExploreSettings()
    # Sections for measures from outside this package, handed to them as they stand.
    custom: dict[str, dict[str, Any]] = {}

    @field_validator("name")
    @classmethod
    def _one_folder(cls, name: str) -> str:
        if name in (".", "..") or any(c in "/\\\0" or not c.isprintable() for c in name):
            raise ValueError("must be a plain folder name")
        if len(name.encode()) > LONGEST_NAME:
            raise ValueError(f"must have at most {LONGEST_NAME} bytes")
        return name

    @field_validator("measures")
    @classmethod
    def _each_once(cls, measures: tuple[str, ...]) -> tuple[str, ...]:
        if twice := [each for each in measures if measures.count(each) > 1]:
            raise ValueError(f"{twice[0]!r} is there twice")
        return measures

    @model_validator(mode="after")
    def _extra_points_ask_for_known_measures(self) -> Settings:
        for position, extra in enumerate(self.grid.extra):
            for measure in extra.measures or ():
                if measure not in self.measures:
                    raise ValueError(
                        f"grid.extra[{position}].measures: {measure!r} is not among measures = "
                        f"{list(self.measures)}: name it there, or leave it out here"
                    )
        return self


def load(path: Path, *, name: str | None = None, changes: Sequence[str] = ()) -> Settings:
    """Settings from a TOML file, `name` taking the place of the file's own where given, and each
    of `changes`, such as "accuracy.epochs=3" or "grid.alpha=[1.0, 0.5]", that of its key.

    Raises SettingsError naming the place where they are wrong.
    """
    return parse(toml_data.read(path), source=str(path), name=name, changes=changes)


def parse(
    text: str, *, source: str, name: str | None = None, changes: Sequence[str] = ()
) -> Settings:
    """Settings from TOML text; `source` names it in errors. Raises SettingsError."""
    data = toml_data.parsed(text, source=source)
    if name is not None:
        data["name"] = name
    for change in changes:
        toml_data.put(data, change)
    source = told_source(source, changes)
    toml_data.check(data, source=source)
    return validated(Settings, data, source=source)


def told_source(path: str, changes: Sequence[str]) -> str:
    """Where settings come from, in errors: "sweep.toml, accuracy.epochs=3"."""
    return ", ".join([path, *map(short, changes)])


S = TypeVar("S", bound=Section)


def validated(section: type[S], data: dict[str, Any], *, source: str, place: str = "") -> S:
    """A section from plain data. Raises SettingsError with a line for each mistake.

    place: where the section stands in the file ("accuracy.data"); source names the file.
    """
    try:
        # As JSON, whose lists are tuples to pydantic though it is strict.
        return section.model_validate_json(json.dumps(data))
    except ValidationError as error:
        details = error.errors()
        # A list whose only item is wrong is also "too short" to pydantic: said once is enough.
        lines = [
            explained(detail, source, place, section, Settings)
            for detail in details
            if detail["type"] != "too_short"
            or not any(other["loc"][:-1] == detail["loc"] for other in details)
        ]
        more = [f"and {len(lines) - MOST_LINES} more"] if len(lines) > MOST_LINES else []
        raise SettingsError("\n".join([*lines[:MOST_LINES], *more])) from None
