"""One file over HTTP, by pooch: a wrong checksum is refused, and only the whole file gets its name.

pooch begins anew what broke off. Its downloader is therefore the one below, which goes on from
`NAME.part`: the checksum tells whether what was joined is the file.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pooch
import requests
from pydantic import HttpUrl, TypeAdapter, ValidationError

from sweep.host.files import not_through_links, why

MOST_BYTES = 1 << 33  # of a file: ten times what any data set here has; a server may have no end
# Bytes between two reports of progress; so many may come twice where a transfer goes on.
BLOCK = 1 << 12
ATTEMPTS = 5  # in a row that bring nothing new
TIMEOUT_S = 60.0  # the longest silence of the server that is not a dropped connection
RANGE_NOT_SATISFIABLE = 416
# Too slow, too many requests, and a server's own trouble: likely gone a moment later.
PASSING = frozenset({408, RANGE_NOT_SATISFIABLE, 425, 429, 500, 502, 503, 504})

Progress = Callable[[int, int | None], None]  # (bytes held, bytes in all where the server says)

pooch.get_logger().setLevel(logging.WARNING)  # the bar tells what it would


class FetchError(Exception):
    """A data set can't be fetched or is not what it should be; the message says which and why."""


@dataclass(frozen=True)
class Source:
    """Where a file is, and the SHA-256 of its bytes in hexadecimal. Refuses what can be neither."""

    url: str
    sha256: str

    def __post_init__(self) -> None:
        try:
            TypeAdapter(HttpUrl).validate_python(self.url)
        except ValidationError:
            words = f'url = "{self.url}": must be a web address, http:// or https://'
            raise FetchError(words) from None
        if not re.fullmatch("[0-9a-f]{64}", self.sha256):
            raise FetchError(f'sha256 = "{self.sha256}": must be 64 digits of 0-9 and a-f')


def fetch(source: Source, target: Path, progress: Progress) -> None:
    """Brings the source to `target`; where it is there already, without asking the server.

    An interruption at any time leaves what the next call continues. Raises FetchError: no
    connection, an answer that isn't the file, a wrong checksum (then nothing is kept), a folder
    that can't be written.
    """
    transfer = _Transfer(target.with_name(f"{target.name}.part"), source.sha256, progress)
    downloader: Any = transfer  # pooch's type for one fits none of its own either
    furthest, in_vain = transfer.size, 0
    while True:
        try:
            pooch.retrieve(
                source.url, source.sha256, target.name, target.parent, downloader=downloader
            )
            return
        except ValueError as error:
            # Joined to a part of another version, it can't be right: once more from the start.
            if not transfer.joined:
                raise FetchError(f"{source.url}: wrong checksum: {error}") from error
        except requests.RequestException as error:
            # Growth beyond the furthest, not beyond the last try: a server that always starts
            # over and always breaks off would be asked for ever.
            in_vain = 0 if transfer.size > furthest else in_vain + 1
            furthest = max(furthest, transfer.size)
            passes = error.response is None or error.response.status_code in PASSING
            if in_vain >= ATTEMPTS or not (transfer.heard and passes):
                words = f"{source.url}: {_words(error, transfer.heard)}"
                if transfer.size:
                    words += f". {transfer.size:,} bytes are kept; the same command continues."
                raise FetchError(words) from error
            time.sleep(2 ** max(0, in_vain - 1))
        except OSError as error:
            raise FetchError(f"{target.parent}: can't be written: {why(error)}") from error


class _Transfer:
    """A downloader of pooch's that keeps what has come, and asks for the rest.

    heard: whether a server has answered. joined: whether the last file began with an older part.
    """

    def __init__(self, part: Path, sha256: str, progress: Progress) -> None:
        self.heard = self.joined = False
        self._part, self._sha256, self._progress = part, sha256, progress

    @property
    def size(self) -> int:
        """Bytes that have come."""
        return self._part.stat().st_size if self._part.exists() else 0

    def __call__(self, url: str, output_file: Any, pooch_: Any) -> None:
        del pooch_
        whole = self.size and pooch.file_hash(str(self._part)) == self._sha256
        if not whole:
            self._ask(url)
        self._part.replace(output_file)

    def _ask(self, url: str) -> None:
        # Compressed once more, the rest would not be the file's.
        headers = {"Accept-Encoding": "identity"}
        headers |= {"Range": f"bytes={self.size}-"} if self.size else {}
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_S) as response:
            self.heard = True
            self.joined = response.status_code == requests.codes.partial_content
            if response.status_code == RANGE_NOT_SATISFIABLE:
                self._part.unlink()
            response.raise_for_status()
            mode = "ab" if self.joined else "wb"
            with open(self._part, mode, opener=not_through_links) as file:
                length = response.headers.get("Content-Length")
                total = file.tell() + int(length) if length else None
                for block in response.iter_content(BLOCK):
                    file.write(block)
                    file.flush()  # a process that is killed leaves it, too
                    if file.tell() > MOST_BYTES:
                        raise FetchError(f"{url}: more than {MOST_BYTES:,} bytes; ended")
                    self._progress(file.tell(), total)


def _words(error: requests.RequestException, heard: bool) -> str:
    """What went wrong, in the words of the innermost error: requests' own wrap it three times."""
    if error.response is not None:
        return f"the server answers {error.response.status_code} {error.response.reason}"
    inner: BaseException = error
    while inner.__context__ is not None:
        inner = inner.__context__
    said = getattr(inner, "strerror", None) or inner
    return f"the connection broke off: {said}" if heard else f"can't be reached: {said}"
