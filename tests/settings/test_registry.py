"""Names -> parts."""

import sys

import pytest

from sweep.settings.config import Settings
from sweep.settings.registry import BUILT_IN, UnknownPartError, find


@pytest.mark.parametrize(
    ("part", "name"), [(part, name) for part, names in BUILT_IN.items() for name in names]
)
def test_every_built_in_part_bears_the_name_it_is_found_under(part, name):
    built = find(part, name)
    if part == "measure":
        sections = (name, *getattr(built, "also", ()))
        built = built(*(getattr(Settings(), each) for each in sections))
    assert built.name == name


def test_a_part_from_anywhere(tmp_path, monkeypatch):
    (tmp_path / "my_parts.py").write_text(
        "from sweep.contracts import Measure\n"
        "class Energy(Measure):\n    name = 'energy'\n    def identity(self): ...\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert find("measure", "my_parts:Energy").name == "energy"
    del sys.modules["my_parts"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("speed", 'measures = "speed": must be one of accuracy, cost, int8, latency, rapl, or'),
        ("nowhere_to_be:Found", "no module named nowhere_to_be"),
        ("sweep.maths.pareto:Nothing", "sweep.maths.pareto has no Nothing"),
        (":", "can't be imported: ValueError"),
        ("subprocess:Popen", r"does not derive from sweep.contracts.Measure \(docs/adding.md"),
        ("builtins:print", "is no class"),
    ],
)
def test_an_unknown_part_says_which_there_are(name, message):
    with pytest.raises(UnknownPartError, match=message):
        find("measure", name)
