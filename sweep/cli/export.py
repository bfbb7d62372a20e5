"""`python -m sweep export`: a network as a file for the runtime that ships it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sweep.cli.console import progress_bar, tell
from sweep.host.allocator import keep_freed_memory
from sweep.host.interrupts import ends_at_once
from sweep.report.values.units import prefixed
from sweep.settings.config import SettingsError

if TYPE_CHECKING:
    from sweep.running.exporting import Chosen

SUFFIXES = (".onnx", ".tflite")


def export(
    network: Annotated[
        str,
        typer.Argument(
            help="A checkpoint, also one in networks/ of a results folder; a results folder, whose "
            "network of --alpha and --resolution is meant; or: random, for timing alone."
        ),
    ],
    to: Annotated[Path, typer.Option("--to", help="The new file: model.onnx or model.tflite.")],
    alpha: Annotated[
        float | None, typer.Option(help="Width multiplier; of a checkpoint, default: its own.")
    ] = None,
    resolution: Annotated[
        int | None,
        typer.Option(
            help="Side of the input in pixels; of a checkpoint, default: that it was trained at."
        ),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(help="Of a results folder's: separable, shallow or standard."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of a results folder's: which replicate; default: the first.")
    ] = None,
    int8: Annotated[
        bool,
        typer.Option(
            "--int8", help="Weights and activations of 8 bits, by ranges that images show."
        ),
    ] = False,
    calibrate: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="With --int8: images of the kind that the network was trained on (class folders, "
            "Parquet, .npz); default, of a run's network: those that it was trained on.",
        ),
    ] = None,
    calibration_images: Annotated[
        int, typer.Option(min=1, max=100_000, help="How many of them.")
    ] = 200,
) -> None:
    """Write a network as ONNX or TFLite, float32 or int8, batch norm folded."""
    _check(to, network, int8=int8, calibrate=calibrate)
    keep_freed_memory()
    with ends_at_once():
        from sweep.running import exporting
    try:
        with progress_bar() as progress:
            chosen = exporting.chosen(
                network,
                alpha=alpha,
                resolution=resolution,
                kind=kind,
                seed=seed,
                progress=progress,
            )
            shown = None
            if int8:
                shown = exporting.calibration_images(
                    chosen, calibrate, calibration_images, progress
                )
            checked = exporting.export(chosen, to, int8=shown)
    except ValueError as error:
        raise SettingsError(str(error)) from None
    tell(_words(chosen, to, int8=int8))
    tell(checked)


def _check(to: Path, network: str, *, int8: bool, calibrate: Path | None) -> None:
    """Raises SettingsError, also for what this command was until it wrote networks."""
    if to.suffix not in SUFFIXES:
        figures = f"; the figures of a report: python -m sweep figures {network} --to {to}"
        raise SettingsError(
            f"--to {to}: must end in {' or '.join(SUFFIXES)}"
            + (figures if Path(network).is_dir() else "")
        )
    if to.exists():
        raise SettingsError(f"--to {to}: is there already")
    if not to.absolute().parent.is_dir():
        raise SettingsError(f"--to {to}: there is no folder {to.absolute().parent}")
    if calibrate and not int8:
        raise SettingsError("--calibrate: goes together with --int8")


def _words(chosen: Chosen, to: Path, *, int8: bool) -> str:
    trained = chosen.trained
    precision, size = "int8" if int8 else "float32", prefixed(to.stat().st_size, "B")
    told = (
        f"{to}: alpha {trained.alpha:g}, {trained.resolution} px, {trained.num_classes} outputs, "
        f"{precision}, {size}"
    )
    return "\n".join([told, *(f"note: {note}" for note in trained.notes)])
