"""What the code never does, and what archives from elsewhere can't do."""

import ast
import gzip
import hashlib
import io
import os
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sweep.datasets import cifar10, fetch
from sweep.datasets.cifar10 import MEMBERS, NAMES, convert
from sweep.datasets.fetch import FetchError, Source
from sweep.datasets.numpy_archive import NumpyArchive, NumpySettings
from sweep.datasets.records import DatasetError
from tests.support.loopback import serving

ROOT = Path(__file__).parents[1]
PACKAGES = ("sweep", "mnv1_flax", "benchmarks")
# Reading any of these can run what is in the file.
UNPICKLING = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
# multiprocessing pickles between a process and those that it started itself, through pipes that
# nobody else has: no file, no socket; but for hosts that join a run, through a socket whose both
# ends prove first that they have the run's key (tests/running/test_hosts.py, decision 30). These
# are all that use it.
OWN_PROCESSES = {
    "sweep/host/interrupts.py", "sweep/running/local.py", "sweep/running/worker.py",
    "sweep/running/hosts.py", "sweep/running/hosts_engine.py", "sweep/running/follower.py",
    "sweep/training/feeds.py",
    "benchmarks/agreement.py",
}  # fmt: skip
# A conformance suite unpickles what it has pickled a moment before; a machine of a cluster what its
# driver has, which Ray, who brings it, unpickles by itself too.
OWN_PICKLES = {
    "sweep/testing/dataset.py",
    "sweep/testing/family.py",
    "sweep/testing/measure.py",
    "sweep/running/calls.py",
}
NEVER_CALLED = {
    "eval", "exec", "compile", "__import__",
    "os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput",
    "torch.load", "np.fromregex", "pd.read_pickle", "pandas.read_pickle", "tempfile.mktemp",
    "yaml.load", "yaml.unsafe_load", "yaml.full_load", "shutil.unpack_archive",
}  # fmt: skip
NEVER_METHODS = {"extractall", "to_pickle", "read_pickle", "unpack_archive"}


def files() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def nodes() -> Iterator[tuple[str, ast.AST]]:
    for path in files():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            yield path.relative_to(ROOT).as_posix(), node


def calls() -> Iterator[tuple[str, str, dict[str, ast.expr]]]:
    """(file, what is called, its named arguments)."""
    for path, node in nodes():
        if isinstance(node, ast.Call):
            named = {each.arg: each.value for each in node.keywords if each.arg}
            yield path, ast.unparse(node.func), named


def modules() -> Iterator[tuple[str, str]]:
    for path, node in nodes():
        if isinstance(node, ast.Import):
            yield from ((path, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield path, node.module


def test_the_walk_sees_the_code():
    assert len(files()) > 100
    assert ("sweep/settings/registry.py", "import_module") in {
        (path, called) for path, called, _ in calls()
    }


def test_nothing_is_unpickled():
    unpickling = {path for path, name in modules() if name.split(".")[0] in UNPICKLING}
    assert unpickling == OWN_PICKLES
    users = {path for path, name in modules() if name.split(".")[0] == "multiprocessing"}
    assert users == OWN_PROCESSES
    remote = {"multiprocessing.managers", "socketserver", "xmlrpc.server"}
    assert remote & {name for _, name in modules()} == set()


def test_no_text_becomes_code_and_no_shell_is_asked():
    found = [
        (path, called)
        for path, called, named in calls()
        if called in NEVER_CALLED
        or called.rpartition(".")[2] in NEVER_METHODS
        or not isinstance(named.get("shell", ast.Constant(False)), ast.Constant)
        or getattr(named.get("shell"), "value", False)
    ]
    assert found == []


def test_numpy_reads_numbers_alone():
    loads = [named for _, called, named in calls() if called in ("np.load", "numpy.load")]
    assert loads
    for named in loads:
        assert ast.unparse(named["allow_pickle"]) == "False"


def test_templates_escape_and_only_the_pages_own_files_go_in_as_they_are():
    environments = [named for _, called, named in calls() if called.endswith("Environment")]
    assert [ast.unparse(named["autoescape"]) for named in environments] == ["True"]
    assert {path for path, called, _ in calls() if called == "Markup"} == {
        "sweep/report/page/page.py"
    }
    for template in (ROOT / "sweep" / "report").rglob("*.jinja"):
        assert "|safe" not in template.read_text("utf-8").replace(" ", "")


# Archives


@pytest.fixture
def archive(tmp_path):
    """A function that writes a .tar.gz of CIFAR-10's members, with others before them."""

    def write(*strange: tarfile.TarInfo, without: str = "") -> Path:
        path = tmp_path / "archive.tar.gz"
        with tarfile.open(path, "w:gz") as tar:
            for each in strange:
                tar.addfile(each, io.BytesIO(bytes(each.size)))
            for name in sorted(MEMBERS - {without}):
                text = "\n".join("abcdefghij").encode() if name == NAMES else bytes(3073)
                member = tarfile.TarInfo(name)
                member.size = len(text)
                tar.addfile(member, io.BytesIO(text))
        return path

    return write


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0):
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.size = kind, link, size
    return made


def converted(archive: Path, folder: Path) -> dict[str, int]:
    folder.mkdir(exist_ok=True)
    return convert(archive, folder, "0" * 64, lambda done, total: None)


def test_the_archive_of_the_tests_is_sound(archive, tmp_path):
    assert converted(archive(), tmp_path / "to") == {"train": 5, "test": 1}


@pytest.mark.parametrize(
    "strange",
    [
        member("../evil"),
        member("/etc/evil"),
        member("a/../../evil"),
        member("./../evil", tarfile.SYMTYPE, "/etc/passwd"),
    ],
    ids=lambda each: each.name,
)
def test_a_member_that_leads_out_is_refused_and_nothing_is_written(strange, archive, tmp_path):
    with pytest.raises(FetchError, match="leads out of the archive; refused"):
        converted(archive(strange), tmp_path / "to")
    assert list((tmp_path / "to").iterdir()) == []


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE]
)
def test_a_member_must_be_a_file_and_not_a_link_or_a_device(kind, archive, tmp_path):
    # In place of a member that is wanted; a link's target is read by none.
    strange = member(NAMES, kind, "/etc/passwd")
    with pytest.raises(FetchError, match="must be one regular file"):
        converted(archive(strange, without=NAMES), tmp_path / "to")
    assert list((tmp_path / "to").iterdir()) == []


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_beside_the_members_are_not_made(kind, archive, tmp_path):
    converted(archive(member("cifar-10-batches-bin/x", kind, "/etc/passwd")), tmp_path / "to")
    assert {path.suffix for path in (tmp_path / "to").iterdir()} == {".parquet"}


def test_an_archive_that_unpacks_to_very_much_is_refused(archive, tmp_path, monkeypatch):
    monkeypatch.setattr(cifar10, "MOST_BYTES", 1 << 20)
    with pytest.raises(FetchError, match="more than 100 members, or 1,048,576 bytes"):
        converted(archive(member("zeros", size=2 << 20)), tmp_path / "to")
    # A size that the archive only tells of: eight exabytes, of which there is not one.
    raw = gzip.decompress(archive().read_bytes())
    lying = member("zeros", size=8 << 60).tobuf(tarfile.GNU_FORMAT)
    (tmp_path / "lying.tar.gz").write_bytes(gzip.compress(lying + raw))
    with pytest.raises(FetchError, match="more than 100 members"):
        converted(tmp_path / "lying.tar.gz", tmp_path / "to")
    many = [member(f"m{number}") for number in range(101)]
    with pytest.raises(FetchError, match="more than 100 members"):
        converted(archive(*many), tmp_path / "to")


def test_nothing_is_written_through_links_in_the_folder(archive, tmp_path):
    folder, secret = tmp_path / "to", tmp_path / "secret"
    folder.mkdir()
    secret.write_text("kept")
    for split in ("train", "test"):
        path = cifar10.parquet_path(folder, split)
        path.symlink_to(secret)
    assert converted(archive(), folder) == {"train": 5, "test": 1}
    assert not any(path.is_symlink() for path in folder.iterdir())
    assert secret.read_text() == "kept"


@pytest.fixture
def server():
    with serving(b"from the server" * 1000) as loopback:
        yield loopback


@pytest.mark.parametrize("held", ["", "kept"])
def test_a_transfer_is_not_written_through_a_link(held, server, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(held)
    (tmp_path / "x.part").symlink_to(secret)
    source = Source(server.url, hashlib.sha256(server.content).hexdigest())
    with pytest.raises(FetchError, match="can't be written: Too many levels of symbolic links"):
        fetch.fetch(source, tmp_path / "x", lambda done, total: None)
    assert secret.read_text() == held
    assert not (tmp_path / "x").exists()


def test_a_server_without_an_end_is_left(server, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "MOST_BYTES", 1000)
    monkeypatch.setattr(fetch, "BLOCK", 512)
    source = Source(server.url, hashlib.sha256(server.content).hexdigest())
    with pytest.raises(FetchError, match="more than 1,000 bytes"):
        fetch.fetch(source, tmp_path / "x", lambda done, total: None)
    assert (tmp_path / "x.part").stat().st_size < 2000


def npz(path: Path, images: bytes, labels: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in (("images", images), ("labels", labels), ("../evil", b"x")):
            zipped.writestr(f"{name}.npy", content)
    return path


def npy(shape: tuple[int, ...], dtype: str, content: bytes) -> bytes:
    file = io.BytesIO()
    header = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + content


def error_of(path: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        NumpyArchive(NumpySettings(path=str(path))).class_names  # noqa: B018
    return str(caught.value).removeprefix(f"{path}: ")


def test_arrays_that_would_not_fit_are_not_unpacked(tmp_path, monkeypatch):
    labels = npy((1,), "<i8", bytes(8))
    lying = npz(tmp_path / "lying.npz", npy((1 << 40, 8, 8, 3), "|u1", bytes(64)), labels)
    assert error_of(lying) == "its arrays don't fit into memory"
    bomb = npz(tmp_path / "bomb.npz", npy((1000, 8, 8, 3), "|u1", bytes(192_000)), labels)
    assert bomb.stat().st_size < 2000
    monkeypatch.setattr(os, "sysconf", lambda name: 300)  # a machine of 90 kB
    assert error_of(bomb).startswith("has 192,")
    assert not (tmp_path / "evil.npy").exists()
    assert not (tmp_path.parent / "evil.npy").exists()


def test_objects_in_an_archive_are_not_made(tmp_path):
    np.savez(tmp_path / "x.npz", images=np.array([{}], object), labels=np.zeros(1))
    assert "allow_pickle=False" in error_of(tmp_path / "x.npz")
