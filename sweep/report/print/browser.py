"""The Chromium that draws figures for a paper and that the tests of the page drive.

`python -m sweep.report.print.browser` prints its path, or says what to install and exits 2.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

VARIABLE = "CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = (
    "No Chromium or Chrome was found: install one (on Debian: apt-get install chromium; elsewhere: "
    f"pip install playwright, then playwright install chromium), or set {VARIABLE} to its path."
)
# Playwright keeps its own browsers where only it knows. Asked in another process, because its
# answer starts an event loop, and this process may have one.
_ASK_PLAYWRIGHT = (
    "from playwright.sync_api import sync_playwright\n"
    "with sync_playwright() as playwright: print(playwright.chromium.executable_path)"
)


class ExportError(RuntimeError):
    """Figures can't be drawn here; the message says why, and what to install where that helps."""


def find() -> Path:
    """The executable that the variable CHROMIUM names, else one on PATH, else Playwright's own.

    Raises ExportError where there is none, or where the variable names something else.
    """
    named = os.environ.get(VARIABLE)
    if named:
        if not _runs(Path(named)):
            raise ExportError(f'{VARIABLE} = "{named}": is no program that can be run.')
        return Path(named)
    on_path = next(filter(None, map(shutil.which, NAMES)), None)
    found = Path(on_path) if on_path else _of_playwright()
    if found is None:
        raise ExportError(MISSING)
    return found


def sandboxed() -> bool:
    """Whether Chromium's sandbox can be on: it refuses to start in one for the root user."""
    return not (hasattr(os, "geteuid") and os.geteuid() == 0)


def _runs(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _of_playwright() -> Path | None:
    """What `playwright install chromium` fetched, None where Playwright or its browser is not."""
    if importlib.util.find_spec("playwright") is None:
        return None
    asked = subprocess.run(
        [sys.executable, "-c", _ASK_PLAYWRIGHT], capture_output=True, text=True, check=False
    )
    path = Path(asked.stdout.strip() or "nowhere")
    return path if asked.returncode == 0 and _runs(path) else None


def _main() -> int:
    try:
        path = find()
    except ExportError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(_main())
