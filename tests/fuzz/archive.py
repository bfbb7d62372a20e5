"""CIFAR-10's archive: its tar with members that lead elsewhere, and its bytes."""

from __future__ import annotations

import gzip
import io
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from hypothesis import strategies as st

from tests.fuzz.mutations import damaged, texts
from tests.fuzz.target import Check, Fault, Target, unchanged

NAMES = ("../evil", "/tmp/evil", "a/../../evil", "./evil", "cifar-10-batches-bin", "evil" * 60)  # noqa: S108
KINDS = (
    tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE,
    tarfile.FIFOTYPE, tarfile.DIRTYPE, tarfile.GNUTYPE_SPARSE,
)  # fmt: skip
LINKS = ("/etc/passwd", "../../etc/passwd", ".", "cifar-10-batches-bin/batches.meta.txt")


def archive() -> Target:
    """The target. A case is a tar, which the check packs."""
    return Target("archive", seeds, cases, room, raw=True, instruments=("sweep.datasets",))


@cache
def seeds() -> list[bytes]:
    """The members of CIFAR-10's archive with one image each."""
    return [_tar(())]


def cases() -> st.SearchStrategy[bytes]:
    """Bytes changed, and members before those that are wanted or in their place."""
    from sweep.datasets.cifar10 import MEMBERS

    names = st.sampled_from([*NAMES, *sorted(MEMBERS)]) | texts()
    sizes = st.sampled_from([0, 1, 512, 3073, 2**33, 2**40])
    member = st.tuples(names, st.sampled_from(KINDS), st.sampled_from(LINKS) | texts(), sizes)
    return damaged(seeds()) | st.lists(member, min_size=1, max_size=4).map(_tar)


def _tar(strange: object) -> bytes:
    from sweep.datasets.cifar10 import MEMBERS, NAMES

    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, kind, link, size in strange:  # type: ignore[attr-defined]
            made = tarfile.TarInfo(name)
            made.type, made.linkname, made.size = kind, link, size
            file.write(
                made.tobuf(tarfile.GNU_FORMAT, errors="surrogatepass")
                + bytes(min(size, 4096) + -size % 512)
            )
        for name in sorted(MEMBERS):
            text = "\n".join("abcdefghij").encode() if name == NAMES else bytes(3073)
            made = tarfile.TarInfo(name)
            made.size = len(text)
            tar.addfile(made, io.BytesIO(text))
    return file.getvalue()


@contextmanager
def room(folder: Path) -> Iterator[Check]:
    """Nothing but the two Parquet files may come of an archive, and of a wrong one nothing."""
    from sweep.datasets.cifar10 import convert
    from sweep.datasets.fetch import FetchError

    path, to = folder / "archive.tar.gz", folder / "to"
    path.touch()

    def check(case: bytes) -> bool:
        path.write_bytes(gzip.compress(case, 1))
        to.mkdir()
        try:
            with unchanged(folder):
                try:
                    convert(path, to, "0" * 64, lambda done, total: None)
                except FetchError as error:
                    if not str(error).startswith(f"{path}: "):
                        raise Fault(f"the message does not name the archive: {error}") from None
                    return False
                finally:
                    left = sorted(each.name for each in to.iterdir())
                    shutil.rmtree(to)
                    to.mkdir()
        finally:
            shutil.rmtree(to)
        if [name.partition("-")[0] for name in left] != ["test", "train"]:
            raise Fault(f"it left {left}")
        return True

    yield check
