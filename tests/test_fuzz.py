"""Input that is wrong, or means harm: some hundred cases here, ten thousand in the long run.

And the fuzzer itself, on a program with planted faults.
"""

import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.fuzz import TARGETS, target_named
from tests.fuzz.engines import ATHERIS, ENGINES, by_hypothesis
from tests.fuzz.runner import NO_ATHERIS, fuzz, has_atheris

# Cases of each target in `make test`, by what one takes.
SHORT = dict.fromkeys(TARGETS, 100) | {"results": 40, "command-line": 50, "keras-h5": 40}
SHORT |= {"keras-zip": 40, "keras-weights": 40}
LONG = 10_000
ROOT = Path(__file__).parents[1]
# What libFuzzer writes into the folder that it is begun in, unless it is told where to.
LEFT = ("slow-unit-*", "crash-*", "timeout-*", "oom-*", "leak-*")
PLANTED = "tests.fuzz.planted:planted"


@pytest.mark.parametrize("name", TARGETS)
def test_every_case_is_taken_or_refused_in_words(name, tmp_path):
    target, became = target_named(name), Counter()
    with target.room(tmp_path) as check:
        for case in target.seeds():
            assert check(case) in (True, False)

        def one(case: bytes) -> None:
            became[check(case)] += 1

        by_hypothesis(target, one, SHORT[name], 0)
    assert became.total() == SHORT[name]
    assert became[False]


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", TARGETS)
def test_ten_thousand_cases(name, engine, tmp_path):
    if engine == ATHERIS and not has_atheris():
        pytest.skip(NO_ATHERIS)
    found = fuzz(name, engine, cases=LONG, seed=1, place=tmp_path)
    assert [each.story for each in found.failures] == []
    assert (found.tried, found.failed) == (LONG, 0)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_fuzzer_finds_what_is_planted(engine, tmp_path):
    if engine == ATHERIS and not has_atheris():
        pytest.skip(NO_ATHERIS)
    found = fuzz(PLANTED, engine, cases=30, seed=0, place=tmp_path, case_s=0.5)
    kinds = [each.kind for each in found.failures]
    for planted in ("KeyError", "HangError", "MemoryError", "SIGSEGV", "hang that no signal ends"):
        assert sum(planted in kind for kind in kinds) == 1
    assert (found.tried, found.failed) == (30, 5)
    assert [path for each in LEFT for path in ROOT.glob(each)] == []


def test_git_passes_over_what_a_fuzzer_leaves_and_keeps_what_was_found():
    if not (ROOT / ".git").exists():
        pytest.skip("no checkout")
    left = [each.replace("*", "0a1b") for each in LEFT]
    kept = [f"tests/data/fuzz/settings/refused/{each}" for each in left]
    ignored = subprocess.run(
        ["git", "check-ignore", "--no-index", *left, *kept, ".hypothesis/a", "sweep/types.py"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ignored.stdout.split() == [*left, ".hypothesis/a"]
