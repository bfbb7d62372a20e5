"""A metric as a report shows it, at one batch size: what axes, tables, budgets and sentences take
their titles, units and words from. All of it follows from what stands on the `Metric`.
"""

from __future__ import annotations

from dataclasses import dataclass

from sweep.metrics import is_axis
from sweep.report.values.units import formatted, prefixed, span
from sweep.types import Better, Form, Metric


@dataclass(frozen=True)
class Quantity:
    """column: of the points. low, high: those of its 95 % interval, empty where it has none. batch:
    where the readings are of one. machine_bound: they may only be compared on one machine. device:
    what that is called, where a run has latencies of several. by: what executed the networks, where
    several did; other: whether it is not the primary one of these. percentile: of the samples,
    where it is not their median.
    """

    metric: Metric
    column: str
    batch: int | None = None
    low: str = ""
    high: str = ""
    machine_bound: bool = False
    device: str = ""
    by: str = ""
    other: bool = False
    percentile: int | None = None

    @property
    def name(self) -> str:
        """What its figures are called: "params", "latency", "latency_batch8"."""
        return self.column.removesuffix("_s").removesuffix("_bytes")

    @property
    def key(self) -> str:
        """Where a budget's limit is named: the metric, whatever the batch size; of a percentile the
        column.
        """
        return self.metric.name if self.percentile is None else self.column

    @property
    def about(self) -> str:
        """What cautions call it: a percentile is of the same samples."""
        return self.name.replace(f"_p{self.percentile}", "")

    @property
    def columns(self) -> tuple[str, ...]:
        """The value's, then those of its interval where it has one."""
        return (self.column, self.low, self.high) if self.low else (self.column,)

    @property
    def title(self) -> str:
        """Whole: "Latency, batch 1". A unit that is not written with every value stands in it."""
        return _with_unit(f"{self.metric.title}{self.on}{self.suffix}", self.metric)

    @property
    def short(self) -> str:
        """Where there is little room: "Latency"; of another batch size than the first with it."""
        own = "" if self.column == self.metric.name else self.suffix
        return _with_unit(f"{self.metric.short}{self.on}{own}", self.metric)

    @property
    def noun(self) -> str:
        """Inside a sentence: "latency"."""
        of = "" if self.percentile is None else f"p{self.percentile} "
        return of + inside(self.metric.short) + self.on

    @property
    def called(self) -> str:
        """The same, of another batch size than the first with it: "latency, batch 8"."""
        return self.noun + ("" if self.column == self.metric.name else self.suffix)

    @property
    def at_batch(self) -> str:
        """Inside a sentence, with the batch size: "latency at batch 1"."""
        return self.noun + (f" at batch {self.batch}" if self.batch else "")

    @property
    def is_axis(self) -> bool:
        """Whether accuracies are drawn against it."""
        return is_axis(self.metric)

    @property
    def is_cost(self) -> bool:
        """Whether less is better: a budget can limit it."""
        return self.metric.better is Better.LOWER

    def form_of(self, *values: float | str | None) -> Form:
        """How values are written where every digit counts: whole counts to the last one."""
        whole = all(value is None or float(value).is_integer() for value in values)
        return Form.EXACT if self.metric.form is Form.COUNT and whole else self.metric.form

    def written(self, value: float) -> str:
        """A value with its unit, whatever it is."""
        if self.metric.form is Form.NUMBER and self.metric.unit != "1":
            return prefixed(value, self.metric.unit)
        return formatted(value, self.metric.form)

    def written_span(self, low: float, high: float) -> str:
        """The ends of an interval."""
        return span(low, high, self.metric.form)

    @property
    def on(self) -> str:
        """ " by LiteRT on xeon"; empty where there is but one runtime, and one machine."""
        by = f" by {self.by}" if self.by else ""
        return by + (f" on {self.device}" if self.device else "")

    @property
    def suffix(self) -> str:
        """ ", batch 8"; empty where it is of none."""
        return f", batch {self.batch}" if self.batch else ""


def inside(title: str) -> str:
    """A title inside a sentence; "XLA" keeps its capitals."""
    return title if title[:2].isupper() else title[:1].lower() + title[1:]


def _with_unit(title: str, metric: Metric) -> str:
    unsaid = metric.form is Form.NUMBER and metric.unit != "1"
    return f"{title} ({metric.unit})" if unsaid else title
