"""What a run tells of where it comes from: its source, and the command that began it."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import subprocess
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.metadata import Distribution, distributions
from pathlib import Path

from sweep.host.failures import storable

UNKNOWN = "unknown"
DISTRIBUTION = "mobilenet-sweep"
_DIGITS = 12  # of a commit


def commit() -> str:
    """The commit of the checkout that this file belongs to, "+" behind it where the tree has
    changes. Where it was installed by pip: the commit that it was installed from, else "version
    0.1.0". Where neither can be told, "unknown": never the commit of a repository around it.
    """
    return commit_of(Path(__file__).resolve(), distributions(name=DISTRIBUTION))


def commit_of(file: Path, installed: Iterable[Distribution]) -> str:
    """The same of any file of the package; `installed`: distributions that it may be of."""
    for each in installed:
        if _owns(each, file):
            return _installed_from(each)
    try:
        # A repository that lies around a file need not have it: a .venv lies in somebody's project.
        _git(file.parent, "ls-files", "--error-unmatch", "--", file.name)
        head = _git(file.parent, "rev-parse", f"--short={_DIGITS}", "HEAD")
        changed = _git(file.parent, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return UNKNOWN
    return head + ("+" if changed else "")


@cache
def source_digest() -> str:
    """12 hex digits of the code itself, installed in whatever way; read once a process, which goes
    on with what it has imported.
    """
    package = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for folder in (package, package.with_name("mnv1_flax")):
        for file in sorted(folder.rglob("*.py")):
            digest.update(file.relative_to(folder.parent).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()[:_DIGITS]


def command_line(arguments: Sequence[str]) -> str:
    """A command as a shell takes it, in characters that every file can hold: bytes that are no
    UTF-8, as a file's name may have, are written as bash's $'\\xff'.

    arguments: as in `sys.argv`, where such bytes are halves of surrogate pairs, and under a locale
    without UTF-8 all that is not ASCII.
    """
    return storable(" ".join(_in_shell(each) for each in arguments))


def _in_shell(argument: str) -> str:
    data = argument.encode("utf-8", "surrogateescape")
    try:
        return shlex.quote(data.decode())
    except UnicodeDecodeError:
        printable = (chr(each) if 32 <= each < 127 else f"\\x{each:02x}" for each in data)
        return "$'" + "".join(f"\\{each}" if each in "'\\" else each for each in printable) + "'"


def _owns(installed: Distribution, file: Path) -> bool:
    """Whether pip has put the file there. RECORD: an editable installation has other files in it,
    and the metadata that lies beside a checkout has none.
    """
    name = "/".join(file.parts[-3:])  # sweep/running/provenance.py
    listed = (line.partition(",")[0] for line in (installed.read_text("RECORD") or "").splitlines())
    return name in listed and Path(str(installed.locate_file(name))).resolve() == file


def _installed_from(installed: Distribution) -> str:
    """By PEP 610 pip notes the commit of what it installs from a repository."""
    try:
        told = json.loads(installed.read_text("direct_url.json") or "")["vcs_info"]["commit_id"]
    except (ValueError, LookupError, TypeError):
        return f"version {installed.version}"
    return str(told)[:_DIGITS]


def _git(folder: Path, *arguments: str) -> str:
    # GIT_DIR and its like name a repository of their own: a hook or `git rebase --exec` sets them.
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name.startswith("GIT_CONFIG")
    }
    done = subprocess.run(
        ["git", "--no-optional-locks", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        errors="replace",  # names of files
        check=True,
        timeout=10,
    )
    return done.stdout.strip()
