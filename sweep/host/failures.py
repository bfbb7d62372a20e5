"""Why something failed, in words that can be stored and shown."""

from __future__ import annotations

import signal
from collections.abc import Sequence

from sweep.host.extras import told

LONGEST = 10_000  # characters of a reason that are stored
A_LINE = 300  # of one that is shown while a run goes on
_GAP = " [..] "
OUT_OF_MEMORY = "out of memory"
# XLA's word for it, in the text of its one exception.
_EXHAUSTED = "RESOURCE_EXHAUSTED"
_OURS = ("sweep", "mnv1_flax")


def reason_of(error: BaseException) -> str:
    """Why a point failed; never empty. Errors of this project are sentences; any other needs its
    type's name.
    """
    kind = type(error)
    try:
        text = str(error).strip()
    except Exception as second:  # noqa: BLE001 - somebody's error that can't even be told
        text = f"its message can't be told: {type(second).__name__}"
    if lacking := told(error):
        text = lacking
    elif isinstance(error, SystemExit):
        text = f"the measure asked to end the process (SystemExit: {text or 0})"
    elif not text:
        text = kind.__name__
    elif kind.__module__.partition(".")[0] not in _OURS:
        text = f"{kind.__name__}: {text}"
    if isinstance(error, MemoryError) or _EXHAUSTED in text:
        text = f"{OUT_OF_MEMORY} ({text})"
    return storable(text)


def storable(text: str) -> str:
    """Text that any file can hold: halves of surrogate pairs written out, and not endless."""
    text = text.encode("utf-8", "backslashreplace").decode()
    return _cut(text.split("\n"), LONGEST, "\n")


def shortened(text: str) -> str:
    """A reason as far as a line on the screen has room for it."""
    return _cut([" ".join(line.split()) for line in text.splitlines()], A_LINE, " ").strip()


def _cut(lines: Sequence[str], most: int, between: str) -> str:
    """The lines as one text of at most so many characters. What is left out is its middle: errors
    say what went wrong in their first line or, below a traceback, in their last.
    """
    text = between.join(lines)
    if len(text) <= most:
        return text
    end = min(max(len(lines[-1]), most // 2), most * 3 // 4)
    return f"{text[: most - end - len(_GAP)]}{_GAP}{text[-end:]}"


def end_of(status: int) -> str:
    """How a process ended, from `Process.exitcode` or `Popen.returncode`."""
    if status >= 0:
        return f"the process ended with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    killed = "; the system does that where memory runs out" if name == "SIGKILL" else ""
    return f"the process was ended by {name}{killed}"
