"""`python -m sweep evaluate`: what a trained checkpoint gets right."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from sweep.cli.console import err, say, tell, write_json
from sweep.host.allocator import keep_freed_memory
from sweep.host.interrupts import ends_at_once
from sweep.settings.config import SettingsError
from sweep.settings.registry import find

if TYPE_CHECKING:
    from sweep.maths.statistics import Interval
    from sweep.running.evaluate import Evaluation


def evaluate(
    checkpoint: Annotated[
        Path,
        typer.Option(help="Keras (.h5, .keras), TFLite, timm's safetensors, or our own folder."),
    ],
    data: Annotated[
        Path,
        typer.Option(
            help="A folder of class folders, or one with val/ or test/; Parquet; an .npz."
        ),
    ],
    classes: Annotated[
        Path | None,
        typer.Option(help="The classes in the order of the network's outputs: .tsv or .txt."),
    ] = None,
    background: Annotated[
        bool,
        typer.Option("--background", help="The network's first output is none of the classes."),
    ] = False,
    alpha: Annotated[
        float | None, typer.Option(help="Width multiplier; default: the file's own.")
    ] = None,
    resolution: Annotated[
        int | None, typer.Option(help="Side of the input in pixels; default: the file's own.")
    ] = None,
    crop: Annotated[
        float, typer.Option(help="Share of each side that is shown, from the middle, 0 to 1.")
    ] = 0.875,
    images: Annotated[int, typer.Option(help="Only so many images, drawn at random; 0: all.")] = 0,
    skip_bad_images: Annotated[
        bool, typer.Option("--skip-bad-images", help="Leave out images that can't be read.")
    ] = False,
    workers: Annotated[int, typer.Option(help="Decoding processes; 0: one a core.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Top-1 and top-5 of a trained checkpoint on your images, each counted once."""
    keep_freed_memory()
    with ends_at_once():
        from sweep.host.machine import jax_device

        jax_device()
        from sweep.running.evaluate import evaluate_checkpoint, image_source

        family = find("family", "mobilenet_v1")()
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        TimeRemainingColumn(compact=True),
        console=err,
        disable=not err.is_terminal,
        transient=True,
    )
    _log_to_standard_error()
    with bar:
        task = bar.add_task("loading", total=1.0)
        try:
            source = image_source(
                data,
                classes,
                test_crop=crop,
                test_images=images,
                bad_images="skip" if skip_bad_images else "stop",
                workers=workers,
            )
            found = evaluate_checkpoint(
                family,
                checkpoint,
                source,
                alpha=alpha,
                resolution=resolution,
                background=background,
                progress=lambda share, text: bar.update(task, completed=share, description=text),
            )
        except ValueError as error:
            raise SettingsError(str(error)) from None
    if as_json:
        write_json(_plain(found, checkpoint, data))
    else:
        tell(_words(found, checkpoint, data))


def _log_to_standard_error() -> None:
    """Names of files stand in what is logged, such as those of images that can't be read."""

    class Visible(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            say(record.getMessage())

    logging.basicConfig(handlers=[Visible()], level=logging.WARNING, force=True)


def _plain(found: Evaluation, checkpoint: Path, data: Path) -> dict[str, Any]:
    return {
        "checkpoint": str(checkpoint),
        "data": str(data),
        "alpha": found.alpha,
        "resolution": found.resolution,
        "n": found.images,
        "top1": found.top1,
        "top1_low": found.top1_interval.low,
        "top1_high": found.top1_interval.high,
        "top5": found.top5,
        "top5_low": found.top5_interval and found.top5_interval.low,
        "top5_high": found.top5_interval and found.top5_interval.high,
        "left_out": found.left_out,
        "notes": list(found.notes),
    }


def _words(found: Evaluation, checkpoint: Path, data: Path) -> str:
    def line(title: str, share: float, interval: Interval) -> str:
        percent = (100 * each for each in (share, interval.low, interval.high))
        return "{}  {:.1f} %  ({:.1f} to {:.1f})".format(title, *percent)

    lines = [
        f"{checkpoint}: alpha {found.alpha:g}, {found.resolution} px",
        f"{data}: {found.images} images"
        + (f", {found.left_out} left out: they could not be read" if found.left_out else ""),
        line("top-1", found.top1, found.top1_interval),
    ]
    if found.top5 is not None and found.top5_interval is not None:
        lines.append(line("top-5", found.top5, found.top5_interval))
    else:
        lines.append("top-5  none: of so few classes, five guesses are always right")
    lines += [f"note: {note}" for note in found.notes]
    return "\n".join(lines)
