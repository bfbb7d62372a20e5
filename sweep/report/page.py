"""A view -> one HTML file that opens offline. Ink only: what is shown was settled in the view."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from sweep.report import units
from sweep.report.ink import SYMBOLS, colours, plot, symbols
from sweep.report.shown import Key, View
from sweep.types import alpha_text


def write(view: View, path: Path) -> None:
    """Writes the page whole: a reader sees the old file or the new one."""
    from sweep.store import replace_file

    page = render(view).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, lambda file: file.write(page))


def render(view: View) -> str:
    """The page: plotly.js once, the figures as JSON, all else as text that needs no script."""
    return (
        _environment()
        .get_template("page.html.jinja")
        .render(
            view=view,
            plots={figure.name: plot(figure, view.key) for figure in view.figures if figure.marks},
            key=_key(view.key),
            # Our own files, and plotly's: the only texts that go in unescaped.
            plotly_js=Markup(get_plotlyjs()),  # noqa: S704
            page_js=_own("page.js"),
            page_css=_own("page.css"),
        )
    )


def _key(key: Key) -> dict[str, list[tuple[str, str]]]:
    """The legend: (resolution, colour) and (alpha, outline of its symbol)."""
    outline = symbols(key)
    return {
        "resolutions": [(f"{size} px", colour) for size, colour in colours(key).items()],
        "alphas": [(alpha_text(alpha), SYMBOLS[outline[alpha]]) for alpha in key.alphas],
    }


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("sweep.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["units"] = units
    return environment


def _own(name: str) -> Markup:
    return Markup(files("sweep.report").joinpath(name).read_text(encoding="utf-8"))  # noqa: S704
