"""Which commit readings are stamped with; what is right, git says. And the command: bash says."""

from __future__ import annotations

import json
import os
import subprocess
from importlib.metadata import distributions
from pathlib import Path

import pytest

from sweep.running.provenance import DISTRIBUTION, UNKNOWN, command_line, commit_of

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def nobodys_settings(monkeypatch):
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=A", "-c", "user.email=a@b"]
    return subprocess.run(
        ["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True
    ).stdout.strip()


def source(folder: Path) -> Path:
    """The package in a folder, as far as it matters here."""
    file = folder / "sweep" / "running" / "provenance.py"
    file.parent.mkdir(parents=True)
    file.write_text("")
    return file


def repository(folder: Path) -> str:
    """All that is in a folder becomes a commit, whose name it returns."""
    folder.mkdir(exist_ok=True)
    (folder / "readme").write_text("")
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "one")
    return git(folder, "rev-parse", "HEAD")


def installed(
    site: Path, *, direct_url: dict | None, record: str = "sweep/running/provenance.py"
) -> list:
    """What pip writes beside the package."""
    info = site / "mobilenet_sweep-7.8.9.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {DISTRIBUTION}\nVersion: 7.8.9\n")
    (info / "RECORD").write_text(f"{record},sha256=abc,0\n{info.name}/METADATA,,\n")
    if direct_url is not None:
        (info / "direct_url.json").write_text(json.dumps(direct_url))
    return list(distributions(name=DISTRIBUTION, path=[str(site)]))


def test_a_checkout_tells_its_commit_and_whether_it_has_changes(tmp_path):
    file = source(tmp_path / "checkout")
    head = repository(tmp_path / "checkout")
    assert commit_of(file, []) == head[:12]
    (tmp_path / "checkout" / "new").write_text("untracked")
    assert commit_of(file, []) == head[:12]
    file.write_text("changed")
    assert commit_of(file, []) == f"{head[:12]}+"


def test_the_repository_around_an_installation_is_somebody_elses(tmp_path):
    repository(tmp_path / "theirs")
    file = source(tmp_path / "theirs" / ".venv" / "site-packages")
    assert commit_of(file, []) == UNKNOWN
    (tmp_path / "theirs" / ".gitignore").write_text(".venv\n")
    assert commit_of(file, []) == UNKNOWN


@pytest.mark.parametrize("tracked", [False, True])
@pytest.mark.parametrize(
    ("direct_url", "told"),
    [
        (None, "version 7.8.9"),
        ({"url": "https://example.org/a.whl", "archive_info": {}}, "version 7.8.9"),
        ({"url": "file:///a", "dir_info": {}}, "version 7.8.9"),
        ({"url": "git+x", "vcs_info": {"vcs": "git", "commit_id": COMMIT}}, COMMIT[:12]),
    ],
)
def test_an_installation_tells_what_pip_noted(tmp_path, direct_url, told, tracked):
    """Also where somebody has put his environment into his repository."""
    site = tmp_path / "theirs" / "site-packages"
    file = source(site)
    found = installed(site, direct_url=direct_url)
    if tracked:
        repository(tmp_path / "theirs")
    assert commit_of(file, found) == told


def test_an_editable_installation_and_another_version_say_nothing_of_a_checkout(tmp_path):
    file = source(tmp_path / "checkout")
    head = repository(tmp_path / "checkout")
    editable = installed(tmp_path / "one", direct_url={"dir_info": {"editable": True}}, record="a")
    source(tmp_path / "two")
    other = installed(tmp_path / "two", direct_url=None)
    assert commit_of(file, [*editable, *other]) == head[:12]


def test_gits_own_variables_do_not_lead_elsewhere(tmp_path, monkeypatch):
    file = source(tmp_path / "checkout")
    head = repository(tmp_path / "checkout")
    repository(tmp_path / "theirs")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "theirs" / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path / "theirs"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "none"))
    assert commit_of(file, []) == head[:12]


def test_where_git_is_missing_or_has_no_commit_nothing_is_told(tmp_path, monkeypatch):
    file = source(tmp_path / "checkout")
    git(tmp_path / "checkout", "init", "--quiet")
    git(tmp_path / "checkout", "add", ".")
    assert commit_of(file, []) == UNKNOWN
    repository(tmp_path / "checkout")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit_of(file, []) == UNKNOWN


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder to somebody else")
def test_what_git_refuses_to_read_is_unknown(tmp_path):
    file = source(tmp_path / "checkout")
    repository(tmp_path / "checkout")
    os.chown(tmp_path / "checkout", 65534, 65534)
    with pytest.raises(subprocess.CalledProcessError):
        git(tmp_path / "checkout", "status")
    assert commit_of(file, []) == UNKNOWN


@pytest.mark.parametrize(
    "argument",
    [
        b"plain",
        b"two words",
        b"",
        b"it's",
        b"\xc3\xa9",
        b"\xff",
        b"a\xffb 'c' \\d \n\t$e",
        b"\xffabc",
    ],
)
def test_a_command_can_be_kept_in_any_file_and_begun_again(argument):
    told = command_line(["printf", "%s\\0", os.fsdecode(argument)])
    assert json.loads(json.dumps(told, ensure_ascii=False).encode()) == told
    printed = subprocess.run(["bash", "-c", told.encode()], capture_output=True, check=True).stdout
    assert printed == argument + b"\0"


def test_a_command_as_a_locale_without_utf_8_hands_it_over_reads_as_it_was_typed():
    assert command_line(["run", "r\udcc3\udca9"]) == "run 'r\u00e9'"
