"""What other machines' processes take over from the driver's."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sweep.host import compile_cache
from sweep.host.allocator import keep_freed_memory
from sweep.running.attempts import FOLDER
from sweep.running.shared_place import Place, place_of


@dataclass(frozen=True)
class Surroundings:
    """Of the driver's process, as far as others follow it: where relative paths begin, where parts
    of its own are found, whether compiled programs are kept. run: names the results folder;
    checkpoints: as RunSettings has them.
    """

    folder: str
    sys_path: tuple[str, ...]
    compile_cache: bool
    run: str
    checkpoints: str

    def settle(self) -> None:
        """This process is as the driver's. Before JAX is imported."""
        keep_freed_memory()
        with suppress(OSError):
            os.chdir(self.folder)
        sys.path += [path for path in self.sys_path if path and path not in sys.path]
        if not self.compile_cache or compile_cache.enable(compile_cache.default_root()):
            compile_cache.disable()

    def place(self) -> Place:
        """Where trainings are written down."""
        own = compile_cache.default_root() or Path.cwd()
        return place_of(self.checkpoints, own / FOLDER, self.run)


def surroundings_here(
    *, compile_cache: bool = True, run: str = "", checkpoints: str = ""
) -> Surroundings:
    """This process's, as the driver."""
    here = str(Path.cwd()), tuple(sys.path)
    return Surroundings(*here, compile_cache, run or "unnamed", checkpoints)


def lacking(surroundings: Surroundings, files: Sequence[str]) -> list[str]:
    """Files and folders of the driver's that are not on this machine."""
    with suppress(OSError):
        os.chdir(surroundings.folder)
    return [each for each in files if not Path(each).exists()]
