"""Calls that two hosts of a Ray cluster perform together: Ray has the second join."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sweep.contracts import Ended, Said
from sweep.testing import Check, call
from sweep.types import Reading, SettingsError
from tests.support.hosts import together
from tests.support.ray_cluster import SimulatedCluster

ray = pytest.importorskip("ray")
from sweep.running.ray_engine import RayEngine, connect  # noqa: E402


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[SimulatedCluster]:
    """This machine, and one beside it, of one core each."""
    with closing(SimulatedCluster(cpus=1)) as there, pytest.MonkeyPatch.context() as patch:
        there.add()
        patch.setenv("RAY_ADDRESS", there.address)
        connect("")
        yield there
        ray.shutdown()


def test_ray_has_another_machine_join_and_again_where_it_is_lost(tmp_path: Path):
    calls = [together("", tmp_path), together("leave", tmp_path), call()]
    with closing(RayEngine(hosts=2).run(calls)) as running:
        events = list(running)
    ends = sorted((each for each in events if isinstance(each, Ended)), key=lambda end: end.index)
    assert [end.failure for end in ends] == ["", "", ""]
    readings = [item for end in ends for item in end.readings if isinstance(item, Reading)]
    assert [reading.value for reading in readings] == [1 + 2, 1 + 2, 32]
    gone = [each.index for each in events if isinstance(each, Said) and "is gone" in each.text]
    assert gone == [1]


def test_more_hosts_than_machines_and_calls_of_some_cores_are_refused(tmp_path: Path):
    spanning = together("", tmp_path).measure
    assert RayEngine(hosts=2).at_once(spanning) == 1
    with pytest.raises(SettingsError, match=r"run\.hosts = 3: 2 of the cluster's machines"):
        RayEngine(hosts=3).at_once(spanning)
    assert RayEngine(hosts=3).at_once(Check()) == 2
    spanning.threads = 1
    with pytest.raises(SettingsError, match=r"side\.threads = 1: must be 0 on several hosts"):
        RayEngine(hosts=2).at_once(spanning)
