"""results/<name>/unfinished/: what a run that is cut off leaves for the next one.

    *.ckpt             where trainings stand (`sweep.training.checkpointing`)
    under-way.json     the task that this process is at, and how often one died over it

The folder is gone once nothing in it is needed.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

FOLDER = "unfinished"
UNDER_WAY = "under-way.json"
# A task that so many processes have died over in a row comes after all others: out of memory, say,
# it would keep them from ever being measured.
DEATHS = 2
DEADLY = (
    "the processes that measured it were killed or crashed, again and again; the next run tries it "
    "after everything else"
)


class Attempts:
    """How often this run's process, and those before it, have died over a task that it executed."""

    def __init__(self, results: Path) -> None:
        """Reads what the last process left; changes nothing."""
        self.path = results / FOLDER
        self._file = self.path / UNDER_WAY
        self._deaths: dict[str, int] = _deaths(self._file)

    def deadly(self, label: str) -> bool:
        """Whether processes have died over the task of this label, again and again."""
        return self._deaths.get(label, 0) >= DEATHS

    def begin(self, label: str) -> None:
        """This process is at the task now; nothing else is."""
        told = {"task": label, "deaths": self._deaths}
        # Not through a temporary: what is cut short counts for nothing, nor does what can't be
        # written.
        with contextlib.suppress(OSError):
            self.path.mkdir(parents=True, exist_ok=True)
            self._file.write_text(json.dumps(told), encoding="utf-8")

    def end(self, label: str) -> None:
        self._deaths.pop(label, None)

    def close(self) -> None:
        """No task is under way; removes the folder where nothing else is in it."""
        with contextlib.suppress(OSError):
            self._file.unlink(missing_ok=True)
            self.path.rmdir()


def _deaths(file: Path) -> dict[str, int]:
    """By the task's label, the one that was under way counted in; nothing where the file is none
    of ours.
    """
    try:
        told: Any = json.loads(file.read_text(encoding="utf-8"))
        deaths = {str(label): int(count) for label, count in told["deaths"].items()}
        under_way = str(told["task"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}
    return deaths | {under_way: deaths.get(under_way, 0) + 1}
