"""The report's figures as SVG and PNG files for a paper.

Drawn by plotly.js in a Chromium that is there (kaleido drives it); nothing is fetched.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sweep.report.print import browser
from sweep.report.print.ink import Shape, on_paper
from sweep.report.values.figures import Figure, HeatMap
from sweep.report.values.view import View

WIDTH = 640
TIMEOUT_S = 90.0  # for one figure, on a slow machine
_LONGEST_STEM = 80

Format = Literal["svg", "png"]


class ExportError(RuntimeError):
    """Figures can't be drawn here; the message says why, and what to install where that helps."""


@dataclass(frozen=True)
class _Job:
    """One file: a figure as plotly takes it, and how it is to be written."""

    path: Path
    plot: dict[str, Any]
    options: Any  # kaleido's own names: format, scale, width, height


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
    from sweep.results.store import replace_file

    drawn = [each for each in (*view.figures, *view.heat_maps, *view.trends) if not each.absent]
    if not drawn:
        return []
    chromium = _chromium()
    jobs = []
    for stem, shape in zip(stems(drawn), drawn, strict=True):
        plot = on_paper(shape, view.key, width)
        for each in dict.fromkeys(formats):
            size = {name: plot["layout"][name] for name in ("width", "height")}
            options = {"format": each, "scale": scale if each == "png" else 1, **size}
            jobs.append(_Job(folder / f"{stem}.{each}", plot, options))
    folder.mkdir(parents=True, exist_ok=True)
    images = _draw(jobs, chromium)
    for job, image in zip(jobs, images, strict=True):
        replace_file(job.path, lambda file, image=image: file.write(image))
    return [job.path for job in jobs]


def stems(shapes: Sequence[Shape]) -> list[str]:
    """A file name for each figure, without its ending: that of a frontier has the source of its
    accuracies too, as in "mult_adds-measured". All differ, also where upper and lower case are the
    same to the disk.

    Names come from data: what is no letter, digit or _ becomes a -.
    """
    given: list[str] = []
    for shape in shapes:
        stem = re.sub(r"[^A-Za-z0-9_]+", "-", _name(shape)).strip("-")[:_LONGEST_STEM] or "figure"
        numbered = [stem, *(f"{stem}-{number}" for number in range(2, len(shapes) + 1))]
        taken = {each.lower() for each in given}
        given.append(next(each for each in numbered if each.lower() not in taken))
    return given


def _name(shape: Shape) -> str:
    if isinstance(shape, Figure):
        return f"{shape.name}-{shape.source}"
    return f"map-{shape.name}" if isinstance(shape, HeatMap) else shape.name


def _chromium() -> Path:
    try:
        return browser.find()
    except browser.NoBrowserError as error:
        raise ExportError(str(error)) from None


def _draw(jobs: Sequence[_Job], chromium: Path) -> list[bytes]:
    """The files' contents, in order. Where the caller runs an event loop, on another thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(_in_browser(jobs, chromium))
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, _in_browser(jobs, chromium)).result()


async def _in_browser(jobs: Sequence[_Job], chromium: Path) -> list[bytes]:
    try:
        import kaleido
        from choreographer.errors import ChannelClosedError
    except RuntimeError as error:  # it wants a home folder when it is imported
        raise ExportError(f"kaleido: {error}") from None
    from kaleido.errors import BrowserClosedError, BrowserFailedError, JavascriptError, KaleidoError

    # Its own words to standard error about a browser that fails; ours say it once.
    logging.getLogger("choreographer").addHandler(logging.NullHandler())
    try:
        async with kaleido.Kaleido(
            path=chromium,
            timeout=TIMEOUT_S,
            mathjax=False,  # it would be fetched
            enable_sandbox=browser.sandboxed(),
        ) as tab:
            return [await tab.calc_fig(job.plot, opts=job.options) for job in jobs]
    except (
        BrowserClosedError,
        BrowserFailedError,
        ChannelClosedError,
        JavascriptError,
        KaleidoError,
        TimeoutError,
    ) as error:
        said = str(error.args[0]).partition("\n")[0] if error.args else type(error).__name__
        raise ExportError(f"{chromium} could not draw the figures: {said}") from error
