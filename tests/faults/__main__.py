"""Runs the harnesses and writes what they found into the table of docs/reliability.md.

python -m tests.faults --times 100               # all of them: some hours, fuzzing most of all
python -m tests.faults crash disk --times 100    # these; the other rows stay
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.faults import HARNESSES, Row, rows_of

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- rows of tests.faults: begin -->\n", "<!-- rows of tests.faults: end -->\n"
HEAD = "| fault | times tried | lost | how it shows to the user |\n| --- | ---: | ---: | --- |\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """0 where nothing was lost."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "names", nargs="*", choices=[[], *HARNESSES], metavar="NAME", help=", ".join(HARNESSES)
    )
    parser.add_argument("--times", type=int, default=100, help="how often each fault is tried")
    told = parser.parse_args(arguments)
    rows: list[Row] = []
    for name in told.names or HARNESSES:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix=f"faults-{name}-") as folder:
            for each in rows_of(name, told.times, Path(folder)):
                rows.append(each)
                took = time.monotonic() - began
                print(f"{name}, {took:.0f} s: {each}", file=sys.stderr, flush=True)  # noqa: T201
                # Another process may have written other rows meanwhile.
                PAGE.write_text(with_rows(PAGE.read_text("utf-8"), [each]), "utf-8")
    return int(any(row.lost for row in rows))


def rows_in(page: str) -> list[Row]:
    """The rows of the page's table."""
    table = page.partition(BEGIN)[2].partition(END)[0].removeprefix(HEAD)
    cells = [line.strip("|").split("|") for line in table.splitlines()]
    return [
        Row(fault.strip(), int(tried), int(lost), shows.strip())
        for fault, tried, lost, shows in cells
    ]


def with_rows(page: str, rows: Iterable[Row]) -> str:
    """The page with these rows in its table, in place of those of the same faults."""
    merged = {row.fault: row for row in rows_in(page)} | {row.fault: row for row in rows}
    lines = [
        f"| {row.fault} | {row.tried} | {row.lost} | {row.shows} |\n" for row in merged.values()
    ]
    before, _, rest = page.partition(BEGIN)
    return "".join([before, BEGIN, HEAD, *lines, END, rest.partition(END)[2]])


if __name__ == "__main__":
    sys.exit(main())
