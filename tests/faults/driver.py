"""`python -m sweep run` without JAX, that merges often, and with a disk that fails when told.

    python -m tests.faults.driver run sweep.toml

SWEEP_MERGE_AT: parts before they are merged into the table. SWEEP_SMALL_GROUP: rows of the smallest
row group. SWEEP_PAGE: "empty" where no figure is to be drawn, which takes longer than all else.
SWEEP_FAULT: "kill", "half" or "full"; SWEEP_FAULT_AT: at which of the store's disk
operations. "kill" ends the process by SIGKILL before the operation, "half" after half of its bytes
where it is a write, else after it. "full" refuses it, and everything that would take space from
then on, after half of the bytes. At the end SWEEP_FAULT_COUNT, a file, is told in JSON how many
operations there were, and which of them were of merging.
"""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from sweep.cli.main import main
from sweep.host import files, machine
from sweep.report.page import page
from sweep.results import parquet, store
from sweep.running import run

MACHINE = machine.Machine(
    cpu="abacus", cores=1, memory_bytes=1 << 34, system="none", platform="cpu",
    device="cpu", governor="unknown", xla_flags="", allocator="default",
)  # fmt: skip
TAKES_SPACE = {"write", "mkstemp", "mkdir", "fsync", "replace"}


class Disk:
    """Counts what the store asks of the disk, and fails where it is told to."""

    def __init__(self, fault: str, at: int) -> None:
        self.fault, self.at, self.count = fault, at, 0
        self.merging: list[int] = []  # operations

    def before(self, operation: str, half: Callable[[], object] | None = None) -> bool:
        """Whether to end after the operation. half: does half of a write."""
        self.count += 1
        if self.fault == "full" and self.count >= self.at and operation in TAKES_SPACE:
            if half and self.count == self.at:
                half()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if self.count != self.at or self.fault not in ("kill", "half"):
            return False
        if self.fault == "kill":
            end()
        if half:
            half()
            end()
        return True

    def watched(self, module: Any, name: str) -> None:
        """Puts itself before a function of the operating system, for calls of the store alone."""
        real = getattr(module, name)

        def called(*arguments: Any, **named: Any) -> Any:
            if not sys._getframe(1).f_globals["__name__"].startswith("sweep."):
                return real(*arguments, **named)
            ending = self.before(name)
            result = real(*arguments, **named)
            if ending:
                end()
            return result

        setattr(module, name, called)


def end() -> None:
    """As the kernel ends a process: nothing is flushed, nothing cleaned."""
    os.kill(os.getpid(), signal.SIGKILL)


def watch(disk: Disk) -> None:
    """Everything that the store does to the disk goes through `disk`."""
    for name in ("fsync", "replace", "unlink"):
        disk.watched(os, name)
    for name in ("mkdir", "unlink", "rmdir"):
        disk.watched(Path, name)
    disk.watched(tempfile, "mkstemp")

    def merge(*arguments: Any, real: Callable[..., str] = store.merge) -> str:
        first = disk.count + 1
        table = real(*arguments)
        disk.merging += range(first, disk.count + 1)
        return table

    store.merge = merge

    class File(io.BufferedRandom):
        def write(self, data: Any, /) -> int:
            whole = bytes(data)

            def half() -> None:
                super(File, self).write(whole[: len(whole) // 2])
                self.flush()

            ending = disk.before("write", half)
            written = super().write(whole)
            if ending:
                end()
            return written

    class Os:
        """The operating system as `sweep.host.files` sees it."""

        def __getattr__(self, name: str) -> Any:
            return getattr(os, name)

        def fdopen(self, handle: int, mode: str) -> IO[bytes]:
            return File(io.FileIO(handle, mode)) if "w" in mode else os.fdopen(handle, mode)

    files.os = Os()  # type: ignore[assignment]


def drive(arguments: list[str]) -> None:
    """Runs the command line, faults and all."""
    store.MERGE_AT = int(os.environ.get("SWEEP_MERGE_AT", store.MERGE_AT))
    parquet.SMALL_GROUP = int(os.environ.get("SWEEP_SMALL_GROUP", parquet.SMALL_GROUP))
    machine.this_machine = lambda: MACHINE
    if os.environ.get("SWEEP_PAGE") == "empty":
        run.view = page.render = lambda _: "<!doctype html>"
    disk = Disk(os.environ.get("SWEEP_FAULT", ""), int(os.environ.get("SWEEP_FAULT_AT", "0")))
    watch(disk)
    try:
        main(arguments)
    finally:
        if count := os.environ.get("SWEEP_FAULT_COUNT"):
            Path(count).write_text(json.dumps({"all": disk.count, "merging": disk.merging}))


if __name__ == "__main__":
    drive(sys.argv[1:])
