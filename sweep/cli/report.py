"""The commands that read what a run has left: report, show, compare, pick and diff.

None imports JAX or PyTorch. All texts from data are made printable before a terminal sees them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from sweep.cli.console import out, write_json
from sweep.settings import quantities
from sweep.settings.config import SettingsError

if TYPE_CHECKING:
    from sweep.report.content.budget import Budget
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
    batch: Annotated[int, typer.Option(help="Batch size that latency and peak memory are of.")] = 1,
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
    from sweep.report.content.bearing import bearing
    from sweep.report.content.bearing import cautions as all_cautions
    from sweep.report.content.budget import pick as pick_from
    from sweep.report.content.candidates import candidates
    from sweep.report.terminal import answers
    from sweep.report.values.printable import printable, visible

    budget = _budget(max_latency, max_params, max_mult_adds, max_memory, batch)
    results = _results(folder)
    _check_batch(results, budget)
    called = _called(accuracy, results)
    picked = pick_from(candidates(results.points, batch=batch), budget, accuracy)
    cautions = bearing(all_cautions(results), picked)
    if as_json:
        write_json(json_answers.picked(picked, called, cautions))
    else:
        out.print(answers.picked(printable(picked), visible(called), [*map(visible, cautions)]))
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


def _budget(
    latency: str | None, params: str | None, mult_adds: str | None, memory: str | None, batch: int
) -> Budget:
    """Raises SettingsError naming the option whose text is wrong."""
    from sweep.report.content.budget import Budget

    def limit(option: str, text: str | None, parse: Callable[[str], float]) -> float | None:
        try:
            return None if text is None else parse(text)
        except ValueError as error:
            raise SettingsError(f'{option} = "{text}": {error}') from None

    return Budget(
        latency_s=limit("--max-latency", latency, quantities.seconds),
        params=limit("--max-params", params, quantities.count),
        mult_adds=limit("--max-mult-adds", mult_adds, quantities.count),
        peak_memory_bytes=limit("--max-memory", memory, quantities.size),
        batch=batch,
    )


def _check_batch(results: Results, budget: Budget) -> None:
    """Raises SettingsError for a batch size that this run did not time while it did others."""
    from sweep.report.content.axes import batches
    from sweep.types import listed

    timed = batches(results.points) if len(results.points) else {1: ""}
    if budget.batch not in timed:
        sizes = listed([str(size) for size in timed])
        raise SettingsError(f"--batch = {budget.batch}: this run timed batch {sizes}")


def _called(source: str, results: Results) -> str:
    """The accuracies inside a sentence. Raises SettingsError for a source that there isn't."""
    from sweep.report.content.candidates import CALLED, MEASURED

    if source not in CALLED:
        raise SettingsError(f'--accuracy = "{source}": must be one of {", ".join(CALLED)}')
    points = results.points
    datasets = dict.fromkeys(points.loc[points["top1"].notna(), "dataset"]) if len(points) else {}
    of = f" on {', '.join(map(str, datasets))}" if source == MEASURED and datasets else ""
    return f"accuracy {CALLED[source]}{of}"


def _results(folder: Path) -> Results:
    """A results folder with its points derived anew."""
    from sweep.results.points import with_points
    from sweep.results.store import load

    return with_points(load(folder))
