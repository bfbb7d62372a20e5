"""The README's commands and its Python, run as they stand, on a two-point grid."""

import re
import shlex
import shutil
from typing import Any

import pytest

from tests.support.commands import ROOT, SHORT

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^python (-m sweep [^#\n]*)", README, flags=re.MULTILINE)


@pytest.fixture
def folder(tmp_path, quick_run):
    """A checkout as its user has it after a small experiment, with the committed reference run."""
    (tmp_path / "sweep.toml").write_text(SHORT.replace('"quick"', '"default"'))
    shutil.copytree(quick_run / "results" / "quick", tmp_path / "results" / "default")
    shutil.copytree(ROOT / "results" / "reference", tmp_path / "results" / "reference")
    return tmp_path


def test_every_command_works_in_the_order_of_the_page(folder, command):
    assert {shlex.split(line)[2] for line in COMMANDS} == {
        "run",
        "report",
        "show",
        "pick",
        "diff",
        "compare",
        "layers",
    }
    for line in COMMANDS:
        status, out, error = command(*shlex.split(line)[2:], inside=folder)
        assert status == 0, f"{line}: {error}"
        assert out


def test_the_network_alone_gives_what_the_page_says():
    snippets = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    (snippet,) = [each for each in snippets if "MobileNetV1(" in each]
    names: dict[str, Any] = {}
    exec(snippet, names)  # noqa: S102 - the page's own
    assert names["logits"].shape == (1, 1000)
    assert names["logits"].dtype == "float32"


def test_every_file_that_the_page_links_to_is_there():
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / link).exists(), link
    for path in re.findall(r"`((?:sweep|mnv1_flax|docs|results)/[\w./]+)`", README):
        assert (ROOT / path).exists(), path
