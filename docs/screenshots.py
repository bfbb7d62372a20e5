"""Makes the pictures of the report that the README shows: `python docs/screenshots.py`.

The first screen of results/reference's page at three widths, light and dark, by the Chromium that
the tests use.
"""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from sweep.report.print.browser import find

ROOT = Path(__file__).parents[1]
REPORT = ROOT / "results" / "reference" / "report.html"
SIZES = {360: 1500, 1000: 1400, 1600: 1300}  # px: width, height


def main() -> None:
    """Draws the report anew, then takes its pictures."""
    command = [sys.executable, "-m", "sweep", "report", "results/reference"]
    subprocess.run(command, cwd=ROOT, check=True)
    folder = ROOT / "docs" / "report"
    folder.mkdir(exist_ok=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(find()), args=["--no-sandbox"])
        for width, height in SIZES.items():
            for scheme in ("light", "dark"):
                page = browser.new_page(
                    viewport={"width": width, "height": height}, color_scheme=scheme
                )
                page.goto(REPORT.as_uri())
                taken = Image.open(io.BytesIO(page.screenshot()))
                page.close()
                taken.save(folder / f"{width}-{scheme}.webp", lossless=True, quality=100)
        browser.close()


if __name__ == "__main__":
    main()
