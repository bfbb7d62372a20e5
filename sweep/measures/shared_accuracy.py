"""Top-1 and top-5 of each point, cut out of one network that was trained for all of them.

It is not the accuracy of a network trained alone: see docs/decisions/0021.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from flax import nnx

from sweep.contracts import Artefact, LoadsCheckpoints, Network, SharesWeights
from sweep.host.machine import cores
from sweep.host.memory import MAPS_OF_STEP, steps_allowed
from sweep.measures.accuracy import STREAMED, Accuracy
from sweep.measures.cutting import Cut, Cutting
from sweep.measures.effort import part_of, shares
from sweep.measures.scores import score_readings
from sweep.measures.shared_points import SharedPoints, kind_of, kinds_of
from sweep.settings.config import SMALLEST, AccuracySettings, SettingsError
from sweep.training.devices import is_first_host
from sweep.training.loop import train
from sweep.training.shared import Programs, compiled, make_ready
from sweep.types import CurvePoint, Point, Progress, Reading, alpha_text, listed

SHARED_NETWORK = "shared_network"  # the kind of artefact
PROGRAM_BYTES = 90 << 20  # of a compiled gradient, and what is left of compiling it
MOST_NAMED = 3


class SharedAccuracy(Accuracy):
    """Trains one network, of each kind that the grid has, and evaluates each point inside it."""

    together = True

    def __init__(self, settings: AccuracySettings) -> None:
        super().__init__(settings)
        self.points = SharedPoints(settings, self.source)
        self.cutting = Cutting(self.points)
        # By the family and kind of the networks: replicates train with the same.
        self._programs: dict[tuple[str, str], Programs] = {}

    @property
    def threads(self) -> int:
        """0: one training has all cores."""
        return 0

    @property
    def gives(self) -> tuple[str, ...]:
        """The network that all are cut out of, where it is kept."""
        return (SHARED_NETWORK,) if self.settings.keep else ()

    def identity(self) -> dict[str, Any]:
        """Beside the recipe, what is trained: not the grid, which may grow within it."""
        return super().identity() | {"shared": self.settings.shared.model_dump(mode="json")}

    def identity_of(self, network: Network) -> dict[str, Any]:
        """The sides in pixels that are trained, too."""
        own = super().identity_of(network)
        sides = self.points.sides(network)
        streamed = STREAMED if self.source.streamed_at(max(sides)) else {}
        return own | streamed | {"trained": sides}

    def check_points(self, networks: Sequence[Network]) -> None:
        """Raises SettingsError naming the points that lie outside of what is trained, and where the
        family's networks share no weights.
        """
        super().check_points(networks)
        for family in {each.family.name: each.family for each in networks}.values():
            if not isinstance(family, SharesWeights) or not isinstance(family, LoadsCheckpoints):
                raise SettingsError(
                    f'accuracy.source = "shared": family {family.name} has no shares_weights and '
                    'load_checkpoint; "train" trains each point alone'
                )
        outside = [each.point.label for each in networks if not self.points.holds(each)]
        if outside:
            shared = self.settings.shared
            raise SettingsError(
                f"{listed(outside, MOST_NAMED)}: outside of what the shared network is trained "
                f"for, alpha {_range(shared.alpha)} and rho {_range(shared.rho)}; "
                "accuracy.shared.alpha and accuracy.shared.rho widen it"
            )
        if (side := min(map(min, map(self.points.sides, networks)), default=SMALLEST)) < SMALLEST:
            raise SettingsError(
                f"accuracy.shared.rho: {min(self.settings.shared.rho):g} makes images of {side} "
                f"px, must be at least {SMALLEST}"
            )

    def _kept_networks(self, networks: Sequence[Network]) -> Sequence[Network]:
        return [self.points.largest(each[0]) for each in kinds_of(networks)]

    def describe(self, networks: Sequence[Network]) -> tuple[str, ...]:
        """And how many networks are trained for how many points."""
        shared, told = self.settings.shared, super().describe(networks)
        sides = sorted({side for each in networks for side in self.points.sides(each)})
        trainings, points = len(kinds_of(networks)), len({each.point for each in networks})
        one = (
            f"{'one shared training' if trainings == 1 else f'{trainings} shared trainings'} for "
            f"{points} points, at alpha "
            f"{listed([alpha_text(each) for each in sorted(shared.alpha)])} and at "
            f"{listed([str(side) for side in sides])} px; each point is calibrated on "
            f"{shared.calibration_images:,} training images"
        )
        return (*told, one, *self._too_many()) if networks else told

    def _too_many(self) -> tuple[str, ...]:
        """A caution where compiled programs may take more memory maps than there are."""
        programs = len(self.settings.shared.alpha) * len(self.settings.shared.rho)
        most = steps_allowed()
        if most is None or programs <= most:
            return ()
        return (
            f"{programs} networks are trained, a program each, and on a CPU Linux ends a process "
            f"with more than about {most} of these, without a word, for want of memory maps: name "
            f"fewer, or sysctl -w vm.max_map_count={2 * programs * MAPS_OF_STEP}",
        )

    def describe_bridge(self, earlier: Sequence[Network]) -> str:
        del earlier
        return (
            "the shared network that is kept is taken: nothing is trained for points that are new "
            "inside it"
        )

    def estimate_s(self, networks: Sequence[Network]) -> float:
        """As of separate trainings, but that a step trains some networks of middling size."""
        return sum(sum(self._parts_of_kind_s(each)) for each in kinds_of(networks))

    def _parts_of_kind_s(self, networks: Sequence[Network]) -> tuple[float, float, float]:
        """Compiling, training and evaluating."""
        effort, shared, side_by_side = self.effort, self.settings.shared, max(1, len(cores()))
        cells = [replace(networks[0], point=each) for each in self.points.of(networks[0])]
        smallest = [each for each in cells if each.point.alpha == min(shared.alpha)]
        small, mean = (effort.train_s(some) / len(some) for some in (smallest, cells))
        large = effort.train_s([self.points.largest(networks[0])])
        return (
            sum(map(effort.compile_s, cells)) / side_by_side,
            large + small + shared.between * mean,
            sum(map(effort.evaluate_s, networks)) / side_by_side,
        )

    def bytes_of(self, networks: Sequence[Network]) -> int:
        """The largest network's training, with images of all sides and a program for each cell."""
        return max((self._bytes_trained(each[0]) for each in kinds_of(networks)), default=0)

    def _bytes_trained(self, network: Network) -> int:
        largest, sides = self.points.largest(network), self.points.sides(network)
        held = [self.source.bytes_held(each) for each in sides]
        programs = PROGRAM_BYTES * len(self.points.of(network))
        return super().bytes_of([largest]) + sum(held[:-1]) + programs

    def unfinished(self, network: Network) -> tuple[str, ...]:
        """The one training's."""
        return super().unfinished(self.points.largest(network))

    def bridge(self, earlier: Sequence[Network]) -> tuple[Network, ...]:
        """One of each kind whose shared network is there."""
        there = [each for each in earlier if SHARED_NETWORK in each.artefacts]
        return tuple(each[0] for each in kinds_of(there))

    def __call__(
        self, networks: Sequence[Network], progress: Progress
    ) -> Iterator[Reading | CurvePoint | Artefact]:
        """The curve while training, then each point's readings, and the one network."""
        yield from self.measure_bridged(networks, {}, progress)

    def measure_bridged(
        self,
        networks: Sequence[Network],
        earlier: Mapping[Network, Sequence[Reading]],
        progress: Progress,
    ) -> Iterator[Reading | CurvePoint | Artefact]:
        """earlier: one of each kind that a shared network is kept of, which is taken as it is."""
        kinds = kinds_of(networks)
        places = shares(*(sum(self._parts_of_kind_s(own)) for own in kinds))
        for own, (begins, ends) in zip(kinds, pairwise(places), strict=True):
            kept = [each for each in earlier if kind_of(each) == kind_of(own[0])]
            yield from self._of_kind(own, kept, part_of(progress, begins, ends))

    def _of_kind(
        self, networks: Sequence[Network], kept: Sequence[Network], progress: Progress
    ) -> Iterator[Reading | CurvePoint | Artefact]:
        largest = self.points.largest(networks[0])
        if kept:
            path = kept[0].artefacts[SHARED_NETWORK]
            whole, note, left_out = self.load_shared(largest, path), "", 0
        else:
            path = None
            whole, note, left_out = yield from self._trained(largest, networks, progress)
            if not is_first_host():  # a point is evaluated by one
                return
        start = 0.0 if kept else shares(*self._parts_of_kind_s(networks))[2]
        scaled = part_of(progress, start, 1.0)
        began = time.perf_counter()
        cuts = dict(zip(networks, self.cutting.cuts(whole, networks, scaled), strict=True))
        each_s = (time.perf_counter() - began) / len(networks)
        told = f"{note}{each_s:.1f} s to calibrate and evaluate"
        for network, each in cuts.items():
            yield from self._readings(network, each, told, left_out)
        if self.settings.keep:
            file = self._copied(largest, path) if path else self._saved_shared(largest, whole)
            yield from (Artefact(each.point, SHARED_NETWORK, file) for each in networks)

    def _trained(
        self, largest: Network, networks: Sequence[Network], progress: Progress
    ) -> Generator[CurvePoint, None, tuple[nnx.Module, str, int]]:
        """(the network, how it was trained, how many images were left out). The curve is given
        where the largest network is a point of the grid.
        """
        recipe = self._recipe(largest)
        sandwich = self.points.sandwich(largest, recipe)
        _, begins, ends, _ = shares(*self._parts_of_kind_s(networks))
        compiling, training = part_of(progress, 0.0, begins), part_of(progress, begins, ends)
        compiling(0.0, "compiling")
        kind = kind_of(largest)[:2]
        programs = self._programs.get(kind) or compiled(sandwich, self._classes, recipe, compiling)
        self._programs[kind] = replace(programs, trace_s=0.0, compile_s=0.0)
        ready = make_ready(sandwich, self._classes, recipe, programs)
        began = time.perf_counter()
        checkpoint = self._checkpoint(largest)
        own = next((each.point for each in networks if each.point.key == largest.point.key), None)
        steps = train(ready, training, checkpoint)
        whole = yield from _of_point(steps, own)
        waited = f" ({ready.waits.told})" if ready.waits.told else ""
        note = (
            f"{ready.trace_s:.1f} s to trace, {ready.compile_s:.1f} s to compile, "
            f"{time.perf_counter() - began:.1f} s to train{waited}, "
        )
        if (devices := ready.learner.devices).count > 1:
            note += f"on {devices.told}, "
        if checkpoint is not None and checkpoint.went_on_at:
            note += f"broken off, continued at step {checkpoint.went_on_at}, "
        return whole, note, ready.left_out()

    def load_shared(self, network: Network, path: Path) -> nnx.Module:
        """The shared network, of this one's kind, that a file holds. Raises ValueError where it is
        damaged or of another network.
        """
        family: Any = network.family
        alpha = self.points.largest(network).point.alpha
        return family.load_checkpoint(path, alpha=alpha, resolution=None).module

    def _readings(self, network: Network, cut: Cut, note: str, left_out: int) -> Iterator[Reading]:
        side = self.source.side(network.point)
        return score_readings(
            network.point,
            cut.score,
            self._classes,
            side,
            f"{self.cutting.said(network)}; {note}",
            left_out + cut.left_out,
            dataset=self.source.dataset.name,
            precision=self.settings.dtype,
            seed=self._seed(network),
            held_back=cut.held_back,
        )

    def _saved_shared(self, largest: Network, whole: nnx.Module) -> Path:
        """The one network, calibrated where it is largest, as which it can be used."""
        return self._saved(largest, self.cutting.calibrated(whole, largest))

    def _copied(self, largest: Network, path: Path) -> Path:
        """For whoever stores it, who takes the file over."""
        folder = self._folder or Path(tempfile.mkdtemp(prefix="networks-"))
        folder.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copyfile(path, self._file(folder, largest, ".safetensors")))


def _of_point(
    steps: Generator[CurvePoint, None, nnx.Module], point: Point | None
) -> Generator[CurvePoint, None, nnx.Module]:
    """The curve as of another point; without one it is left out."""
    while True:
        try:
            place = next(steps)
        except StopIteration as ended:
            return ended.value
        if point is not None:
            yield replace(place, point=point)


def _range(values: Sequence[float]) -> str:
    return f"{min(values):g} to {max(values):g}"
