"""What a point would take is told beforehand, and a point that would not fit is not begun."""

from __future__ import annotations

import resource
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.memory import TIMED, TRAINED, WITHIN, measured
from sweep.contracts import Network
from sweep.families.mobilenet_v1 import MobileNetV1Family
from sweep.host import memory
from sweep.host.memory import limit
from sweep.measures.accuracy import Accuracy
from sweep.measures.latency import Latency
from sweep.results.load import load
from sweep.results.store import Store
from sweep.running.plan import make_plan
from sweep.running.run import execute
from sweep.settings.config import AccuracySettings, LatencySettings, SettingsError, parse
from tests.support.commands import QUICK, ROOT, flat, python
from tests.support.runs import MACHINE, Watcher
from tests.support.toys import CALLS, point

FAMILY = MobileNetV1Family()
GB = 10**9


# What the estimates say.


@pytest.mark.parametrize("case", [TRAINED[0], TIMED[1]], ids=["trained", "timed"])
def test_an_estimate_is_within_a_factor_of_what_a_process_takes(case):
    estimated, peak = measured(case)
    assert peak / WITHIN <= estimated <= peak * WITHIN


@pytest.mark.slow
@pytest.mark.parametrize("case", [*TRAINED, *TIMED], ids=str)
def test_every_estimate_is_within_a_factor_of_what_a_process_takes(case):
    estimated, peak = measured(case)
    assert peak / WITHIN <= estimated <= peak * WITHIN


def trained(alpha: float = 1.0, side: int = 224, **changes: Any) -> int:
    settings = AccuracySettings(
        dataset="tests.support.toys:Brightness",
        base_resolution=side,
        train_images=256,
        test_images=64,
        **changes,
    )
    measure = Accuracy(settings)
    return measure.bytes_of([Network(point(alpha, 224), FAMILY)])


def test_a_training_takes_more_with_more_to_keep():
    # Hand arithmetic: the outputs of 1.0-224 are 5.05 M numbers an image (Table 1 of the paper),
    # kept at least once in four bytes: 64 more images are 1.3 GB more.
    assert trained(batch_size=128) - trained(batch_size=64) > 1.2 * GB
    # 4.2 M weights, of which 1.0 M are for a thousand classes: one number more of each, in four
    # bytes.
    more = trained(optimizer="adamw") - trained(optimizer="sgd")
    assert more == pytest.approx(4 * 3.2e6, rel=0.05)
    assert trained(alpha=0.5) < trained(alpha=0.75) < trained(alpha=1.0)
    assert trained(side=64) < trained(side=128)


def test_timing_together_takes_more_than_each_and_less_than_all_apart():
    measure = Latency(LatencySettings(batch_sizes=(1, 64)))
    networks = [Network(point(alpha, 224), FAMILY) for alpha in (1.0, 0.5)]
    apart = [measure.bytes_of([each]) for each in networks]
    assert max(apart) < measure.bytes_of(networks) < sum(apart)


# What there is.


def test_the_limit_is_a_share_of_the_least_that_anything_allows(monkeypatch):
    monkeypatch.setattr(memory, "_of_cgroup", lambda: 4 * GB)
    monkeypatch.setattr(memory, "_of_process", lambda: 0)
    assert limit(0.5, 16 * GB) == memory.Limit(2 * GB, "this container's 4.0 GB")
    assert limit(0.5, 3 * GB) == memory.Limit(3 * GB // 2, "this machine's 3.0 GB")
    assert limit(0.5, 0).bytes == 2 * GB  # the machine's is unknown
    assert limit(0.0, 16 * GB).bytes == 0
    assert limit(0.5, 16 * GB, device_bytes=80 * GB).words == "this device's 80.0 GB"


@pytest.mark.parametrize(
    ("groups", "files", "allowed"),
    [
        ("0::/a/b", {"memory.max": "max"}, 0),
        ("0::/a/b", {"memory.max": "900", "a/memory.max": "700", "a/b/memory.max": "800"}, 700),
        ("0::/", {"memory.max": "600"}, 600),
        ("0::/not/seen/from/here", {"memory.max": "600"}, 600),
        ("4:memory:/a\n1:cpu:/b", {"memory/a/memory.limit_in_bytes": "500"}, 500),
        ("4:memory:/a", {"memory/memory.limit_in_bytes": "9223372036854771712"}, 0),
        ("4:cpu,memory:/", {"memory/memory.limit_in_bytes": "400"}, 400),
        ("", {}, 0),
    ],
)
def test_control_groups_are_asked_in_both_their_versions(tmp_path, groups, files, allowed):
    own = tmp_path / "cgroup"
    own.write_text(groups + "\n" if groups else "")
    for name, content in files.items():
        file = tmp_path / "root" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content + "\n")
    assert memory._of_cgroup(tmp_path / "root", own) == allowed


def test_a_limit_on_addresses_counts_and_what_is_no_memory_is_taken_off():
    code = (
        "import resource; from sweep.host import memory\n"
        "assert memory._of_process() == 0\n"
        "resource.setrlimit(resource.RLIMIT_AS, (10**9, 10**9))\n"
        "print(memory._of_process())"
    )
    done = python(["-c", code], ROOT)
    # This Python has a few hundred megabytes of addresses at the most, and holds some of them.
    assert 0.4e9 < int(done.stdout) < 1e9


# What becomes of points that would not fit.


TEXT = """
measures = ["tests.support.toys:{measure}"]
{share}
[grid]
alpha = [0.5]
resolution = [64, 32, 16]
"""
# 64 x 64 px take 4.1 GB, 32 x 32 px 1.0 GB, 16 x 16 px 0.3 GB.
OF_TWO = replace(MACHINE, memory_bytes=2 * GB)


def plan_and_run(folder: Path, measure: str, share: str = "", machine: Any = OF_TWO):
    CALLS.clear()
    settings = parse(TEXT.format(measure=measure, share=share), source="test")
    store, watcher = Store(folder), Watcher()
    plan = make_plan(settings, store, machine)
    return plan, execute(plan, settings, store, machine, watcher)


def test_a_point_that_would_not_fit_is_not_begun_and_says_how_to_begin_it(tmp_path):
    plan, outcome = plan_and_run(tmp_path / "r", "Heavy")
    assert CALLS == ["0.5-32", "0.5-16"]
    reason = (
        "not begun: it would take about 4.1 GB of memory; max_memory_share allows 1.8 GB of this "
        "machine's 2.0 GB. A larger share begins it, 0 always"
    )
    assert outcome.failures == (f"heavy 0.5-64: {reason}",)
    assert plan.notes == (f"heavy: 0.5-64: {reason}",)
    rows = load(tmp_path / "r").readings
    assert rows.loc[rows["resolution"] == 64, "reason"].tolist() == [reason]
    # The next run says so again; told otherwise, it begins it.
    assert plan_and_run(tmp_path / "r", "Heavy")[1].failures == outcome.failures
    assert CALLS == []
    assert plan_and_run(tmp_path / "r", "Heavy", "max_memory_share = 0")[1].failures == ()
    assert CALLS == ["0.5-64"]


def test_of_points_that_share_a_process_as_many_are_measured_as_fit_together(tmp_path):
    machine = replace(MACHINE, memory_bytes=int(4.5 * GB))  # of which 4.05 may be taken
    share = "max_memory_share = 0.92"  # 4.14: the large one fits alone, but not with the others
    _, outcome = plan_and_run(tmp_path / "r", "HeavyTogether", share, machine)
    assert CALLS == ["0.5-32", "0.5-16"]
    (told,) = outcome.failures
    assert "about 5.4 GB of memory, with the 2 smaller points that share its process;" in told
    # Once they are stored, there is room.
    assert plan_and_run(tmp_path / "r", "HeavyTogether", share, machine)[1].failures == ()
    assert CALLS == ["0.5-64"]


def test_a_dry_run_says_what_would_not_be_begun(tmp_path, command):
    big = QUICK.replace('"cost", "latency", "accuracy"', '"accuracy"')
    (tmp_path / "sweep.toml").write_text("max_memory_share = 0.01\n" + big)
    status, out, error = command("run", "--dry-run", inside=tmp_path)
    assert status == 0, error
    told = flat(out)
    assert "accuracy: 0.25-64 and 0.25-32: not begun: it would take about 0.9 GB of memory" in told
    assert "max_memory_share allows" in told
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("share", ["-0.1", "11", "nan", '"much"'])
def test_a_share_has_a_range(share):
    with pytest.raises(SettingsError, match="max_memory_share"):
        parse(f"max_memory_share = {share}", source="test")


def test_a_training_in_less_memory_than_its_estimate_runs_out_of_it():
    """The other side: what is refused would indeed have failed."""
    code = (
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n"
        "from benchmarks.memory import TRAINED, _train\n"
        "import jax; jax.devices()\n"
        "pages = int(open('/proc/self/statm').read().split()[0])\n"
        "most = pages * resource.getpagesize() + (500 << 20)\n"
        "resource.setrlimit(resource.RLIMIT_AS, (most, most))\n"
        "_train(TRAINED[1])\n"
    )
    assert python(["-c", code], ROOT).returncode != 0


@pytest.mark.slow
def test_counting_many_networks_takes_no_more_memory_than_counting_a_few():
    """JAX remembers what it has traced, 0.5 MB a network: 100 of them would be 50 MB."""
    code = (
        "from sweep.settings.config import CostSettings\n"
        "from sweep.contracts import Network\n"
        "from sweep.measures.cost import Cost\n"
        "from sweep.settings.registry import find\n"
        "from sweep.types import Point\n"
        "family = find('family', 'mobilenet_v1')()\n"
        "cost = Cost(CostSettings(fvcore=False, xla=False))\n"
        "for n in range(200):\n"
        "    point = Point('mobilenet_v1', 'separable', 0.01 * (n % 20 + 1), 1.0, 32 + n)\n"
        "    list(cost([Network(point, family)], lambda share, text: None))\n"
        "    if n in (99, 199):\n"
        "        print(open('/proc/self/statm').read().split()[1])\n"
    )
    done = python(["-c", code], ROOT)
    assert done.returncode == 0, done.stderr
    early, late = (int(pages) * resource.getpagesize() / 1e6 for pages in done.stdout.split())
    assert late - early < 20
