"""`python -m tests.fuzz TARGET --cases 10000`: exits 1 where a case shows a fault."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from tests.fuzz import TARGETS
from tests.fuzz.engines import ATHERIS, ENGINES
from tests.fuzz.runner import NO_ATHERIS, Summary, fuzz, has_atheris

HEADINGS = (
    "target", "engine", "cases", "taken", "refused", "failed", "lines", "kept", "seconds",
)  # fmt: skip


def main() -> int:
    """Tries one target, or all, with one engine, or both."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", help=f"one of {', '.join(TARGETS)}, all, or module:function")
    parser.add_argument("--cases", type=int, default=10_000, help="of each engine")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--engine", choices=ENGINES, help="default: both")
    parser.add_argument("--keep", type=Path, help="folder for the cases that failed")
    given = parser.parse_args()
    names = list(TARGETS) if given.target == "all" else [given.target]
    sys.stdout.write("  ".join(f"{each:>10}" for each in HEADINGS) + "\n")
    failed = 0
    for name in names:
        for engine in [given.engine] if given.engine else ENGINES:
            if engine == ATHERIS and not has_atheris():
                sys.stdout.write(f"{NO_ATHERIS}\n")
                continue
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
                found = fuzz(name, engine, cases=given.cases, seed=given.seed, place=Path(place))
                _report(found, given.keep)
            failed += found.failed
    return int(failed > 0)


def _report(found: Summary, kept: Path | None) -> None:
    figures = (
        found.target, found.engine, found.tried, found.taken,
        found.tried - found.taken - found.failed, found.failed,
        "" if found.lines is None else found.lines, "" if found.kept is None else found.kept,
        f"{found.seconds:.0f}",
    )  # fmt: skip
    sys.stdout.write("  ".join(f"{each!s:>10}" for each in figures) + "\n")
    for each in found.failures:
        sys.stdout.write(f"  {each.kind}\n    {each.story.strip().splitlines()[-1][:300]}\n")
        if kept:
            kept.mkdir(parents=True, exist_ok=True)
            for path in (each.case, each.case.with_suffix(".txt")):
                shutil.copy(path, kept / f"{found.target}-{path.name}")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
