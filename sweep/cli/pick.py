"""`python -m sweep pick`: the best point within a budget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sweep.cli.console import out, tell, write_json
from sweep.cli.options import AsJson, Folder, read_results
from sweep.settings.config import SettingsError

if TYPE_CHECKING:
    from sweep.results.load import Results

NOTHING_FITS = 1


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
    device: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="Whose latency --max-latency limits, where there are several."
        ),
    ] = "",
    p95: Annotated[
        bool,
        typer.Option(
            "--p95",
            help="Hold the limit on latency against the 95th percentile of its samples, in place "
            "of their median.",
        ),
    ] = False,
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
    from sweep.cli.budget import at_percentile, latency_of, offered, over_at_p95, stated
    from sweep.report.content.axes import quantities
    from sweep.report.content.bearing import bearing, outside
    from sweep.report.content.bearing import cautions as all_cautions
    from sweep.report.content.budget import pick as pick_from
    from sweep.report.content.candidates import candidates
    from sweep.report.content.cautions import not_yet
    from sweep.report.content.evidence import evidence_of
    from sweep.report.content.figures import MEASURED
    from sweep.report.content.point_rows import kept_networks
    from sweep.report.terminal import answers
    from sweep.results.writing import NETWORKS

    named = {
        "--max-latency": max_latency,
        "--max-params": max_params,
        "--max-mult-adds": max_mult_adds,
        "--max-memory": max_memory,
    }
    results = read_results(folder)
    costs = offered(quantities(results), batch)
    latency = latency_of(device, results)
    tail = at_percentile(costs, results, latency) if p95 else None
    costs = (*costs, tail) if tail else costs
    budget = stated(named, maximum or [], costs, latency)
    if tail and tail not in [each.of for each in budget.limits]:
        raise SettingsError(
            "--p95: says what a limit on latency is held against: --max-latency TIME"
        )
    called = _called(accuracy, results)
    picked = pick_from(candidates(results.points, costs), budget, accuracy, evidence_of(results))
    told = *bearing(all_cautions(results), picked), *over_at_p95(results, picked)
    told = *told, *outside(results), *not_yet(results)
    best = picked.best
    names = kept_networks(results.readings, best.label) if best else ()
    paths = [folder / NETWORKS / name for name in names if accuracy == MEASURED]
    files = [str(path) for path in paths if path.is_file()]
    if as_json:
        write_json(json_answers.picked(picked, called, told, costs) | {"networks": files})
    else:
        axes = tuple(each for each in costs if each.is_axis)
        out.print(answers.picked(picked, called, told, axes))
        if files:
            tell(f"Trained: {', '.join(files)}")
            tell("On other images: python -m sweep evaluate --checkpoint FILE --data DIR")
        elif paths:
            tell(f"The networks that were trained are not in {folder / NETWORKS}.")
    if picked.best is None:
        raise typer.Exit(NOTHING_FITS)


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
