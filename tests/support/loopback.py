"""A file server on the loopback that counts what it serves, and can break off, forget or refuse."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest.mock import patch


class Loopback:
    """Serves one file, `content`, at any path; from a path under /moved/ it sends on.

    ranges: whether it honours Range. etag: how it names this version. cuts: bytes after which each
    answer breaks off, in turn; None or past the end: not at all. statuses: codes to answer with
    first, instead of the file. hold: where set, an answer stops after its cut but stays open.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.ranges = True
        self.etag = '"first"'
        self.cuts: list[int | None] = []
        self.statuses: list[int] = []
        self.hold = threading.Event()
        self.hold.set()
        self.requested: list[str | None] = []  # the Range of each request
        self.served = 0  # bytes of the file sent, over all answers
        self.url = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """One request."""
        if handler.path.startswith("/moved/"):
            handler.send_response(302)
            handler.send_header("Location", handler.path.removeprefix("/moved"))
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        asked = handler.headers.get("Range")
        self.requested.append(asked)
        if self.statuses:
            handler.send_error(self.statuses.pop(0))
            return
        start = 0
        same = handler.headers.get("If-Range") in (None, self.etag)
        if asked and self.ranges and same:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(self.content):
                handler.send_error(416)
                return
        size = len(self.content)
        handler.send_response(206 if start else 200)
        handler.send_header("ETag", self.etag)
        handler.send_header("Content-Length", str(size - start))
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        handler.end_headers()
        cut = self.cuts.pop(0) if self.cuts else None
        body = self.content[start:][:cut]
        self.served += len(body)  # before the client can have it all and be asked about it
        handler.wfile.write(body)
        self.hold.wait(60)


@contextmanager
def serving(content: bytes) -> Iterator[Loopback]:
    """A running server, behind no proxy; its thread has ended when the context does."""
    loopback = Loopback(content)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            loopback.answer(self)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing: standard error is what the tests look at."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    loopback.url = f"http://127.0.0.1:{server.server_port}/archive.tar.gz"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    direct = dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1")
    try:
        with patch.dict(os.environ, direct):
            yield loopback
    finally:
        loopback.hold.set()
        server.shutdown()
        thread.join()
        server.server_close()
