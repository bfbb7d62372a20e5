"""The runs that stand side by side on one page, each under its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sweep.metrics import LATENCY
from sweep.report.content import figures
from sweep.report.content.axes import quantities
from sweep.report.content.difference import datasets_of, key_of_row
from sweep.report.values.figures import Figure
from sweep.report.values.quantity import Quantity
from sweep.results.deployments import by

if TYPE_CHECKING:
    from sweep.results.load import Results

Row = dict[str, Any]


def named_sides(runs: Sequence[Results]) -> tuple[Side, ...]:
    """Under the names that the runs have; where two have one name, with the folder."""
    names = [str(each.settings.get("name", each.path.name)) for each in runs]
    return tuple(
        Side(each, f"{name} ({each.path})" if names.count(name) > 1 else name)
        for name, each in zip(names, runs, strict=True)
    )


@dataclass(frozen=True)
class Side:
    """One of the runs."""

    results: Results
    name: str

    @cached_property
    def rows(self) -> dict[str, Row]:
        """By the points' keys."""
        return {key_of_row(row): row for row in self.results.points.to_dict(orient="records")}

    @cached_property
    def figures(self) -> dict[tuple[str, str], Figure]:
        """By source and cost; the primary latency also by the name that it has in a run where
        another is the primary one.
        """
        found: dict[tuple[str, str], Figure] = {}
        for each in figures.figures(self.results):
            for name in (each.name, self._by_runtime(each.of)):
                found.setdefault((each.source, name), each)
        return found

    @property
    def deployment(self) -> str:
        """What the primary latency was timed by; empty without one."""
        known = self.results.deployments
        return known[0].words if known else ""

    def _by_runtime(self, of: Quantity) -> str:
        if of.metric != LATENCY or not self.deployment:
            return of.name
        named = by(LATENCY, self.deployment).name
        return of.name.replace(LATENCY.name.removesuffix("_s"), named.removesuffix("_s"), 1)

    @cached_property
    def quantities(self) -> dict[str, Quantity]:
        return {each.column: each for each in quantities(self.results)}

    @property
    def dataset(self) -> str:
        return datasets_of(self.rows)

    @property
    def recipe(self) -> str:
        """Names the settings and data behind its accuracies."""
        return str(self.results.run.get("measures", {}).get("accuracy", {}).get("settings_hash"))
