"""The report's figures as SVG and PNG files for a paper.

Drawn by plotly.js in a Chromium that is there (kaleido drives it); nothing is fetched.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any, Literal

from sweep.host.files import replace_file
from sweep.report.print import browser
from sweep.report.print.browser import ExportError
from sweep.report.print.paper_plot import Shape, on_paper
from sweep.report.values.figures import Figure, HeatMap
from sweep.report.values.view import View

WIDTH = 640
TIMEOUT_S = 90.0  # for one figure, on a slow machine
FILE_S = 10.0  # for each of many: together they have TIMEOUT_S and this for every file
_LONGEST_STEM = 80

Format = Literal["svg", "png"]


def export(
    view: View,
    folder: Path,
    formats: Sequence[Format] = ("svg", "png"),
    *,
    width: int = WIDTH,
    scale: float = 2.0,
) -> list[Path]:
    """Writes every figure of the view that shows something, in each format; returns the files.

    width: px of CSS, 1/96 inch on paper; the height follows. scale: a PNG's pixels for each of
    them; an SVG has no need of it. The files carry the figures' names, cleaned so that none can
    leave the folder, which is made where it is absent; files of these names are replaced.

    Raises ExportError where a browser is missing or fails; needs the extra `export`.
    """
    drawn = [each for each in (*view.figures, *view.heat_maps, *view.trends) if not each.absent]
    if not drawn:
        return []
    chromium = browser.find()
    names = [f"{stem}.{each}" for stem in stems(drawn) for each in dict.fromkeys(formats)]
    plots = [on_paper(each, view.key, width) for each in drawn for _ in dict.fromkeys(formats)]
    with TemporaryDirectory() as made:
        files = [Path(made, name) for name in names]
        _draw(files, plots, scale, chromium)
        folder.mkdir(parents=True, exist_ok=True)
        for file in files:
            replace_file(folder / file.name, lambda new, old=file: new.write(old.read_bytes()))
    return [folder / name for name in names]


def stems(shapes: Sequence[Shape]) -> list[str]:
    """A file name for each figure, without its ending: that of a frontier has the source of its
    accuracies too, as in "mult_adds-measured". All differ, also where upper and lower case are the
    same to the disk.

    Names come from data: what is no letter, digit or _ becomes a -.
    """
    given: list[str] = []
    for shape in shapes:
        stem = re.sub(r"[^A-Za-z0-9_]+", "-", name_of(shape)).strip("-")[:_LONGEST_STEM] or "figure"
        numbered = [stem, *(f"{stem}-{number}" for number in range(2, len(shapes) + 1))]
        taken = {each.lower() for each in given}
        given.append(next(each for each in numbered if each.lower() not in taken))
    return given


def name_of(shape: Shape) -> str:
    """What a figure is called among all of a run: "mult_adds-measured", "map-accuracy"."""
    if isinstance(shape, Figure):
        return f"{shape.name}-{shape.source}"
    return f"map-{shape.name}" if isinstance(shape, HeatMap) else shape.name


def _draw(
    files: Sequence[Path], plots: Sequence[dict[str, Any]], scale: float, chromium: Path
) -> None:
    """Has kaleido draw each plot to its file, as plotly's own `write_images` does. That one would
    have the browser fetch MathJax, and finds no browser of Playwright's. It all happens on a thread
    of kaleido's own, because the caller may run an event loop.
    """
    try:
        import kaleido
        from choreographer.errors import ChannelClosedError
    except RuntimeError as error:  # it wants a home folder when it is imported
        raise ExportError(f"kaleido: {error}") from None
    from kaleido.errors import BrowserClosedError, BrowserFailedError, JavascriptError, KaleidoError

    # Its own words to standard error about a browser that fails; ours say it once.
    logging.getLogger("choreographer").addHandler(logging.NullHandler())
    orders = [
        {
            "fig": plot,
            "path": file,
            "opts": {"format": file.suffix[1:], "scale": scale if file.suffix == ".png" else 1},
        }
        for file, plot in zip(files, plots, strict=True)
    ]
    how = {
        "path": chromium,
        "timeout": TIMEOUT_S,
        "mathjax": False,
        "enable_sandbox": browser.sandboxed(),
    }
    try:
        _within(
            TIMEOUT_S + FILE_S * len(orders),
            lambda: kaleido.write_fig_from_object_sync(orders, kopts=how, cancel_on_error=True),
        )
    except (
        BrowserClosedError,
        BrowserFailedError,
        ChannelClosedError,
        JavascriptError,
        KaleidoError,
        TimeoutError,
    ) as error:
        said = str(error.args[0]).partition("\n")[0] if error.args else "it does not answer"
        raise ExportError(f"{chromium} could not draw the figures: {said}") from error


def _within(seconds: float, draw: Callable[[], object]) -> None:
    """Raises TimeoutError once it takes longer: kaleido limits the time of a figure, but waits for
    ever where a browser never answers when it starts or ends. The thread that waits is left behind.
    """
    ended: Future[object] = Future()

    def run() -> None:
        try:
            ended.set_result(draw())
        except BaseException as error:  # noqa: BLE001 - told where the result is asked for
            ended.set_exception(error)

    Thread(target=run, daemon=True, name="drawing").start()
    ended.result(seconds)
