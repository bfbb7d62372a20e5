"""`python -m sweep pick`: the best point within a budget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from sweep.cli.console import say
from sweep.cli.options import AsJson, Folder, read_results
from sweep.host.allocator import keep_freed_memory
from sweep.settings.config import SettingsError

if TYPE_CHECKING:
    from sweep.report.content.between import Guess
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
    between: Annotated[
        bool,
        typer.Option(
            "--between",
            help="Predict the best network between the measured points, too: their latencies, "
            "accuracies and exact counts, each with what it may be off by.",
        ),
    ] = False,
    alpha_step: Annotated[
        str | None,
        typer.Option(
            metavar="STEP",
            help="With --between: alphas that are looked at, such as 1/64 or 0.05; 1/128 is 8 "
            "channels of MobileNet's widest layer.  [default: 1/64]",
        ),
    ] = None,
    resolution_step: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="PIXELS", help="Likewise resolutions, such as 8.  [default: 32]"
        ),
    ] = None,
    sure: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Likewise, the chance with which the budget is to be kept.  [default: 0.9]",
        ),
    ] = None,
    measure: Annotated[
        bool,
        typer.Option(
            "--measure",
            help="With --between: measure the best three that are predicted, too, as the run was, "
            "and answer again.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """The best point within a budget and the runner-up; exits 1 where nothing fits, or nothing that
    fits is better than chance.
    """
    from sweep.cli.question import Question, answered, steps_of, tell_answer

    asked = Question(
        limits={
            "--max-latency": max_latency,
            "--max-params": max_params,
            "--max-mult-adds": max_mult_adds,
            "--max-memory": max_memory,
        },
        more=maximum or [],
        batch=batch,
        device=device,
        runtime=runtime,
        precision=precision,
        threads=threads,
        p95=p95,
        accuracy=accuracy,
        steps=steps_of(alpha_step, resolution_step, sure, asked=between),
    )
    if measure and (as_json or not between):
        raise SettingsError("--measure: goes together with --between, and not with --json")
    if measure:
        keep_freed_memory()
    results = read_results(folder)
    answer = answered(asked, results)
    tell_answer(answer, results, as_json=as_json)
    if measure and answer.guessed and answer.guessed.guesses:
        results = _measured_too(results, answer.guessed.guesses)
        answer = answered(asked, results)
        tell_answer(answer, results)
    if answer.picked.best is None:
        raise typer.Exit(NOTHING_FITS)


def _measured_too(results: Results, guesses: Sequence[Guess]) -> Results:
    from sweep.cli.exploring import measured_too
    from sweep.host.compile_cache import default_root, enable

    if without := enable(default_root()):
        say(without)
    return measured_too(results, [(each.alpha, each.resolution) for each in guesses])
