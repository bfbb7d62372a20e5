"""Where trainings on other machines are written down: a folder, or a copy of it elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sweep.types import SettingsError

log = logging.getLogger(__name__)


@dataclass
class Place:
    """folder: on this machine. there: the file system and the address of a copy of it that all
    machines reach; None where there is none, or where the folder itself is such.
    """

    folder: Path
    there: tuple[Any, str] | None = None
    _kept: dict[str, float] = field(default_factory=dict)  # when a file was written that is copied

    def names(self) -> list[str]:
        """Of all files."""
        if self.there is None:
            return [each.name for each in self.folder.iterdir()] if self.folder.is_dir() else []
        system, address = self.there
        system.invalidate_cache()
        try:
            return [each.rpartition("/")[2] for each in system.ls(address, detail=False)]
        except FileNotFoundError:
            return []

    def fetch(self, names: Iterable[str]) -> None:
        """Gets those that are there; makes the folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.there is None:
            return
        system, address = self.there
        for name in set(names).intersection(self.names()):
            system.get_file(f"{address}/{name}", str(self.folder / name))
            self._kept[name] = (self.folder / name).stat().st_mtime

    def keep(self, names: Iterable[str]) -> None:
        """Copies those that were written since; what fails is told, and tried again later."""
        if self.there is None:
            return
        system, address = self.there
        for name in names:
            try:
                written = (self.folder / name).stat().st_mtime
            except FileNotFoundError:
                continue
            if self._kept.get(name) == written or name.startswith("."):
                continue
            try:
                system.makedirs(address, exist_ok=True)
                system.put_file(str(self.folder / name), f"{address}/{name}")
                self._kept[name] = written
            except OSError as error:
                log.warning("%s/%s: can't be written (%s)", address, name, error)

    def remove(self, names: Sequence[str]) -> None:
        """Here, and there."""
        for name in names:
            with suppress(OSError):
                (self.folder / name).unlink()
        if self.there is not None:
            system, address = self.there
            for name in set(names).intersection(self.names()):
                with suppress(OSError):
                    system.rm_file(f"{address}/{name}")


def place_of(address: str, own: Path, run: str) -> Place:
    """address: a folder that all machines share, or what fsspec knows; empty for one of this
    machine's own. Raises SettingsError where it can't be reached.
    """
    if not address:
        return Place(own / run)
    import fsspec

    try:
        system, path = fsspec.core.url_to_fs(address)
    except (ImportError, ValueError, OSError) as error:
        raise SettingsError(f"checkpoints = {address}: {error}") from None
    if "file" in (system.protocol if isinstance(system.protocol, tuple) else (system.protocol,)):
        return Place(Path(path) / run)
    return Place(own / run, (system, f"{path.rstrip('/')}/{run}"))
