"""Packages with known holes: pip-audit over constraints.txt, and what it could not look at.

`python -m tests.audit` exits 1 where a package has a hole, 2 where not every package could be
looked at: pip-audit itself calls that a success.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"
# Holes that don't concern this project, by their name, with the reason.
ACCEPTED: Mapping[str, str] = {}
TIMEOUT_S = 120
COMMAND = (
    sys.executable, "-m", "pip_audit", "--requirement", str(CONSTRAINTS), "--no-deps",
    "--disable-pip", "--format", "json", "--progress-spinner", "off", "--timeout", "15",
)  # fmt: skip


@dataclass(frozen=True)
class Audit:
    """holes: sentences. unseen: package -> why it was not looked at. failure: why none was."""

    audited: int
    holes: tuple[str, ...]
    unseen: Mapping[str, str]
    failure: str = ""

    @property
    def complete(self) -> bool:
        """Whether "no holes" means anything."""
        return not self.failure and not self.unseen and self.audited > 0

    def __str__(self) -> str:
        if self.failure:
            return f"nothing was audited: {self.failure}"
        total = self.audited + len(self.unseen)
        found = "; ".join(self.holes) or "no known hole"
        text = f"{self.audited} of {total} packages audited: {found}"
        if not self.audited:
            text = f"none of {total} packages could be audited"
        if self.unseen:
            name, reason = next(iter(self.unseen.items()))
            others = f" (and {len(self.unseen) - 1} more)" if len(self.unseen) > 1 else ""
            text += (
                f". Not audited: {name}{others}: {reason}. Either the package index that is "
                "reached from here serves no advisories, or it does not know these packages."
            )
        return text


def audit() -> Audit:
    """Asks the package index for advisories; a few seconds."""
    try:
        done = subprocess.run(
            COMMAND, capture_output=True, text=True, check=False, timeout=TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        return Audit(0, (), {}, f"pip-audit took longer than {TIMEOUT_S} s")
    try:
        return understood(json.loads(done.stdout))
    except (ValueError, LookupError, TypeError):
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        return Audit(0, (), {}, lines[-1])


def understood(report: Any) -> Audit:
    """pip-audit's JSON. Raises LookupError or TypeError where it has another form."""
    holes, unseen, audited = [], {}, 0
    for each in report["dependencies"]:
        if "skip_reason" in each:
            unseen[each["name"]] = each["skip_reason"]
            continue
        audited += 1
        for hole in each["vulns"]:
            if {hole["id"], *hole.get("aliases", ())} & set(ACCEPTED):
                continue
            mended = ", ".join(hole.get("fix_versions", ())) or "no release yet"
            holes.append(f"{each['name']} {each['version']}: {hole['id']}, mended in {mended}")
    return Audit(audited, tuple(holes), unseen)


def main() -> int:
    """Says what was found."""
    found = audit()
    sys.stdout.write(f"{found}\n")
    if found.holes:
        return 1
    return 0 if found.complete else 2


if __name__ == "__main__":
    raise SystemExit(main())
