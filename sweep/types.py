"""The words that all rooms share: points, metrics, readings, images.

Importing this costs nothing: no JAX, no pandas.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, asdict, dataclass
from enum import StrEnum
from math import isnan
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class ResultsError(ValueError):
    """A results folder can't be read; the message names the file and why."""


class SettingsError(ValueError):
    """A setting is wrong; the message says which, and what is allowed."""


def digest_of(data: object) -> str:
    """12 hex digits of any JSON value; equal values give equal digits."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True, order=True)
class Point:
    """One network of the design space.

    alpha is the width multiplier; resolution the side of the deployed network's input in pixels;
    rho = resolution / base resolution, the resolution multiplier.
    """

    family: str
    kind: str
    alpha: float
    rho: float
    resolution: int

    @property
    def label(self) -> str:
        """Short name as in the paper: "1.0-224"; the kind in front where it is not the default."""
        size = f"{alpha_text(self.alpha)}-{self.resolution}"
        return size if self.kind == "separable" else f"{self.kind} {size}"

    @property
    def key(self) -> str:
        """Unique text, stable over time: what a stored reading belongs to."""
        return f"{self.family}/{self.kind}/{self.alpha!r}/{self.resolution}"

    @classmethod
    def of(cls, keys: Iterable[str]) -> tuple[Point, ...]:
        """The points of keys, the widest and largest of a kind first; a key doesn't tell rho: 0."""
        parts = (key.rsplit("/", 3) for key in keys)
        found = [cls(f, kind, float(alpha), 0.0, int(side)) for f, kind, alpha, side in parts]
        return tuple(sorted(found, key=lambda each: (each.kind, -each.alpha, -each.resolution)))


@dataclass(frozen=True, order=True)
class Deployment:
    """What executes a network: a runtime by its name, in numbers of a type ("float32", "int8"), on
    so many threads; 0: on as many as there are cores.
    """

    runtime: str
    precision: str = "float32"
    threads: int = 0

    @property
    def label(self) -> str:
        """ "litert, int8, 1 thread"."""
        conditions = asdict(self) | {"threads": self.threads or None}
        return condition_words(conditions)


def alpha_text(alpha: float) -> str:
    """A width multiplier as the paper writes it: "1.0", "0.75"."""
    text = f"{alpha:g}"
    return text if set(text) & set(".e") else f"{text}.0"


@dataclass(frozen=True)
class Machine:
    """What a latency depends on beside the network and the packages. `governor` is "unknown" where
    not readable.
    """

    cpu: str
    cores: int
    memory_bytes: int
    system: str
    platform: str  # JAX's name: cpu, gpu, tpu
    device: str
    governor: str
    xla_flags: str
    allocator: str

    @property
    def id(self) -> str:
        """12 hex digits of every fact: readings of different ids never share a frontier."""
        return digest_of(asdict(self))

    def as_dict(self) -> dict[str, Any]:
        """Plain data, the id with it."""
        return {"id": self.id, **asdict(self)}


LONGEST_LIST = 12  # more names than this in one sentence are cut short


def listed(names: Sequence[str], longest: int = LONGEST_LIST) -> str:
    """ "a, b and c", cut short after `longest`."""
    if len(names) > longest:
        return f"{', '.join(names[:longest])} and {len(names) - longest} more"
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def slug(name: str) -> str:
    """A name inside the names of metrics and columns: "Pixel 9" -> "pixel_9"."""
    return re.sub(r"\W+", "_", name.casefold()).strip("_")


class Better(StrEnum):
    HIGHER = "higher"
    LOWER = "lower"
    NEITHER = "neither"


class Form(StrEnum):
    """How values are written for people."""

    TEXT = "text"
    WRITTEN = "written"  # a number that is text already: the paper's "569 M"
    VERDICT = "verdict"  # 1 is yes, 0 is OUTSIDE
    EXACT = "exact"  # 568,740,352
    COUNT = "count"  # 568.7 M
    SECONDS = "seconds"  # 3.10 ms
    BYTES = "bytes"  # 16.8 MB
    SHARE = "share"  # 61.4 %
    PART = "part"  # 94.86 %: of a whole, as the paper's Table 2 prints it
    POINTS = "points"  # +1.2 pt: a difference of shares
    PIXELS = "pixels"  # 32 px: a side
    NUMBER = "number"  # anything else: 3 digits, the unit standing elsewhere


_FORMS = {"1": Form.COUNT, "s": Form.SECONDS, "B": Form.BYTES}
_AS_ITS_UNIT = cast("Form", "")


@dataclass(frozen=True)
class Metric:
    """What a reading is of: all that figures, tables, budgets and checks know of it stands here.

    unit: SI ("s", "B", "J"), "px", or "1" for counts, shares and ratios. form: how a value is
    written, by default as the unit suggests. short: the title where there is little room, and
    inside sentences. beside: the name of the metric that this one restates or checks: it stands
    beside it in tables and has no axis of its own.
    """

    name: str
    title: str
    unit: str
    better: Better
    form: Form = _AS_ITS_UNIT
    short: str = ""
    beside: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "form", self.form or _FORMS.get(self.unit, Form.NUMBER))
        object.__setattr__(self, "short", self.short or self.title)


@dataclass(frozen=True)
class Reading:
    """One metric of one point. Either `value` is there, or `reason` says why it is not.

    samples: the raw measurements behind `value`, in the order taken. note: free text beside it.
    artefacts: files that its measure has made of the point, by their names in networks/; whoever
    stores it fills them in.

    What tells readings of one metric and point apart stands in fields of its own, each a column of
    the table, and left empty where it makes no difference: the batch size, what executed the
    network ("xla"), the type of its numbers ("float32"), the threads it had, the data set, the seed
    of a training, the layer. variant: any other difference, of a measure from outside; nobody takes
    it apart.
    """

    metric: Metric
    point: Point
    value: float | None
    _: KW_ONLY
    samples: tuple[float, ...] = ()
    reason: str = ""
    note: str = ""
    artefacts: tuple[str, ...] = ()
    batch: int | None = None
    runtime: str = ""
    precision: str = ""
    threads: int | None = None
    dataset: str = ""
    seed: int | None = None
    layer: str = ""
    variant: str = ""

    def __post_init__(self) -> None:
        if (self.value is None) == (not self.reason):
            raise ValueError(
                f"{self.metric.name} of {self.point.label}: needs a value or a reason, not both"
            )
        if self.value is not None and isnan(self.value):
            raise ValueError(
                f"{self.metric.name} of {self.point.label}: NaN; give a reason instead"
            )

    @property
    def conditions(self) -> dict[str, Any]:
        """What tells it from others of its metric and point, by the names in CONDITIONS."""
        return {name: getattr(self, name) for name in CONDITIONS}


CONDITIONS = ("batch", "runtime", "precision", "threads", "dataset", "seed", "layer", "variant")
NUMBERED = ("batch", "threads", "seed")  # of these; the others are texts
_WORDS = {"batch": "batch {}", "threads": "{} threads", "seed": "seed {}"}


def condition_words(conditions: Mapping[str, Any]) -> str:
    """ "batch 8, xla, float32": what is given of CONDITIONS, for titles and sentences."""
    given = [name for name in CONDITIONS if conditions.get(name) not in (None, "")]
    words = (_WORDS.get(name, "{}").format(conditions[name]) for name in given)
    return ", ".join("1 thread" if each == "1 threads" else each for each in words)


@dataclass(frozen=True)
class CurvePoint:
    """Where a training stood. loss and accuracy are means over the steps since the last one
    (accuracy of the training batches, 0..1); seconds since training began. seed: of the training,
    where its point has several; whoever runs the measure fills it in.
    """

    point: Point
    step: int
    epoch: float
    loss: float
    accuracy: float
    learning_rate: float
    seconds: float
    seed: int | None = None


@dataclass(frozen=True)
class Images:
    """Labelled images: images f32[N,S,S,C] or u8[N,H,W,C] with C 1 or 3, labels i32[N] in
    0..classes-1.
    """

    images: npt.NDArray[np.float32] | npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Splits:
    """A data set at one size; train and test share no pixel."""

    train: Images
    test: Images


Progress = Callable[[float, str], None]  # (share done 0..1, what is going on)
