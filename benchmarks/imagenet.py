"""configs/imagenet.toml on two hosts of four devices each, all on this machine: 10,000 random
JPEGs, a host that is killed half-way, then the run itself, and what goes on from there.

    python -m benchmarks.imagenet                   # about 7 minutes on 2 cores
    python -m benchmarks.imagenet --record FILE     # with what was printed, and when

One point, 0.25-128, and one epoch of 140 steps. The images are noise: what is shown is that every
one is read, that nothing is lost but the steps since the last checkpoint, and how long things take.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

import cv2
import numpy as np

from sweep.results.load import load

ROOT = Path(__file__).parents[1]
CLASSES, TRAIN, EVALUATED = 1000, 9, 1  # images of each class
WIDTH, HEIGHT = 500, 375  # about ImageNet's mean
ADDRESS = "127.0.0.1:8476"
PATIENCE_S = 1200.0
COMMAND = (
    "run", str(ROOT / "configs/imagenet.toml"), "--hosts", "2", "--on", f"local://{ADDRESS}",
    "--set", "grid.alpha=[0.25]", "--set", "grid.resolution=[128]",
    "--set", "measures=['accuracy']", "--set", "accuracy.epochs=1",
    "--set", "accuracy.checkpoint_s=15", "--set", "accuracy.workers=1",
    "--set", "accuracy.data.path=images",
)  # fmt: skip


class Recording:
    """What processes print, with the seconds since the beginning."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines: list[str] = []
        self._began = time.monotonic()
        self._lock = threading.Lock()

    def note(self, who: str, text: str) -> None:
        line = f"{time.monotonic() - self._began:6.1f} {who:8} {text}".rstrip()
        with self._lock:
            self.lines.append(line)
            sys.stdout.write(line + "\n")
            sys.stdout.flush()

    def start(self, who: str, *arguments: str) -> subprocess.Popen[str]:
        """`python -m sweep` with four devices."""
        told = [each.replace(f"{ROOT}/", "") for each in arguments]
        self.note(who, f"$ python -m sweep {shlex.join(told)}")
        flags = os.environ.get("XLA_FLAGS", "")
        process = subprocess.Popen(
            [sys.executable, "-m", "sweep", *arguments],
            cwd=self.folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=os.environ | {
                "XLA_FLAGS": f"{flags} --xla_force_host_platform_device_count=4",
                "JAX_PLATFORMS": "cpu", "SWEEP_KEY": "of a benchmark", "COLUMNS": "100",
                "PYTHONPATH": str(ROOT),
            },
        )  # fmt: skip
        threading.Thread(target=self._follow, args=(who, process.stdout), daemon=True).start()
        return process

    def _follow(self, who: str, output: IO[str]) -> None:
        for line in output:
            # JAX's own last words, where a process is ended: a page of C++.
            if line.strip() and not re.match(r"[EFW]\d{4} |Additional GRPC|:UNKNOWN", line):
                self.note(who, line.rstrip())

    def kill(self, who: str, process: subprocess.Popen[str]) -> None:
        self.note(who, "$ kill -KILL")
        process.send_signal(signal.SIGKILL)
        process.wait()


def main() -> None:
    """The images, the run, both kills, and the end."""
    asked = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    asked.add_argument("--record", type=Path)
    arguments = asked.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        recording = Recording(folder)
        write_images(folder / "images")
        recording.note("", f"{CLASSES * (TRAIN + EVALUATED):,} JPEGs are written")
        simulate(recording, folder)
        tell_stored(recording, folder / "results/imagenet")
    if arguments.record:
        arguments.record.write_text("\n".join(recording.lines) + "\n", encoding="utf-8")


def write_images(folder: Path) -> None:
    """Noise in blocks of 8 pixels, as large in files as photographs are."""
    rng = np.random.default_rng(0)
    for label in range(CLASSES):
        for number in range(TRAIN + EVALUATED):
            split = "train" if number < TRAIN else "val"
            path = folder / split / f"n{label:08}" / f"{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            small = rng.integers(0, 256, (HEIGHT // 8, WIDTH // 8, 3), np.uint8)
            cv2.imwrite(str(path), cv2.resize(small, (WIDTH + number % 2, HEIGHT)))


def simulate(recording: Recording, folder: Path) -> None:
    checkpoints = folder / "results/imagenet/unfinished"
    run = recording.start("host 0", *COMMAND)
    other = recording.start("host 1", "join", ADDRESS)
    await_step(checkpoints, lambda: None)
    recording.kill("host 1", other)
    other = recording.start("host 1", "join", ADDRESS)
    await_step(checkpoints, lambda: recording.note("", "a checkpoint is written"))
    recording.kill("host 0", run)
    other.wait(PATIENCE_S)
    run = recording.start("host 0", *COMMAND)
    other = recording.start("host 1", "join", ADDRESS)
    status = run.wait(PATIENCE_S), other.wait(PATIENCE_S)
    recording.note("", f"ended with status {status[0]} and {status[1]}")


def tell_stored(recording: Recording, folder: Path) -> None:
    """The log of the run, and what it has of the images."""
    for line in (folder / "run.log").read_text(encoding="utf-8").splitlines():
        recording.note("run.log", line)
    readings = load(folder).readings.set_index("metric")
    for metric in ("test_images", "left_out_images"):
        recording.note("", f"{metric}: {readings['value'][metric]:,.0f}")
    recording.note("", str(readings["note"]["test_images"]))


def await_step(folder: Path, tell: Callable[[], None]) -> None:
    """Until another checkpoint is written than the one that is there. Raises TimeoutError."""
    before, until = newest(folder), time.monotonic() + PATIENCE_S
    while newest(folder) == before:
        if time.monotonic() > until:
            raise TimeoutError(f"no checkpoint within {PATIENCE_S:.0f} s")
        time.sleep(0.5)
    time.sleep(50.0)  # some more checkpoints, and some steps that are lost
    tell()


def newest(folder: Path) -> float:
    times = [0.0]
    for path in folder.glob("*.ckpt"):
        with suppress(OSError):
            times.append(path.stat().st_mtime)
    return max(times)


if __name__ == "__main__":
    main()
