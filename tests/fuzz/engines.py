"""The two ways that cases come about. Each hands every case to `one`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.mutations import MOST_BYTES
from tests.fuzz.target import Target

One = Callable[[bytes], None]
HYPOTHESIS, ATHERIS = "hypothesis", "atheris"
ENGINES = (HYPOTHESIS, ATHERIS)


def by_hypothesis(target: Target, one: One, count: int, start: int) -> None:
    """`count` cases drawn from the target's strategy, the same for the same `start`."""
    drawn = 0
    while drawn < count:
        # One property draws at most some thousands of examples before it thinks it has seen all.
        most = min(1000, count - drawn)
        _property(target, one, most, start + drawn)()
        drawn += most


def by_atheris(target: Target, one: One, count: int, start: int, corpus: Path) -> None:
    """`count` cases, led by which lines of the instrumented packages they reach. Ends the process:
    libFuzzer does not return. corpus: a folder for cases that reach new ones; what it finds slow
    or fatal comes beside it.
    """
    import atheris

    if target.raw:
        run = one
        for number, each in enumerate(target.seeds()):
            (corpus / f"seed{number}").write_bytes(each)
    else:
        run = cast("Any", _property(target, one, 1, start)).hypothesis.fuzz_one_input
        # Choices for Hypothesis: long enough to begin with to make whole cases.
        for number in range(8):
            (corpus / f"seed{number}").write_bytes(
                np.random.default_rng([start, number]).bytes(600)
            )
    flags = [
        f"-runs={count}",
        f"-seed={start + 1}",
        f"-max_len={MOST_BYTES if target.raw else 8192}",
        "-len_control=0",
        "-timeout=0",
        "-rss_limit_mb=0",
        "-malloc_limit_mb=0",
        "-print_final_stats=0",
        f"-artifact_prefix={corpus.parent}{os.sep}",
    ]
    atheris.Setup([sys.argv[0], *flags, str(corpus)], run)
    atheris.Fuzz()


def _property(target: Target, one: One, most: int, start: int) -> Any:
    @seed(start)
    @settings(
        max_examples=most,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[*HealthCheck],  # type: ignore[arg-type] - an enumeration, which lists its members
        derandomize=False,
    )
    @given(target.cases())
    def tried(case: bytes) -> None:
        one(case)

    return tried
