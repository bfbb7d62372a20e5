"""Networks that are measured because of what others have told: the best between the points of a run
(`pick --between --measure`), and a space that is explored under a budget (`run --explore`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweep.cli.budget import stated
from sweep.cli.console import say, tell
from sweep.cli.measuring import (
    Job,
    carried_out,
    planned,
    tell_outcome,
    tell_plan,
    writable,
)
from sweep.cli.options import read_results
from sweep.metrics import BUILT_IN, TOP1
from sweep.predict.explore import LATENCIES, ROUNDS, NotPredictedError, Place, Space, following
from sweep.predict.networks import Row, chain
from sweep.report.content.axes import quantities
from sweep.report.content.bearing import withheld
from sweep.report.content.between import accuracy_model
from sweep.report.content.budget import Budget, costs_at
from sweep.report.content.figures import MEASURED, label
from sweep.report.content.point_rows import swept_kind
from sweep.report.values.quantity import Quantity
from sweep.results.deployments import base_of
from sweep.settings.config import Settings, SettingsError
from sweep.settings.registry import find
from sweep.types import Better, Point, listed

if TYPE_CHECKING:
    from sweep.results.load import Results

FEWEST = 3  # alphas, and resolutions, of a space: else there is nothing between
AGAIN = min(again for _, again in ROUNDS)  # networks of an earlier round that are timed again


def measured_too(results: Results, networks: Sequence[Place]) -> Results:
    """Adds networks, (alpha, resolution), to the grid of a run and measures them as it was, beside
    a few of its own. -> the folder's results. Raises SettingsError where they can't be compared
    with what is stored.
    """
    from sweep.host.machine import this_machine

    settings, machine = _as_run(results), this_machine()
    if results.run.get("machine_id") != machine.id:
        raise SettingsError(
            f"--measure: the latencies of {results.path} are of another machine "
            f"({results.machine.get('cpu', 'unknown')}), and this one's can't stand beside them"
        )
    kind = swept_kind(results.points.to_dict(orient="records"))
    settings = _with(settings, networks, kind[1] if kind else "separable")
    writable(results.path)
    began = time.perf_counter()
    job = planned(settings, results.path, f"{results.path / 'run.json'}")
    tell_plan(job)
    tell_outcome(carried_out(job), time.perf_counter() - began)
    tell(
        "They stand in the run's grid now. To keep them there when it is run from its file again, "
        "add to that:"
    )
    for alpha, resolution in networks:
        tell(f"[[grid.extra]]\nalpha = {alpha}\nresolution = {resolution}")
    after = read_results(results.path)
    _tell_withheld(after)
    return after


def _tell_withheld(results: Results) -> None:
    for sentence in withheld(results):
        say(f"left out: {sentence}")


def _as_run(results: Results) -> Settings:
    """Raises SettingsError where the settings are of another version."""
    try:
        return Settings.model_validate_json(json.dumps(results.settings))
    except ValueError as error:
        raise SettingsError(
            f"{results.path / 'run.json'}: its settings are of another version: {error}"
        ) from None


@dataclass
class Exploration:
    """settings: of the whole space. source: of them, for messages. budget: texts, METRIC=VALUE.
    until: of `time.perf_counter`, when no other round is begun.
    """

    settings: Settings
    folder: Path
    source: str
    budget: Sequence[str]
    until: float

    def __post_init__(self) -> None:
        grid = self.settings.grid
        self.space = Space(
            tuple(sorted(grid.alpha, reverse=True)), tuple(sorted(grid.resolutions(), reverse=True))
        )
        self.kind = grid.kind[0]
        sizes = len(self.space.alphas), len(self.space.resolutions)
        if len(grid.kind) > 1 or min(sizes) < FEWEST:
            raise SettingsError(
                f"--explore: grid must have one kind, and {FEWEST} or more of each, alpha and "
                f"resolution: they are the space that is explored  ({self.source})"
            )
        if "accuracy" not in self.settings.measures:
            raise SettingsError(f"--explore: needs an accuracy among measures  ({self.source})")
        _check(self.budget, self.settings)

    def run(self) -> Results:
        """Measures round by round, and tells why it ends. -> the results of what was measured."""
        timed, seen = self.space.first(), self._seen()
        results = self._measured(timed, seen)
        for new, _ in ROUNDS:
            if time.perf_counter() > self.until:
                tell("The time is over.")
                return results
            places = self._next(results, new, timed)
            if not places:
                tell(f"No other of the {len(self.space.places)} networks promises more.")
                return results
            timed = (*timed, *places)
            tell(f"Next: {listed([self._label(place) for place in places])}.")
            results = self._measured(timed, seen)
            _tell_withheld(results)
        tell(f"{LATENCIES} networks have been timed, those timed again counted: enough.")
        return results

    def first(self) -> Job:
        """The plan of the first round."""
        return self._job(self.space.first(), self._seen())

    def _seen(self) -> tuple[Place, ...]:
        # A part of a shared network is evaluated in seconds; else the surface has to do.
        shared = self.settings.accuracy.source == "shared"
        return self.space.places if shared else self.space.edges()

    def _job(self, timed: Sequence[Place], seen: Sequence[Place]) -> Job:
        """timed: networks that all measures read; seen: that only the others than latency do."""
        (first, *others) = timed
        grid = {"alpha": (first[0],), "resolution": (first[1],), "rho": (), "extra": ()}
        settings = _changed(self.settings, {"grid": grid, "latency": {"bridge": AGAIN}})
        settings = _with(settings, others, self.kind)
        rest = [name for name in settings.measures if name != "latency"]
        settings = _with(settings, [each for each in seen if each not in timed], self.kind, rest)
        return planned(settings, self.folder, self.source)

    def _measured(self, timed: Sequence[Place], seen: Sequence[Place]) -> Results:
        began = time.perf_counter()
        job = self._job(timed, seen)
        if len(timed) == len(self.space.first()):
            tell_plan(job)  # later ones say the same, of a few networks
        outcome = carried_out(job)
        if outcome.interrupted or outcome.failures:
            tell_outcome(outcome, time.perf_counter() - began)
        return read_results(self.folder)

    def _next(self, results: Results, most: int, timed: Sequence[Place]) -> tuple[Place, ...]:
        """What to measure now: nothing that was timed already, be it in vain. Raises SettingsError
        where nothing can be predicted.
        """
        rows = [row for row in results.points.to_dict("records") if row["kind"] == self.kind]
        limits = {each.of.column: each.value for each in self.stated(results).limits}
        others = [place for place in self.space.places if place not in timed]
        try:
            best, places = following(
                chain(results.readings, rows),
                rows,
                accuracy_model(results, rows, MEASURED),
                limits,
                others,
                most,
                TOP1.name,
            )
        except NotPredictedError as error:
            say(f"{error}; the exploration ends here")
            return ()
        except ValueError as error:
            raise SettingsError(f"--explore: nothing can be predicted: {error}") from None
        tell(f"Best so far: {_told(best)}.")
        return places

    def stated(self, results: Results) -> Budget:
        """The budget in the results' own quantities. Raises SettingsError."""
        costs = costs_at(quantities(results), None)
        return stated({}, self.budget, costs, called="--explore")

    def _label(self, place: Place) -> str:
        alpha, resolution = place
        return Point(self.settings.family, self.kind, alpha, 0.0, resolution).label


def _told(best: Row | None) -> str:
    return f"{label(dict(best))}, {best[TOP1.name]:.1%} top-1" if best else "none keeps the budget"


def _check(budget: Sequence[str], settings: Settings) -> None:
    """A mistake in a budget is told before anything is measured, as far as it can be: not of a
    metric of a measure from outside. Raises SettingsError.
    """
    if any(":" in name for name in settings.measures):
        return
    known = {name: each for name, each in BUILT_IN.items() if each.better is Better.LOWER}
    names = (text.partition("=")[0].strip() for text in budget)
    # Of one deployment of several: "latency_by_litert_s".
    of = {
        name: replace(known[base_of(name)], name=name) for name in names if base_of(name) in known
    }
    quantities_known = [Quantity(each, each.name) for each in (known | of).values()]
    asked = stated({}, budget, quantities_known, called="--explore")
    # As their classes tell: what a measure reads by its settings is a deployment's, or beside.
    parts = {name: find("measure", name) for name in settings.measures}
    read = {each.name for part in parts.values() for each in getattr(part, "metrics", ())}
    for limit in asked.limits:
        name = limit.of.metric.name
        if base_of(name) not in read:
            raise SettingsError(
                f"--explore {name}: is read by none of measures = {list(settings.measures)}, so "
                "nothing would keep such a budget"
            )


def _with(
    settings: Settings,
    networks: Iterable[Place],
    kind: str,
    measures: Sequence[str] | None = None,
) -> Settings:
    """With more points in `grid.extra`."""
    more = [
        {"kind": kind, "alpha": alpha, "resolution": side, "measures": measures}
        for alpha, side in networks
    ]
    there = settings.model_dump(mode="json")["grid"]["extra"]
    return _changed(settings, {"grid": {"extra": [*there, *more]}})


def _changed(settings: Settings, changes: Mapping[str, Mapping[str, Any]]) -> Settings:
    """Checked anew, as everything that is read from a file."""
    told = settings.model_dump(mode="json")
    return Settings.model_validate_json(
        json.dumps(told | {key: told[key] | dict(own) for key, own in changes.items()})
    )
