"""Keeps freed memory in this process, so that XLA's temporaries are not mapped anew at each step.

With glibc's defaults a large buffer is a fresh mapping, returned when freed: training at 48 px
spends a third of its time on page faults. The price is resident memory that stays at its peak.
Process-wide, so only the command line and the timing process call it, and before pyarrow or JAX is
imported: an arena that a thread has by then made for itself stays in use, and is trimmed as before.
"""

from __future__ import annotations

import ctypes
import os
import platform

# glibc's mallopt parameters (malloc.h).
_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8
_LARGEST_INT = 2**31 - 1

DEFAULT = "default"
KEPT = "glibc, one arena, freed memory kept"

_state = DEFAULT


def keep_freed_memory() -> None:
    """One arena, no mapping per buffer, no trimming; does nothing where there is no glibc."""
    global _state  # noqa: PLW0603 - a fact of the process, as the allocator is
    if platform.libc_ver()[0] != "glibc":
        return
    # Arrow's own keeps 50 MB of what it has read of a table of a few thousand points.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    mallopt = ctypes.CDLL(None).mallopt
    if all(
        mallopt(parameter, value)
        for parameter, value in (
            (_M_ARENA_MAX, 1),
            (_M_MMAP_MAX, 0),
            (_M_TRIM_THRESHOLD, _LARGEST_INT),
        )
    ):
        _state = KEPT


def state() -> str:
    """What this process's allocator was told, in words."""
    return _state
