"""A command line in this process, and what must hold however it ends."""

from __future__ import annotations

import contextlib
import io
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from tests.fuzz.target import Fault

USAGE_ERROR = 2
# 0: done. 1: done, and the answer is no; or the system says no. 2: the input is wrong.
DOCUMENTED = (0, 1, USAGE_ERROR)


# Turns of direction: what follows them reads as it is not.
_TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"


@dataclass(frozen=True)
class Ended:
    """How a command ended, and all that it said."""

    status: int
    out: str
    err: str


def command(arguments: Sequence[str]) -> Ended:
    """Runs `python -m sweep ARGUMENTS` here. What it writes has to be text that can be encoded."""
    from sweep.cli.main import main

    # As Python makes them: a text that can't be encoded is a fault on standard output alone.
    streams = [
        io.TextIOWrapper(io.BytesIO(), "utf-8", errors, newline="\n")
        for errors in ("strict", "backslashreplace")
    ]
    status = 0
    with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
        try:
            main(list(arguments))
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else 1
    said = []
    for stream in streams:
        stream.flush()
        said.append(stream.buffer.getvalue().decode())  # type: ignore[attr-defined]
    return Ended(status, *said)


def judge(ended: Ended, *, place: str = "") -> bool:
    """Whether the command took its input. Raises Fault where it ended in another way than it may:
    with another status, without a word, with words that a terminal obeys, or with ones that don't
    name the `place` of the mistake.
    """
    if ended.status not in DOCUMENTED:
        raise Fault(f"exit status {ended.status}: {ended.err[-300:]}")
    if "Traceback" in ended.err:
        raise Fault(f"a traceback: {ended.err[-300:]}")
    for name, text in (("error", ended.err), ("output", ended.out)):
        lines = text.replace("\r\n", "\n")  # as CSV's end
        if obeyed := {each for each in lines if each in _TURNING or _controls(each)}:
            raise Fault(f"standard {name} has control characters {sorted(obeyed)}")
    if ended.status and not ended.err.strip() and not ended.out.strip():
        raise Fault("it ended without a word")
    if ended.status == USAGE_ERROR:
        if not ended.err.strip():
            raise Fault("exit status 2 without a message on standard error")
        if place not in ended.err:
            raise Fault(f"the message does not name {place}: {ended.err[:300]}")
    return ended.status != USAGE_ERROR


def _controls(character: str) -> bool:
    return character != "\n" and unicodedata.category(character) in ("Cc", "Zl", "Zp")
