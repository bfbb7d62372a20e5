"""One file over HTTP: a cut transfer continues where it stopped, a wrong checksum is refused.

What has come so far lies in `NAME.part`; beside it `NAME.part.json` keeps how the server named
that version of the file, so that two versions are never joined. Only the whole file, once its
checksum is right, gets its own name.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from sweep.host.files import not_through_links

MOST_BYTES = 1 << 33  # of a file: ten times what any data set here has; a server may have no end
BLOCK = 1 << 18  # bytes at most between two reports of progress
RANGE_NOT_SATISFIABLE = 416
# Too slow, too many requests, and a server's own trouble: likely gone a moment later.
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})

Progress = Callable[[int, int | None], None]  # (bytes held, bytes in all where the server says)


class FetchError(ValueError):
    """A data set can't be fetched or is not what it should be; the message says which and why."""


class _DroppedError(Exception):
    """The transfer stopped half-way; another try may bring the rest."""


class _UnreachableError(_DroppedError):
    """No connection at all."""


@dataclass(frozen=True)
class Source:
    """Where a file is, and the SHA-256 of its bytes in hexadecimal. Refuses what can be neither."""

    url: str
    sha256: str

    def __post_init__(self) -> None:
        if not _is_web_address(self.url):
            raise FetchError(f'url = "{self.url}": must be a web address, http:// or https://')
        if not re.fullmatch("[0-9a-f]{64}", self.sha256):
            raise FetchError(f'sha256 = "{self.sha256}": must be 64 digits of 0-9 and a-f')


@dataclass(frozen=True)
class Patience:
    """When to give up: after `attempts` tries in a row that brought nothing new.

    wait_s passes before the second try, twice that before the third, and so on; timeout_s is the
    longest silence of the server that is not a dropped connection.
    """

    attempts: int = 5
    wait_s: float = 1.0
    timeout_s: float = 60.0


PATIENT = Patience()


def fetch(source: Source, target: Path, progress: Progress, patience: Patience = PATIENT) -> bool:
    """Brings the source to `target`, and says whether anything was missing.

    A target with the right checksum is left as it is, without asking the server. An interruption
    at any time leaves what the next call continues. Raises FetchError: no connection, an answer
    that isn't the file, a wrong checksum (then nothing is kept), a folder that can't be written.
    """
    try:
        if target.is_file() and sha256_of(target) == source.sha256:
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        part = _Part(target.with_name(f"{target.name}.part"))
        if not part.complete:
            _transfer(source, part, progress, patience)
        found = sha256_of(part.path)
        if found != source.sha256:
            part.remove()
            raise FetchError(
                f"{source.url}: wrong checksum: sha256 is {found}, must be {source.sha256}. "
                "Nothing was kept; the next try starts afresh."
            )
        part.path.replace(target)
        part.remove()
    except OSError as error:
        where = error.filename or target
        raise FetchError(f"{where}: can't be written: {error.strerror or error}") from error
    return True


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Part:
    """What has come so far, and which version of the file it is of."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._note = path.with_name(f"{path.name}.json")

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def complete(self) -> bool:
        return self.size > 0 and self.size == self.total

    @property
    def total(self) -> int | None:
        """Bytes of the whole file, where the server said."""
        total = self._noted().get("total")
        return total if isinstance(total, int) else None

    def headers(self) -> dict[str, str]:
        """Asks for the rest; If-Range: or for all, where the file is another by now."""
        if not self.size:
            return {}
        validator = self._noted().get("validator")
        condition = {"If-Range": validator} if isinstance(validator, str) else {}
        return {"Range": f"bytes={self.size}-"} | condition

    def note(self, response: HTTPResponse, total: int | None) -> None:
        """Remembers which version the bytes are of."""
        etag = response.headers.get("ETag", "")
        # A weak tag promises the same meaning, not the same bytes.
        strong = etag if etag.startswith('"') else None
        validator = strong or response.headers.get("Last-Modified")
        with open(self._note, "w", encoding="utf-8", opener=not_through_links) as file:
            json.dump({"validator": validator, "total": total}, file)

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def _noted(self) -> dict[str, object]:
        try:
            noted = json.loads(self._note.read_text("utf-8"))
        except (FileNotFoundError, ValueError):  # a note cut short: the checksum will decide
            return {}
        return noted if isinstance(noted, dict) else {}


def _transfer(source: Source, part: _Part, progress: Progress, patience: Patience) -> None:
    """Tries until the part is whole, or has not grown for `patience.attempts` tries."""
    furthest = part.size
    in_vain = 0
    heard = False
    while True:
        try:
            _attempt(source, part, progress, patience.timeout_s)
            return
        except _DroppedError as error:
            # Growth beyond the furthest, not beyond the last try: a server that always starts
            # over and always breaks off would be asked for ever.
            in_vain = 0 if part.size > furthest else in_vain + 1
            furthest = max(furthest, part.size)
            heard = heard or not isinstance(error, _UnreachableError)
            if not heard or in_vain >= patience.attempts:
                kept = f" {part.size:,} bytes are kept; the same command continues."
                raise FetchError(f"{source.url}: {error}.{kept if part.size else ''}") from error
        time.sleep(patience.wait_s * 2 ** max(0, in_vain - 1))


def _attempt(source: Source, part: _Part, progress: Progress, timeout_s: float) -> None:
    """One request: the rest of the file where the server can, else all of it."""
    request = Request(source.url, headers=part.headers())  # noqa: S310  (Source allows HTTP only)
    with _answer(request, part, timeout_s) as response:
        start, total = _extent(response)
        joins = start == part.size and part.total in (total, None)
        if start and not joins:
            part.remove()
            raise _DroppedError("the file changed on the server during the transfer")
        with open(part.path, "ab" if start else "wb", opener=not_through_links) as file:
            part.note(response, total)
            held = start
            while total is None or held < total:
                block = _read(response, BLOCK if total is None else min(BLOCK, total - held))
                if not block:
                    break
                file.write(block)
                file.flush()  # a process that is killed leaves it, too
                held += len(block)
                if held > MOST_BYTES:
                    raise FetchError(f"{source.url}: more than {MOST_BYTES:,} bytes; ended")
                progress(held, total)
    if total is not None and held < total:
        raise _DroppedError(f"the connection broke off after {held:,} of {total:,} bytes")


@contextmanager
def _answer(request: Request, part: _Part, timeout_s: float) -> Iterator[HTTPResponse]:
    """The server's answer with the file in it; every other answer as an error."""
    try:
        response = urlopen(request, timeout=timeout_s)  # noqa: S310
    except HTTPError as error:
        error.close()
        said = f"the server answers {error.code} {error.reason}"
        if error.code == RANGE_NOT_SATISFIABLE:
            part.remove()
        elif error.code not in PASSING:
            raise FetchError(f"{request.full_url}: {said}") from error
        raise _DroppedError(said) from error
    except URLError as error:
        raise _UnreachableError(f"can't be reached: {_words(error.reason)}") from error
    except (OSError, HTTPException) as error:
        raise _DroppedError(f"the connection broke off: {_words(error)}") from error
    with response:
        yield response


def _read(response: HTTPResponse, most: int) -> bytes:
    """The next bytes, as many as there are; b"" at the end."""
    try:
        # Not read(): where the connection breaks, that loses what it had gathered.
        return response.read1(most)
    except (OSError, HTTPException) as error:
        raise _DroppedError(f"the connection broke off: {_words(error)}") from error


def _extent(response: HTTPResponse) -> tuple[int, int | None]:
    """Which byte the body begins with, and the size of the whole file where the server says."""
    if response.status == 206:
        given = response.headers.get("Content-Range", "")
        match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", given)
        if not match:
            raise FetchError(f'{response.url}: Content-Range = "{given}" is not understood')
        start, last, total = match.groups()
        return int(start), int(last) + 1 if total == "*" else int(total)
    length = response.headers.get("Content-Length")
    return 0, int(length) if length else None


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port  # looking at it raises ValueError where it is no port
    except ValueError:
        return False
    plain = url.isascii() and url.isprintable() and " " not in url
    return plain and parts.scheme in {"http", "https"} and bool(parts.hostname) and port != 0


def _words(error: object) -> str:
    """What an error says, without its number."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
