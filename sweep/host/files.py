"""Files that are whole, old or new, and never a part; folders that one process writes at a time.

What a writer leaves when it dies is a temporary that nobody holds any more: `strays` finds those.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import re
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

# What a file system answers that has no locks, or can't flush a folder.
_UNSUPPORTED = {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.ENOLCK, errno.EBADF}


CONTINUES = "What was finished is kept; the same command continues."


class WriteError(OSError):
    """A file can't be written; the message is a sentence that names it and says why."""


def why(error: OSError) -> str:
    """ "No space left on device" of an error of the operating system."""
    return error.strerror or str(error)


def replace_file(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Writes `path` through a temporary beside it: readers see the old file or the new one, also
    after the power fails. Raises WriteError, and leaves the old file, where it can't.

    write: is handed a file open for reading and writing.
    """
    try:
        handle, temporary = open_temporary(path)
        try:
            with os.fdopen(handle, "w+b") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
                os.chmod(temporary, 0o644)  # noqa: PTH101 - as all calls here, one a line
                # While the file is open, and so its lock held: see `strays`.
                os.replace(temporary, path)  # noqa: PTH105
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)  # noqa: PTH108
            raise
        sync_folder(path.parent)
    except WriteError:
        raise
    except OSError as error:
        raise WriteError(f"{path}: can't be written: {why(error)}") from None


def is_there(path: Path) -> bool:
    """Not where the name is one that no file can have: too long, or with a zero in it."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def not_through_links(path: str, flags: int) -> int:
    """An `opener` for files that are written in place: a link there is refused. A folder from
    somebody else must not lead what is written in it to elsewhere.
    """
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)


def opened_plain(path: Path) -> IO[bytes]:
    """A file, open for reading. What is none, such as a link or a pipe in a folder from somebody
    else, is neither followed nor waited for: OSError says so.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(error.errno, "it is a link; put the file itself in its place") from None
        raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is no file")
    return os.fdopen(handle, "rb")


def open_temporary(path: Path) -> tuple[int, str]:
    """A new file beside `path`, locked for as long as its writer lives."""
    while True:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with contextlib.suppress(OSError):  # no locks here: it will not be swept up either
            fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return handle, name
        os.close(handle)  # swept up between the two calls


def strays(folder: Path, names: str) -> Iterator[Path]:
    """Temporaries of the files that the regular expression `names` is of whose writers are dead."""
    pattern = re.compile(rf"\.(?:{names})\.[a-z0-9_]{{8}}")
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if pattern.fullmatch(path.name) and path.is_file() and not path.is_symlink():
            with contextlib.suppress(OSError), path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                yield path  # still held here, so that nobody takes it up meanwhile


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder last, where the file system can."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
    finally:
        os.close(handle)


class FolderLock:
    """The right to write a folder, held by one process at a time and until it ends.

    It is a lock on the folder itself: no file that a dead process could leave.
    """

    def __init__(self, folder: Path) -> None:
        """Raises BlockingIOError where another process holds it. `supported` is False where the
        file system has no locks: then nothing is held.
        """
        self._handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        self.supported = True
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.release()
            raise
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                self.release()
                raise
            self.supported = False

    def is_of(self, folder: Path) -> bool:
        """Whether `folder` is still the one that was locked: not moved, removed or made anew."""
        try:
            return os.path.samestat(os.fstat(self._handle), os.stat(folder))  # noqa: PTH116
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Gives the right back; again does nothing."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)

    def __del__(self) -> None:
        if hasattr(self, "_handle"):
            self.release()


def in_words(data: dict[str, Any]) -> bytes:
    """JSON as all files here have it: sorted, a line for each key. What json.dumps indents it makes
    in Python, which takes ten times as long: of ten thousand points, half a second.
    """
    lines = [
        f"  {json.dumps(key)}: {json.dumps(data[key], sort_keys=True)}" for key in sorted(data)
    ]
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()
