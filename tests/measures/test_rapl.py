"""Energy by RAPL, of a processor that is made up: its counters rise in files such as the kernel's,
by so many watts.
"""

import threading
import time
from pathlib import Path

import pytest

from sweep.host import rapl as counters
from sweep.host.rapl import Counters
from sweep.measures import rapl
from sweep.results.load import load
from sweep.results.points import tidy
from tests.support.runs import plan_of, trained

WATTS, MEMORY_WATTS = 40.0, 5.0
TEXT = """
measures = ["cost", "rapl"]
[grid]
alpha = [0.25, 0.5]
resolution = [32]
base_resolution = 32
[cost]
fvcore = false
xla = false
[latency]
runtimes = ["onnxruntime"]
[rapl]
windows = 3
window_s = 0.3
"""


class Processor:
    """A folder such as /sys/class/powercap/intel-rapl, of one package and its memory."""

    def __init__(self, folder: Path, *, wraps_at: float = 1e15) -> None:
        self.began, self.wraps_at = time.perf_counter(), wraps_at
        package = folder / "intel-rapl:0"
        self._zones = {package: WATTS, package / "intel-rapl:0:0": MEMORY_WATTS}
        for zone, name in zip(self._zones, ("package-0", "dram"), strict=True):
            zone.mkdir(parents=True)
            (zone / "name").write_text(f"{name}\n")
            (zone / "max_energy_range_uj").write_text(f"{wraps_at:.0f}\n")
        self._write()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._rise, daemon=True)
        self._thread.start()

    def _rise(self) -> None:
        while not self._ended.wait(0.0005):
            self._write()

    def _write(self) -> None:
        for zone, watts in self._zones.items():
            used = 1e6 * watts * (time.perf_counter() - self.began) % self.wraps_at
            new = zone / "new"
            new.write_text(f"{used:.0f}\n")
            new.replace(zone / "energy_uj")

    def end(self) -> None:
        self._ended.set()
        self._thread.join()


@pytest.fixture
def processor(tmp_path, monkeypatch):
    folder = tmp_path / "powercap"
    made = Processor(folder)
    monkeypatch.setattr(counters, "COUNTERS", folder)
    yield made
    made.end()


def test_joules_of_a_call_are_power_times_its_time(monkeypatch):
    class Clock:
        now = 0.0

        def perf_counter(self):
            return self.now

        def sleep(self, seconds):
            self.now += seconds

    clock = Clock()
    monkeypatch.setattr(rapl, "time", clock)
    watts = WATTS + MEMORY_WATTS
    energy = rapl.energy_of(lambda: clock.sleep(0.02), lambda: watts * clock.now, 1.0)
    assert energy == pytest.approx(watts * 0.02)
    assert rapl.power(lambda: watts * clock.now, 0.5) == pytest.approx(watts)


def test_a_counter_that_goes_round_goes_on(tmp_path):
    zone = tmp_path / "intel-rapl:0"
    zone.mkdir()
    for name, text in (("name", "package-0"), ("max_energy_range_uj", "1000000")):
        (zone / name).write_text(text)

    def at(microjoules):
        (zone / "energy_uj").write_text(f"{microjoules}\n")

    at(900_000)
    read = Counters(tmp_path)
    told = [read.joules()]
    for microjoules in (950_000, 100_000, 100_000, 50_000):
        at(microjoules)
        told.append(read.joules())
    # Up by 0.05 J, round by 0.15, not at all, and nearly all the way round.
    assert told == pytest.approx([0.0, 0.05, 0.2, 0.2, 1.15])


def test_parts_of_a_package_are_not_counted_twice(tmp_path):
    def zone(name, called, microjoules):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        files = {"name": called, "max_energy_range_uj": "1000000", "energy_uj": microjoules}
        for file, text in files.items():
            (folder / file).write_text(f"{text}\n")
        return folder / "energy_uj"

    counted = [
        zone("intel-rapl:0", "package-0", 0), zone("intel-rapl:0/intel-rapl:0:1", "dram", 0),
        zone("intel-rapl:1", "package-1", 0),
    ]  # fmt: skip
    cores = zone("intel-rapl:0/intel-rapl:0:0", "core", 0)
    # The kernel links every zone beside the packages, too.
    (tmp_path / "intel-rapl:0:0").symlink_to(cores.parent)
    read = Counters(tmp_path)
    for file in (*counted, cores):
        file.write_text("250000\n")
    assert read.joules() == pytest.approx(0.75)


def test_a_run_has_the_energy_of_each_point(processor, tmp_path):
    del processor
    folder = tmp_path / "run"
    plan, _, _ = plan_of(folder, TEXT)
    assert any("by RAPL of the whole processor" in note for note in plan.notes)
    trained(folder, TEXT)
    results = load(folder)
    rows = {(row["metric"], row["alpha"]): row for row in results.readings.to_dict("records")}
    for alpha in (0.25, 0.5):
        row = rows["rapl_energy_j", alpha]
        assert len(row["samples"]) == 3
        assert (row["runtime"], row["precision"], row["batch"]) == ("onnxruntime", "float32", 1)
        assert row["unit"] == "J"
        # 45 W, and a call of a network this small takes between 10 microseconds and 0.1 s.
        assert 45e-5 < row["value"] < 4.5
        assert rows["rapl_idle_w", alpha]["value"] == pytest.approx(45, rel=0.3)
    points = tidy(results)
    assert bool(points["rapl_energy_j"].notna().all())
    assert {"rapl_energy_j_low", "rapl_energy_j_high"} <= set(points)


def test_a_machine_without_counters_says_so_and_is_not_asked_again(tmp_path, monkeypatch):
    monkeypatch.setattr(counters, "COUNTERS", tmp_path / "nothing")
    plan, _, _ = plan_of(tmp_path / "run", TEXT)
    assert any("energy by RAPL: none here" in note for note in plan.notes)
    trained(tmp_path / "run", TEXT)
    rows = load(tmp_path / "run").readings
    (reason,) = set(rows.loc[rows["metric"] == "rapl_energy_j", "reason"])
    assert "no counters of its processor's energy" in reason
    again, _, _ = plan_of(tmp_path / "run", TEXT)
    assert not [task for task in again.tasks if task.measure.name == "rapl"]


def test_counters_that_may_not_be_read_are_told_with_the_way_out(processor, monkeypatch):
    del processor
    read = Path.read_text

    def refused(path, **more):
        if path.name == "energy_uj":  # as the kernel has it since 2020, but root may read anything
            raise PermissionError(13, "Permission denied", str(path))
        return read(path, **more)

    monkeypatch.setattr(Path, "read_text", refused)
    with pytest.raises(PermissionError, match="chmod a\\+r"):
        Counters()
