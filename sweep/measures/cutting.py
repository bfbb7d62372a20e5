"""Networks cut out of a shared one: calibrated, evaluated, each by itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from flax import nnx

from sweep.contracts import Network
from sweep.host.machine import cores
from sweep.measures.shared_points import SharedPoints
from sweep.training.calibration import calibrated, sub_network
from sweep.training.evaluation import Score, evaluator
from sweep.types import Progress, alpha_text

CALIBRATED_AT_ONCE = 256  # images


@dataclass(frozen=True)
class Cut:
    """A network cut out of the shared one: in evaluation, with statistics of its own. held_back:
    its score on images that nothing is chosen by. left_out: images of both that could not be read.
    """

    module: nnx.Module
    score: Score
    held_back: Score | None
    left_out: int


@dataclass(frozen=True)
class Cutting:
    """points: what the shared networks are trained for, on which images."""

    points: SharedPoints

    def cuts(
        self, whole: nnx.Module, networks: Sequence[Network], progress: Progress
    ) -> Iterable[Cut]:
        """Each network cut out of the shared one, calibrated and evaluated: side by side, a core
        each, but where images are decoded, which has processes of its own.
        """
        with ThreadPoolExecutor(max(1, len(cores()))) as pool:
            if self.points.source.dataset.in_files:
                found = (partial(self._cut, whole, network) for network in networks)
            else:
                asked = [pool.submit(self._cut, whole, network) for network in networks]
                found = (each.result for each in asked)
            try:
                for number, (network, each) in enumerate(zip(networks, found, strict=True)):
                    progress(number / len(networks), f"evaluating {network.point.label}")
                    yield each()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _cut(self, whole: nnx.Module, network: Network) -> Cut:
        module, source = self.calibrated(whole, network), self.points.source
        side = source.side(network.point)
        sets = [source.evaluation(side), source.held_back(side)]
        there = [each for each in sets if each is not None]
        score, *beside = map(evaluator(module), there)
        left_out = sum(each.left_out() for each in there)
        return Cut(module, score, beside[0] if beside else None, left_out)

    def calibrated(self, whole: nnx.Module, network: Network) -> nnx.Module:
        """The network cut out of the shared one, in evaluation."""
        source, settings = self.points.source, self.points.settings
        side, classes = source.side(network.point), len(source.dataset.class_names)
        module = sub_network(whole, network, side, classes, settings)
        images = settings.shared.calibration_images
        calibrated(module, source.calibration(side, images, CALIBRATED_AT_ONCE))
        return module

    def said(self, network: Network) -> str:
        """How the network comes by its accuracy, and whether it was trained as it is."""
        point, side = network.point, self.points.source.side(network.point)
        told = f"cut out of one shared training, calibrated at {side} px"
        untrained = []
        if point.alpha not in self.points.settings.shared.alpha:
            untrained.append(f"alpha {alpha_text(point.alpha)}")
        if side not in self.points.sides(network):
            untrained.append(f"{side} px")
        if not untrained:
            return told
        return f"{told}; {' and '.join(untrained)} not trained in it, which reads too low"
