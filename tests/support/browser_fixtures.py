"""A real Chromium for tests of the page: one for each file of tests, each run's page opened once.

Not one for the whole session: while Playwright is on, no other code of this thread can start an
event loop, and writing checkpoints does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request

    from sweep.report.values.view import View
    from sweep.results.load import Results

# No request of the browser's own, and no reliance on a GPU.
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SCRIPT = "<script>alert(1)</script>"


LONGEST_REDRAW_MS = 3000
SCROLL_WIDTH = "document.scrollingElement.scrollWidth"


@dataclass
class Faults:
    """What a page did that it should not: faults in its console, requests beyond its own file."""

    said: list[str] = field(default_factory=list)
    asked_for: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Opened:
    """One run's page in the browser, with what should be on it and what it did wrong so far."""

    view: View
    page: Page
    faults: Faults


class Pages:
    """The pages of the runs in RUNS. They are opened once, because that takes two seconds: a test
    finds a page scrolled to its top, but otherwise as the one before left it.
    """

    def __init__(self, browser: Browser, folder: Path) -> None:
        self._browser = browser
        self._folder = folder
        self.opened: dict[str, Opened] = {}

    def __call__(self, run: str, *, width: int = 1000, **media: Any) -> Opened:
        """width in px; media: as Playwright's emulate_media takes it, such as
        color_scheme="dark".
        """
        if run not in self.opened:
            self.opened[run] = self._open(run)
        page = self.opened[run].page
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(**{"media": "screen", "color_scheme": "light", **media})
        page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
        return self.opened[run]

    def _open(self, run: str) -> Opened:
        from sweep.report.content.build import view
        from sweep.report.page import page as ink

        shown = view(RUNS[run]())
        path = self._folder / run / "report.html"
        ink.write(shown, path)
        page = self._browser.new_page()
        faults = watched(page, path.as_uri())
        page.goto(path.as_uri())
        return Opened(shown, page, faults)


def watched(page: Page, address: str) -> Faults:
    """Notes the page's faults from now on; a request for anything but `address` is one."""
    faults = Faults()

    def heard(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning", "assert"):
            faults.said.append(f"{message.type}: {message.text}")

    def seen(request: Request) -> None:
        # What the page carries itself (data:, blob:) asks nobody.
        own = request.url.partition("#")[0] == address
        if not own and not request.url.startswith(("data:", "blob:")):
            faults.asked_for.append(request.url)

    def dismissed(dialog: Any) -> None:
        faults.said.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    page.on("console", heard)
    page.on("pageerror", lambda error: faults.said.append(f"uncaught: {error}"))
    page.on("dialog", dismissed)
    page.on("request", seen)
    page.on("popup", lambda other: faults.asked_for.append(f"popup: {other.url}"))
    page.route(re.compile("^(?!file:|data:|blob:)"), lambda route: route.abort())
    return faults


def markers(place: Locator) -> int:
    """How many points plotly has drawn within; its texts and the legend's symbols don't count."""
    return place.locator(".points path.point").count()


def across(page: Page, width: int) -> int:
    """How wide the page's content is, in px, once figures are drawn anew for the window."""
    for _ in range(LONGEST_REDRAW_MS // 50):
        if page.evaluate(SCROLL_WIDTH) <= width:
            break
        page.wait_for_timeout(50)
    return page.evaluate(SCROLL_WIDTH)


def _whole() -> Results:
    from tests.support import fake_results

    return fake_results.results()


def _script() -> Results:
    from tests.support import fake_results

    return fake_results.results(Path(f"results/{SCRIPT}"), name=SCRIPT, dataset=SCRIPT)


def _empty() -> Results:
    from tests.support import fake_results

    return fake_results.empty()


def _guessing() -> Results:
    """Of 20 classes, at 5 to 8 % of 100 images."""
    from tests.support import fake_results

    keys = [key for key in fake_results.all_points() if key[0] == "separable"]
    more = [
        fake_results.reading(key, metric, value, measure="accuracy", dataset="mine")
        for number, key in enumerate(keys)
        for metric, value in (
            ("top1", (5 + number % 4) / 100), ("test_images", 100), ("classes", 20),
        )
    ]  # fmt: skip
    return fake_results.results(without=("top1", "top5", "test_images"), more=more)


# The made-up run of 18 points; one named as a script, on a data set of that name; one without
# points; one that is no better than chance; one of two trainings of each of four points; that which
# is committed.
def _trained() -> Results:
    from tests.support.trained_runs import of_two_seeds

    return of_two_seeds()


def _reference() -> Results:
    from tests.support.reference import REFERENCE

    return REFERENCE


RUNS: dict[str, Callable[[], Results]] = {
    "whole": _whole,
    "script": _script,
    "empty": _empty,
    "guessing": _guessing,
    "trained": _trained,
    "reference": _reference,
}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser that `sweep.report.print.browser` finds. There being none fails the tests."""
    from playwright.sync_api import sync_playwright

    from sweep.report.print import browser as installed

    path = installed.find()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=FLAGS, chromium_sandbox=installed.sandboxed()
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def pages(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """pages("whole", width=360) is the page of that run. In the end none may have a fault."""
    kept = Pages(chromium, tmp_path_factory.mktemp("pages"))
    yield kept
    faults = {run: opened.faults for run, opened in kept.opened.items()}
    assert faults == dict.fromkeys(faults, Faults())
