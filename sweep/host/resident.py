"""How much memory this process holds, as Linux tells it; None elsewhere."""

from __future__ import annotations

import ctypes
import platform
import re
from pathlib import Path

from sweep.host.machine import text_of

_STATUS, _FORGET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def forget_peak() -> int | None:
    """Gives freed memory back to the system, and forgets the peak so far: bytes that are held."""
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)
    try:
        _FORGET.write_text("5", encoding="ascii")
    except OSError:
        return None
    return _bytes("VmRSS")


def peak_bytes() -> int | None:
    """The most that the process has held since `forget_peak`."""
    return _bytes("VmHWM")


def _bytes(name: str) -> int | None:
    told = re.search(rf"^{name}:\s+(\d+) kB$", text_of(_STATUS), re.MULTILINE)
    return int(told[1]) << 10 if told else None
