"""`python -m sweep data cifar10`, against a small archive in the official layout on the loopback.

The archive is written here, from a formula, and not by the code under test; what is read back from
Parquet is compared with the formula.
"""

import hashlib
import io
import json
import signal
import socket
import tarfile
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from sweep.cli.main import main
from sweep.datasets.cifar10 import OFFICIAL
from sweep.datasets.fetch import BLOCK
from tests.support.commands import interruptible
from tests.support.loopback import serving

FOLDER = "cifar-10-batches-bin"
# As in the authors' batches.meta.txt, which ends with an empty line.
CLASSES = [
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
]
BATCHES = ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5")
PER_BATCH, IN_TEST = 3, 4


def label(index: int) -> int:
    """Of image `index`, counted through the five batches and then the test batch."""
    return (index * 7 + 3) % 10


def value(index: int, row: int, column: int, channel: int) -> int:
    """Of one pixel; no two of channel, row and column can be swapped unseen."""
    return (index * 31 + row * 5 + column * 3 + channel * 101 + row * column) % 256


def record(index: int) -> bytes:
    """A label, then the red plane, the green one and the blue one, row by row."""
    planes = [
        value(index, row, column, channel)
        for channel in range(3)
        for row in range(32)
        for column in range(32)
    ]
    return bytes([label(index), *planes])


def members() -> dict[str, bytes]:
    counts = {**dict.fromkeys(BATCHES, PER_BATCH), "test_batch": IN_TEST}
    found = {"batches.meta.txt": ("\n".join(CLASSES) + "\n\n").encode(), "readme.html": b"<html>"}
    first = 0
    for name, count in counts.items():
        found[f"{name}.bin"] = b"".join(record(first + each) for each in range(count))
        first += count
    return {f"{FOLDER}/{name}": content for name, content in found.items()}


def packed(contents: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        folder = tarfile.TarInfo(FOLDER)
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(scope="module")
def archive() -> bytes:
    return packed(members())


@pytest.fixture
def server(archive):
    with serving(archive) as loopback:
        yield loopback


def command(url: str, digest: str, to: Path, *more: str) -> list[str]:
    return ["data", "cifar10", "--to", str(to), "--url", url, "--sha256", digest, *more]


def run(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return int(ended.value.code or 0)


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


PARQUET = {"train-00000-of-00001.parquet", "test-00000-of-00001.parquet"}


def test_the_official_archive_is_the_one_of_tensorflow_datasets():
    # Its url_checksums/cifar10.txt: address, 170052171 bytes, SHA-256.
    line = (
        "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz    170052171    "
        "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
    )
    assert [OFFICIAL.url, OFFICIAL.sha256] == line.split()[::2]


def test_every_pixel_and_label_arrives(server, archive, tmp_path, capsys):
    assert run(command(server.url, sha256(archive), tmp_path / "new" / "cifar")) == 0
    folder = tmp_path / "new" / "cifar"
    assert left(folder) == PARQUET
    first = 0
    for split, count in (("train", 5 * PER_BATCH), ("test", IN_TEST)):
        table = pq.read_table(folder / f"{split}-00000-of-00001.parquet")
        assert table.column("label").to_pylist() == [label(first + n) for n in range(count)]
        for number, cell in enumerate(table.column("img").to_pylist()):
            with Image.open(io.BytesIO(cell["bytes"])) as image:
                assert (image.format, image.mode) == ("PNG", "RGB")
                pixels = np.asarray(image)
            row, column, channel = np.indices((32, 32, 3))
            assert np.array_equal(pixels, value(first + number, row, column, channel))
        first += count
    said = capsys.readouterr().out
    assert f"train: 15 images in {folder}/train-00000-of-00001.parquet" in said
    assert f"test: 4 images in {folder}/test-00000-of-00001.parquet" in said
    assert f"python -m sweep run configs/cifar10.toml --set accuracy.data.path={folder}" in said


def test_the_parquet_has_the_layout_of_hugging_face(server, archive, tmp_path):
    assert run(command(server.url, sha256(archive), tmp_path)) == 0
    schema = pq.read_schema(tmp_path / "train-00000-of-00001.parquet")
    assert str(schema.field("img").type) == "struct<bytes: binary, path: string>"
    assert str(schema.field("label").type) == "int64"
    # What datasets.Dataset.to_parquet writes for Features(img=Image(), label=ClassLabel(...)).
    assert schema.metadata[b"huggingface"].decode() == (
        '{"info": {"features": {"img": {"_type": "Image"}, "label": {"names": '
        + json.dumps(CLASSES)
        + ', "_type": "ClassLabel"}}}}'
    )
    paths = pq.read_table(tmp_path / "test-00000-of-00001.parquet").column("img").to_pylist()
    assert [each["path"] for each in paths][:2] == ["test_batch_00000.png", "test_batch_00001.png"]


def test_a_wrong_checksum_is_refused_and_nothing_kept(server, tmp_path, capsys):
    assert run(command(server.url, "0" * 64, tmp_path)) == 1
    said = capsys.readouterr().err
    assert f"{server.url}: wrong checksum: " in said
    assert f"expected {'0' * 64} but got {sha256(server.content)}" in said
    assert "Traceback" not in said
    assert left(tmp_path) == set()


def test_the_second_run_fetches_nothing(server, archive, tmp_path, capsys):
    arguments = command(server.url, sha256(archive), tmp_path)
    assert run(arguments) == 0
    before = {name: (tmp_path / name).stat().st_mtime_ns for name in PARQUET}
    capsys.readouterr()
    assert run(arguments) == 0
    assert "already there and whole; nothing to do" in capsys.readouterr().out
    assert len(server.requested) == 1
    assert {name: (tmp_path / name).stat().st_mtime_ns for name in PARQUET} == before


@pytest.mark.parametrize("harm", ["damaged", "missing"])
def test_a_harmed_split_is_made_again_from_a_kept_archive(server, archive, tmp_path, harm):
    arguments = command(server.url, sha256(archive), tmp_path, "--keep-archive")
    assert run(arguments) == 0
    assert (tmp_path / "cifar-10-binary.tar.gz").read_bytes() == archive
    test = tmp_path / "test-00000-of-00001.parquet"
    whole = test.read_bytes()
    # One byte of a picture: the file's end, which describes it, is sound.
    test.write_bytes(whole[:400] + bytes([whole[400] ^ 255]) + whole[401:])
    if harm == "missing":
        test.unlink()
    assert run(arguments) == 0
    assert test.read_bytes() == whole
    assert left(tmp_path) == PARQUET | {"cifar-10-binary.tar.gz"}
    assert len(server.requested) == 1


def test_parquet_of_another_origin_is_never_overwritten(server, archive, tmp_path, capsys):
    assert run(command(server.url, sha256(archive), tmp_path)) == 0
    before = (tmp_path / "train-00000-of-00001.parquet").read_bytes()
    assert run(command(server.url, "1" * 64, tmp_path)) == 1
    assert "train-00000-of-00001.parquet: not made from the archive" in capsys.readouterr().err
    assert (tmp_path / "train-00000-of-00001.parquet").read_bytes() == before
    assert len(server.requested) == 1


def with_member(name: str, content: bytes | None) -> dict[str, bytes]:
    changed = members()
    changed.pop(name, None)
    return changed if content is None else changed | {name: content}


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (with_member("../../up.bin", b"x"), 'member "../../up.bin" leads out of the archive'),
        (
            with_member(f"{FOLDER}/data_batch_3.bin", record(0) + record(1)[:-1]),
            f"{FOLDER}/data_batch_3.bin has 6145 bytes: must be records of 3073 bytes",
        ),
        (
            with_member(f"{FOLDER}/test_batch.bin", record(0) + b"\x0a" + record(1)[1:]),
            f"{FOLDER}/test_batch.bin, record 1: label = 10: must be 0 to 9",
        ),
        (
            with_member(f"{FOLDER}/data_batch_5.bin", None),
            f"lacks {FOLDER}/data_batch_5.bin",
        ),
        (
            with_member(f"{FOLDER}/batches.meta.txt", b"cat\ndog\n"),
            f"{FOLDER}/batches.meta.txt must name 10 classes",
        ),
    ],
    ids=["path up", "cut record", "label", "missing member", "class names"],
)
def test_an_archive_that_is_not_cifar10_is_refused_by_name(tmp_path, capsys, contents, message):
    content = packed(contents)
    with serving(content) as server:
        assert run(command(server.url, sha256(content), tmp_path / "to")) == 1
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
    assert left(tmp_path / "to") == {"cifar-10-binary.tar.gz"}
    assert left(tmp_path) == {"to"}


def test_a_link_in_place_of_a_batch_and_a_cut_gzip_are_refused(archive, tmp_path, capsys):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        link = tarfile.TarInfo(f"{FOLDER}/data_batch_1.bin")
        link.type, link.linkname = tarfile.SYMTYPE, "test_batch.bin"
        tar.addfile(link)
    for content, message in (
        (buffer.getvalue(), f"{FOLDER}/data_batch_1.bin must be one regular file"),
        (archive[: len(archive) // 2], "not a readable .tar.gz"),
        (b"<html>Log in to use this network</html>", "not a readable .tar.gz"),
    ):
        with serving(content) as server:
            assert run(command(server.url, sha256(content), tmp_path)) == 1
        assert message in capsys.readouterr().err


def test_no_connection_a_missing_page_and_a_folder_that_is_a_file(
    server, tmp_path, capsys, monkeypatch
):
    waited: list[float] = []
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{unused.getsockname()[1]}/a.tar.gz"
        with monkeypatch.context() as patch:
            patch.setattr("time.sleep", waited.append)
            assert run(command(closed, "0" * 64, tmp_path)) == 1
    assert f"{closed}: can't be reached: Connection refused" in capsys.readouterr().err
    assert waited == []  # it is tried once: nobody is there
    server.statuses = [404]
    assert run(command(server.url, "0" * 64, tmp_path)) == 1
    assert f"{server.url}: the server answers 404 Not Found" in capsys.readouterr().err
    (tmp_path / "file").write_text("in the way")
    assert run(command(server.url, "0" * 64, tmp_path / "file")) == 1
    assert f"{tmp_path / 'file'}: can't be written" in capsys.readouterr().err
    assert left(tmp_path) == {"file"}


@pytest.mark.parametrize(
    ("url", "digest", "message"),
    [
        ("ftp://127.0.0.1/a", "0" * 64, '--url = "ftp://127.0.0.1/a": must be'),
        ("file:///etc/hostname", "0" * 64, '--url = "file:///etc/hostname": must be'),
        ("http://127.0.0.1:99999/a", "0" * 64, "--url = "),
        ("http://127.0.0.1/a", "c4a38c", '--sha256 = "c4a38c": must be 64 digits'),
    ],
)
def test_a_wrong_option_is_one_message_and_status_2(tmp_path, capsys, url, digest, message):
    assert run(command(url, digest, tmp_path / "to")) == 2
    assert message in capsys.readouterr().err
    assert left(tmp_path) == set()


def test_ctrl_c_leaves_a_part_that_the_same_command_continues(server, archive, tmp_path):
    server.cuts = [2 * BLOCK]
    server.hold.clear()
    arguments = command(server.url, sha256(archive), tmp_path)
    running = interruptible(arguments, tmp_path)
    deadline = time.monotonic() + 60
    part = tmp_path / "cifar-10-binary.tar.gz.part"
    while running.poll() is None and time.monotonic() < deadline:
        if part.exists() and part.stat().st_size == 2 * BLOCK:
            break
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    server.hold.set()
    assert running.returncode == 130, said
    assert said == "Interrupted. What has come is kept; the same command continues.\n"
    assert part.read_bytes() == archive[: 2 * BLOCK]
    assert run(arguments) == 0
    assert server.requested == [None, f"bytes={2 * BLOCK}-"]
    assert server.served == len(archive)
    assert left(tmp_path) == PARQUET
