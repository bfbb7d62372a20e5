"""A view, or several runs together -> one HTML file that opens offline. What is shown was
settled in the view.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sweep.host.files import replace_file
from sweep.report.page import curve_paths, overlay_plot, scatter_plot, style
from sweep.report.page.between import predicted
from sweep.report.page.explorer import chosen, explored
from sweep.report.values import units
from sweep.report.values.together import Together
from sweep.report.values.view import View


def write(view: View | Together, path: Path) -> None:
    """Writes the page whole: a reader sees the old file or the new one."""
    text = render_together(view) if isinstance(view, Together) else render(view)
    # JSON from elsewhere can have halves of characters, which no encoding has.
    page = text.encode("utf-8", "backslashreplace")
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, lambda file: file.write(page))


def render(view: View) -> str:
    """The page: plotly.js once, the figures as JSON, all else as text that needs no script."""
    return _rendered(
        "page.html.jinja",
        ("page.js", "between.js", "explorer.js"),
        view=view,
        plots=_plots(view),
        chosen=chosen(view),
        explored=explored(view),
        predicted=predicted(view),
    )


def render_together(together: Together) -> str:
    """The page of several runs side by side."""
    opened = next((each for each in together.overlays if each.series), together.overlays[0])
    return _rendered(
        "together.html.jinja",
        ("page.js", "together.js"),
        together=together,
        opened=opened,
        plots={},
        looks=overlay_plot.looks(together),
        overlays=overlay_plot.plots(together),
    )


def _rendered(template: str, names: tuple[str, ...], **values: Any) -> str:
    scripts = (_plotly_js(), *map(_own, names))
    return (
        _environment()
        .get_template(template)
        .render(
            template=style.TEMPLATE,
            # Our own files, and plotly's: the only texts that go in unescaped.
            scripts=scripts,
            # And the only ones that a browser runs, whatever else might come to stand in the page.
            allowed=" ".join(map(_source, scripts)),
            page_css=_own("page.css"),
            **values,
        )
    )


def _plots(view: View) -> dict[str, dict[str, Any]]:
    """The figures that show the same whatever is asked, by the name of their place."""
    return {
        f"trend-{each.name}": scatter_plot.plot(each, view.key)
        for each in view.trends
        if not each.absent
    }


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("sweep.report.page", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["units"] = units
    environment.globals["curves"] = curve_paths
    return environment


@cache
def _source(script: str) -> str:
    """A script as Content-Security-Policy names it: by the hash of its text."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


@cache
def _plotly_js() -> Markup:
    # As plotly.offline.get_plotlyjs reads it, without the seconds that its imports take. Line ends
    # are made those that a browser makes of them: a script's hash is of its text as it is parsed.
    return Markup(files("plotly.package_data").joinpath("plotly.min.js").read_text("utf-8"))  # noqa: S704


def _own(name: str) -> Markup:
    return Markup(files("sweep.report.page").joinpath(name).read_text(encoding="utf-8"))  # noqa: S704
