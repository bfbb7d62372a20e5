"""The README's commands and its Python, run as they stand, on a two-point grid."""

import re
import shlex
import shutil

import pytest

from tests.support.commands import QUICK, ROOT, python

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^python (-m sweep [^#\n]*)", README, flags=re.MULTILINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A checkout as its user has it, with a small experiment and the committed reference run."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "sweep.toml").write_text(QUICK.replace('"quick"', '"default"'))
    shutil.copytree(ROOT / "results" / "reference", folder / "results" / "reference")
    return folder


def test_every_command_works_in_the_order_of_the_page(folder):
    assert {shlex.split(command)[2] for command in COMMANDS} == {
        "run",
        "report",
        "show",
        "pick",
        "diff",
        "compare",
        "layers",
    }
    for command in COMMANDS:
        done = python(shlex.split(command), folder)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        assert done.stdout


def test_the_network_alone_gives_what_the_page_says(folder):
    (snippet,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    done = python(["-c", snippet + "\nprint(logits.shape, logits.dtype)"], folder)
    assert done.stdout == "(1, 1000) float32\n", done.stderr


def test_every_file_that_the_page_links_to_is_there():
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / link).exists(), link
    for path in re.findall(r"`((?:sweep|mnv1_flax|docs|results)/[\w./]+)`", README):
        assert (ROOT / path).exists(), path
