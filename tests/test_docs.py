"""What the pages name is there: `tests/support/pages.py` looks it up."""

import re

import pytest

from tests.rooms import ROOT
from tests.support.pages import OF_LIBRARIES, PACKAGES, PAGES, wrong, wrong_dotted, wrong_file


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_names_is_there(page):
    errors = wrong((ROOT / page).read_text(encoding="utf-8"))
    assert not [each for each in errors if page != OF_LIBRARIES or each.startswith(PACKAGES)]


@pytest.mark.parametrize("package", ["sweep", "mnv1_flax", "benchmarks"])
def test_what_a_comment_or_docstring_refers_to_is_there(package):
    for path in (ROOT / package).rglob("*.py"):
        for name in re.findall(
            rf"`((?:{'|'.join(PACKAGES)})[./][\w./]+)`", path.read_text("utf-8")
        ):
            whole = name.strip("./")
            errors = wrong_file(whole) if "/" in whole else wrong_dotted(whole)
            assert not list(errors), path


def test_the_index_of_the_decisions_has_them_all():
    index = (ROOT / "docs/decisions/README.md").read_text(encoding="utf-8")
    pages = [path.name for path in sorted((ROOT / "docs/decisions").glob("0*.md"))]
    assert re.findall(r"\]\((0[^)]+)\)", index) == pages


PLANTED = {
    "a file": ("`sweep/host/xla.py`", "`sweep/host/xlo.py`"),
    "a file by its end": ("`host/xla.py`", "`host/xlo.py`"),
    "a file by its name": ("`xla.py`", "`xlo.py`"),
    "a file of a run": ("`readings.parquet`", "`reedings.parquet`"),
    "a module": ("`sweep.host.xla`", "`sweep.host.xlo`"),
    "a function by its path": ("`sweep.maths.pareto.front`", "`sweep.maths.pareto.back`"),
    "a function by its module": ("`pareto.front`", "`pareto.back`"),
    "a function": ("`dominators(costs, values)`", "`dominions(costs, values)`"),
    "a class": ("`MobileNetV1`", "`MobileNetV7`"),
    "a method": ("`Family.compiler_options`", "`Family.compiler_wishes`"),
    "a field": ("`Point.alpha`", "`Point.omega`"),
    "a setting": ("`accuracy.epochs = 3`", "`accuracy.epoch = 3`"),
    "a section": ("`[accuracy]`", "`[accurate]`"),
    "what a data set is told": ("`accuracy.data.path`", "`accuracy.data.place`"),
    "a setting in a file": (
        "```toml\n[accuracy]\nepochs = 3\n```",
        "```toml\n[accuracy]\nepoch = 3\n```",
    ),
    "a command": ("`python -m sweep pick`", "`python -m sweep peck`"),
    "an option": ("`--max-latency`", "`--max-latent`"),
    "an option of another command": ("`pick --max-latency 5ms`", "`show --max-latency 5ms`"),
    "an option in a block": (
        "```sh\npython -m sweep run --dry-run  # the plan\n```",
        "```sh\npython -m sweep run --dry-ran  # the plan\n```",
    ),
    "a benchmark": ("`python -m benchmarks.memory`", "`python -m benchmarks.memories`"),
    "a target": ("`make test`", "`make tests`"),
}


@pytest.mark.parametrize(("right", "planted"), PLANTED.values(), ids=PLANTED.keys())
def test_a_name_that_stands_for_nothing_is_told(right, planted):
    assert not wrong(f"# A page\n\nIt says {right}.\n" if "\n" not in right else right)
    assert len(wrong(planted)) == 1


def test_what_is_superseded_may_name_what_is_gone():
    page = "# 7. A page\n\nSuperseded by decision 9: another way.\n\n`sweep/host/xlo.py` does it.\n"
    assert not wrong(page)
    assert wrong(page.replace("Superseded", "Followed"))
