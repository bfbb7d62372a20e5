"""XLA's compiled programs kept on disk, so that a second sweep of the same networks loads them.

JAX's own persistent cache, told to keep every program, in a folder for this kind of processor:
machine code for one processor must not be loaded on another.
"""

from __future__ import annotations

import hashlib
import os
import platform
import tempfile
from pathlib import Path

from sweep.host.machine import cpu_facts

_FOLDER, _SWITCH = "JAX_COMPILATION_CACHE_DIR", "JAX_ENABLE_COMPILATION_CACHE"
KEEP_EVERYTHING = {
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}


def default_root() -> Path | None:
    """Where caches of this user's programs belong, by the XDG convention; None where the user has
    no home.
    """
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if named.is_absolute():  # others are to be ignored, says the convention
        return named / "mobilenet-sweep"
    try:
        return Path.home() / ".cache" / "mobilenet-sweep"
    except RuntimeError:
        return None


def enable(root: Path | None) -> str:
    """Turns the cache on in this process and those it starts; before JAX is imported. Where it
    can't be, there is none, and a sentence says so; else it returns "".

    A folder that JAX's own variable names already is taken in place of one in `root`.
    """
    own = os.environ.get(_FOLDER)
    digest = hashlib.sha256(_cpu_flags().encode()).hexdigest()[:12]
    folder = own or (root and str(root / f"xla-{digest}"))
    if not folder or not _writable(folder):
        disable()
        why = f"{folder} can't be written" if folder else "you have no home folder"
        other = f"{_FOLDER} names it" if own else "--compile-cache FOLDER keeps them elsewhere"
        return f"compiled programs are not kept: {why}; {other}"
    if not own:
        os.environ[_FOLDER] = folder
        for name, value in KEEP_EVERYTHING.items():
            os.environ.setdefault(name, value)
    return ""


def disable() -> None:
    """Nothing is kept or loaded by this process and those it starts, whatever variables say."""
    os.environ[_SWITCH] = "false"


def _writable(folder: str) -> bool:
    """Whether files can be made in a folder, by trying: permissions alone don't tell. Tried in the
    folder above where it isn't there yet: JAX makes it for the first program that it keeps, and a
    run that is refused has none.
    """
    if "://" in folder:
        return True  # JAX can keep them in a cloud; it will say itself where it can't
    place = Path(folder).absolute()
    while not os.path.lexists(place):
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place):
            return True
    except OSError:
        return False


def _cpu_flags() -> str:
    """Model and instruction sets of the processor, which machine code depends on. JAX keeps the
    programs of different versions of its own apart.
    """
    facts = cpu_facts()
    wanted = ("vendor_id", "cpu family", "model", "model name", "stepping", "flags", "Features")
    told = "\n".join(f"{name}: {facts[name]}" for name in wanted if name in facts)
    return told or f"{platform.processor()} {platform.machine()} {platform.node()}"
