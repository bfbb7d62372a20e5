"""The energy that the processor's own counters tell (RAPL), as Linux shows them.

/sys/class/powercap has a folder for each package, and in it one for its memory where that is
counted; `energy_uj` in them are microjoules since an unknown moment, which begin again from 0
behind `max_energy_range_uj` (kernel.org, power/powercap). Intel's processors have them, and AMD's
under the same name. Why not by a library: docs/decisions/0001-libraries.md.
"""

from __future__ import annotations

from pathlib import Path

COUNTERS = Path("/sys/class/powercap")
MEMORY = "dram"


class NoCountersError(Exception):
    """This machine shows none."""


class Counters:
    """Of all packages, with their memory where that is counted; the cores and the graphics, which
    are parts of a package, are in it.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Raises NoCountersError where the machine shows none, PermissionError where they may not
        be read.
        """
        folder = folder or COUNTERS
        packages = [
            each for each in sorted(folder.glob("intel-rapl:*")) if each.name.count(":") == 1
        ]
        inner = [zone for each in packages for zone in sorted(each.glob("intel-rapl:*:*"))]
        self._zones = [*packages, *(zone for zone in inner if _text(zone / "name") == MEMORY)]
        if not self._zones:
            raise NoCountersError(
                f"this machine shows no counters of its processor's energy ({folder}/intel-rapl*): "
                "a virtual one, or no Linux"
            )
        self._ranges = [int(_text(zone / "max_energy_range_uj")) for zone in self._zones]
        self._last = self._read()
        self._joules = 0.0

    def joules(self) -> float:
        """Since this was made. To be asked again before a counter has gone round: at 1000 W that
        takes minutes.
        """
        now = self._read()
        self._joules += sum(
            ((new - old) % most if new < old else new - old) / 1e6
            for new, old, most in zip(now, self._last, self._ranges, strict=True)
        )
        self._last = now
        return self._joules

    def _read(self) -> list[int]:
        try:
            return [int(_text(zone / "energy_uj")) for zone in self._zones]
        except PermissionError as error:
            raise PermissionError(
                f"{error.filename}: may be read by root alone; chmod a+r on it lets this user"
            ) from None


def _text(file: Path) -> str:
    return file.read_text(encoding="ascii").strip()
