"""`python -m sweep pick`: the best point within a budget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sweep.cli.console import out, tell, write_json
from sweep.cli.options import AsJson, Folder, read_results
from sweep.settings.config import SettingsError

if TYPE_CHECKING:
    from sweep.results.deployments import Deployed
    from sweep.results.load import Results
    from sweep.types import Metric

NOTHING_FITS = 1
INT8 = "int8"


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
    runtime: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="Likewise, by which runtime: xla, onnxruntime, litert, openvino."
        ),
    ] = "",
    precision: Annotated[
        str,
        typer.Option(
            metavar="TYPE",
            help="Likewise, in which numbers: float32, int8; points are ranked by their accuracy "
            "in int8 then, where the run has counted it.",
        ),
    ] = "",
    threads: Annotated[
        int | None,
        typer.Option(metavar="COUNT", help="Likewise, on how many threads; 0 for every core."),
    ] = None,
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
            help="What ranks the points: measured (by this run), int8-litert (by this run, of the "
            "int8 file, by that runtime), tfslim (published, June 2017) or paper (printed in it); "
            "by default measured, or as --precision says.",
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """The best point within a budget and the runner-up; exits 1 where nothing fits, or nothing that
    fits is better than chance.
    """
    from sweep.cli import json_answers
    from sweep.cli.budget import at_percentile, deployed, latency_of, offered, over_at_p95, stated
    from sweep.metrics import LATENCY
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
    executed = deployed(runtime, precision, threads, results)
    latency = latency_of(device, results, executed.metric if executed else LATENCY)
    accuracy, caution = _ranked_by(accuracy, executed, results)
    tail = at_percentile(costs, results, latency) if p95 else None
    costs = (*costs, tail) if tail else costs
    budget = stated(named, maximum or [], costs, latency)
    if tail and tail not in [each.of for each in budget.limits]:
        raise SettingsError(
            "--p95: says what a limit on latency is held against: --max-latency TIME"
        )
    called = _called(accuracy, results)
    evidence = evidence_of(results, _metric(accuracy))
    picked = pick_from(candidates(results.points, costs), budget, accuracy, evidence)
    told = *bearing(all_cautions(results), picked), *over_at_p95(results, picked)
    told = *caution, *told, *outside(results), *not_yet(results)
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


def _ranked_by(
    asked: str, executed: Deployed | None, results: Results
) -> tuple[str, tuple[str, ...]]:
    """The accuracies that rank the points, by their source's name; and what to know of them."""
    from sweep.report.content.figures import MEASURED, int8_source

    if asked or executed is None or executed.deployment.precision != INT8:
        return asked or MEASURED, ()
    name = int8_source(executed.deployment.runtime)
    if name in _sources(results):
        return name, ()
    return MEASURED, (
        "Latencies are in int8, and accuracies in float32: this run has not counted what int8 "
        f'leaves by {executed.deployment.runtime} (measures = [.., "int8"], int8.runtimes = '
        f'[.., "{executed.deployment.runtime}"]).',
    )


def _metric(source: str) -> Metric:
    """Of accuracies that the run has measured."""
    from sweep.metrics import TOP1, in_int8
    from sweep.report.content.figures import INT8 as OF_INT8

    return in_int8(source.removeprefix(OF_INT8)) if source.startswith(OF_INT8) else TOP1


def _sources(results: Results) -> dict[str, str]:
    """What the accuracies of each source are called in a sentence, by the source's name."""
    from sweep.report.content.candidates import CALLED
    from sweep.report.content.figures import sources

    rows = results.points.to_dict(orient="records")
    own = {each.name: each.called for each in sources(rows) if each.called} if rows else {}
    return CALLED | own


def _called(source: str, results: Results) -> str:
    """The accuracies inside a sentence. Raises SettingsError for a source that there isn't."""
    from sweep.metrics import TOP1
    from sweep.report.content.figures import of_the_run

    called = _sources(results)
    if source not in called:
        raise SettingsError(f'--accuracy = "{source}": must be one of {", ".join(called)}')
    points = results.points
    datasets = (
        dict.fromkeys(points.loc[points[TOP1.name].notna(), "dataset"]) if len(points) else {}
    )
    own = of_the_run(source) and datasets
    of = f" on {', '.join(map(str, datasets))}" if own else ""
    return f"accuracy {called[source]}{of}"
