"""What every measure keeps."""

from __future__ import annotations

import math
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from sweep.contracts import Item, Measure, Network
from sweep.testing.settings import SettingsContract
from sweep.types import Metric, Point, Reading, digest_of


class MeasureContract(SettingsContract):
    """Derive from it, and pytest runs these tests on your measure. They call it twice.

    exact: whether a second call reads the same values, and not the same metrics alone.
    """

    exact: ClassVar[bool] = True

    def measure(self, **settings: Any) -> Measure:
        """Yours, quick settings by default, but for those given."""
        raise NotImplementedError

    def networks(self) -> Sequence[Network]:
        """Two, quick to measure."""
        from sweep.settings.registry import find

        family = find("family", "mobilenet_v1")()
        points = [Point(family.name, "shallow", 0.25, side / 224, side) for side in (32, 40)]
        return [Network(point, family, num_classes=10) for point in points]

    def part(self, **settings: Any) -> Measure:
        return self.measure(**settings)

    def called(self, measure: Measure) -> list[Item]:
        """What one call gives of all networks, or a call for each gives. How far a call is is told
        as a share that grows.
        """
        networks = self.networks()
        items: list[Item] = []
        for each in [networks] if measure.together else [[each] for each in networks]:
            told: list[tuple[float, str]] = []
            items += measure(each, lambda share, text, told=told: told.append((share, text)))
            shares = [share for share, _ in told]
            assert shares == sorted(shares)
            assert all(0 <= share <= 1 for share in shares)
            assert all(isinstance(text, str) for _, text in told)
        return items

    def test_it_is_a_measure_and_says_what_it_reads(self) -> None:
        measure = self.measure()
        assert isinstance(measure, Measure)
        assert measure.metrics
        assert all(isinstance(each, Metric) for each in measure.metrics)
        names = [each.name for each in measure.metrics]
        assert len(set(names)) == len(names)

    def test_it_reads_its_metrics_of_the_networks_it_is_given_the_same_each_time(
        self, tmp_path: Path
    ) -> None:
        from sweep.running.screening import screen

        networks = self.networks()
        keeping = self.measure()
        keeping.keep_in(tmp_path / "unfinished")
        first, second = self.called(self.measure()), self.called(keeping)
        for items in (first, second):
            assert screen(self.measure(), networks, items).reasons == {}
        assert _readings(first, self.exact) == _readings(second, self.exact)
        for network in networks:
            keeping.forget(network)
        assert not [path for path in tmp_path.rglob("*") if path.is_file()]

    def test_what_it_says_beforehand_can_be(self) -> None:
        measure, networks = self.measure(), self.networks()
        measure.check_points(networks)
        assert 0 <= measure.estimate_s(networks) < math.inf
        assert measure.bytes_of(networks) >= 0
        assert measure.threads >= 0
        for sentences in (measure.describe(networks), measure.look()):
            assert isinstance(sentences, tuple)
            assert all(isinstance(each, str) and each for each in sentences)

    def test_what_a_point_s_readings_depend_on_is_json_and_the_same_each_time(self) -> None:
        for network in self.networks():
            own = self.measure().identity_of(network)
            assert isinstance(own, dict)
            assert digest_of(own) == digest_of(self.measure().identity_of(network))

    def test_it_can_be_sent_to_a_process_where_it_has_threads(self) -> None:
        measure = self.measure()
        if measure.threads:
            copy, _ = pickle.loads(pickle.dumps((measure, list(self.networks()))))  # noqa: S301
            assert digest_of(copy.identity()) == digest_of(measure.identity())

    def test_it_reads_again_only_what_an_earlier_call_has_read(self) -> None:
        networks = self.networks()
        assert set(self.measure().bridge(networks)) <= set(networks)


def _readings(items: Sequence[Item], exact: bool) -> list[tuple[object, ...]]:
    return [
        (each.metric.name, each.point, *each.conditions.values(), each.value if exact else None)
        for each in items
        if isinstance(each, Reading)
    ]
