"""Where the commands write: results to standard output, messages to standard error."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from rich.console import Console

# Without a terminal rich would fold tables at 80 columns, also in a file.
out = Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else 120)
err = Console(stderr=True)


def write_json(data: dict[str, Any]) -> None:
    """One JSON object and nothing else, so that a program can read it. Absent numbers are null."""
    sys.stdout.write(json.dumps(data, indent=2, allow_nan=False) + "\n")
