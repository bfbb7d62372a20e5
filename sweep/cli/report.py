"""The commands that read what a run has left: report, show, compare, pick and diff.

None imports JAX or PyTorch. All texts from data are made printable before a terminal sees them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from sweep.cli.console import out, write_json
from sweep.settings.config import SettingsError

if TYPE_CHECKING:
    from sweep.results.store import Results

Folder = Annotated[Path, typer.Argument(help="A results folder, such as results/default.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")]

NOTHING_FITS = 1
OUTSIDE = 1


def report(folder: Folder, as_json: AsJson = False) -> None:
    """Draw report.html again, from what is stored alone; and points.parquet where it is not as the
    readings are.
    """
    from sweep.cli import json_answers
    from sweep.report.content.build import view
    from sweep.report.page.page import write
    from sweep.report.values.printable import visible
    from sweep.results.repair import renew_points

    results = _results(folder)
    if renew_points(folder):
        results = _results(folder)
    whole = view(results)
    page = folder / "report.html"
    write(whole, page)
    if as_json:
        write_json(json_answers.report(whole, page))
    else:
        out.print(Text(f"report: {visible(str(page))}"), soft_wrap=True)


def show(folder: Folder, as_json: AsJson = False) -> None:
    """Every point with intervals and frontier marks, and what is missing and why."""
    from sweep.cli import json_answers
    from sweep.report.content.build import view
    from sweep.report.terminal import answers
    from sweep.report.values.printable import printable

    results = _results(folder)
    whole = view(results)
    if as_json:
        write_json(json_answers.points(results, whole))
    else:
        out.print(answers.points(printable(whole)))


def compare(folder: Folder, as_json: AsJson = False) -> None:
    """The paper's tables beside this run; exits 1 where a cost is out of tolerance."""
    from sweep.cli import json_answers
    from sweep.report.content.build import view
    from sweep.report.terminal import answers
    from sweep.report.values.printable import printable

    whole = view(_results(folder))
    if as_json:
        write_json(json_answers.comparison(whole))
    else:
        out.print(answers.comparison(printable(whole)))
    if whole.outside:
        raise typer.Exit(OUTSIDE)


def pick(
    folder: Folder,
    max_latency: Annotated[
        str | None, typer.Option(metavar="TIME", help="Such as 5ms, 800us or 0.01s.")
    ] = None,
    max_params: Annotated[
        str | None, typer.Option(metavar="COUNT", help="Trainable parameters, such as 2M.")
    ] = None,
    max_mult_adds: Annotated[
        str | None, typer.Option(metavar="COUNT", help="Such as 150M or 569e6.")
    ] = None,
    max_memory: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Peak memory, such as 20MB or 20MiB.")
    ] = None,
    maximum: Annotated[
        list[str] | None,
        typer.Option(
            "--max",
            metavar="METRIC=VALUE",
            help="Any metric that is better lower, also of a measure of yours: energy_j=5mJ, "
            "weight_bytes=4MB. May be given several times.",
        ),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(help="Batch size that readings are of; by default the first that was timed."),
    ] = None,
    accuracy: Annotated[
        str,
        typer.Option(
            metavar="SOURCE",
            help="What ranks the points: measured (by this run), tfslim (published, June 2017) or "
            "paper (printed in it).",
        ),
    ] = "measured",
    as_json: AsJson = False,
) -> None:
    """The best point within a budget and the runner-up; exits 1 where nothing fits, or nothing that
    fits is better than chance.
    """
    from sweep.cli import json_answers
    from sweep.cli.budget import offered, stated
    from sweep.report.content.axes import quantities
    from sweep.report.content.bearing import bearing
    from sweep.report.content.bearing import cautions as all_cautions
    from sweep.report.content.budget import pick as pick_from
    from sweep.report.content.candidates import candidates
    from sweep.report.terminal import answers
    from sweep.report.values.printable import printable, visible

    named = {
        "--max-latency": max_latency,
        "--max-params": max_params,
        "--max-mult-adds": max_mult_adds,
        "--max-memory": max_memory,
    }
    results = _results(folder)
    costs = offered(quantities(results.points, results.readings), batch)
    budget = stated(named, maximum or [], costs)
    called = _called(accuracy, results)
    picked = pick_from(candidates(results.points, costs), budget, accuracy)
    cautions = bearing(all_cautions(results), picked)
    if as_json:
        write_json(json_answers.picked(picked, called, cautions, costs))
    else:
        told = printable(tuple(each for each in costs if each.is_axis))
        said = [*map(visible, cautions)]
        out.print(answers.picked(printable(picked), visible(called), said, told))
    if picked.best is None:
        raise typer.Exit(NOTHING_FITS)


def diff(
    before: Annotated[Path, typer.Argument(help="A results folder.", metavar="A")],
    after: Annotated[Path, typer.Argument(help="Another one.", metavar="B")],
    as_json: AsJson = False,
) -> None:
    """Two runs side by side: points gained, lost, and moved beyond their intervals."""
    from sweep.cli import json_answers
    from sweep.report.content.difference import difference
    from sweep.report.content.difference_words import cautions
    from sweep.report.terminal import answers
    from sweep.report.values.printable import printable

    differing = difference(_results(before), _results(after))
    if as_json:
        write_json(json_answers.difference(differing, cautions(differing)))
    else:
        out.print(answers.difference(printable(differing)))


def _called(source: str, results: Results) -> str:
    """The accuracies inside a sentence. Raises SettingsError for a source that there isn't."""
    from sweep.metrics import TOP1
    from sweep.report.content.candidates import CALLED
    from sweep.report.content.figures import MEASURED

    if source not in CALLED:
        raise SettingsError(f'--accuracy = "{source}": must be one of {", ".join(CALLED)}')
    points = results.points
    datasets = (
        dict.fromkeys(points.loc[points[TOP1.name].notna(), "dataset"]) if len(points) else {}
    )
    of = f" on {', '.join(map(str, datasets))}" if source == MEASURED and datasets else ""
    return f"accuracy {CALLED[source]}{of}"


def _results(folder: Path) -> Results:
    """A results folder with its points derived anew."""
    from sweep.results.points import with_points
    from sweep.results.store import load

    return with_points(load(folder))
