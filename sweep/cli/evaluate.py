"""`python -m sweep evaluate`: what a trained checkpoint gets right."""

from __future__ import annotations

import logging
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sweep.cli.console import progress_bar, say, tell, write_json
from sweep.cli.options import AsJson
from sweep.host.allocator import keep_freed_memory
from sweep.host.interrupts import ends_at_once
from sweep.report.values import units
from sweep.settings.config import SettingsError
from sweep.settings.registry import find
from sweep.types import listed

if TYPE_CHECKING:
    from sweep.maths.statistics import Interval
    from sweep.running.evaluate import Evaluation, ImageSource


def evaluate(
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="Keras (.h5, .keras), TFLite, ONNX, safetensors of timm or our own."),
    ] = None,
    shared: Annotated[
        Path | None,
        typer.Option(
            help="In place of --checkpoint: the results folder of a shared training, out of which "
            "the network of --alpha and --resolution is cut, and evaluated as that run does."
        ),
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(help="With --shared: writes that network into this new .safetensors file."),
    ] = None,
    kind: Annotated[
        str | None, typer.Option(help="With --shared: which, where it has several.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="With --shared: which replicate; default: the first.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="A folder of class folders, or one with val/ or test/; Parquet; an .npz."
        ),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(
            help="In place of --data: a results folder, whose test images and settings are taken."
        ),
    ] = None,
    classes: Annotated[
        Path | None,
        typer.Option(help="The classes in the order of the network's outputs: .tsv or .txt."),
    ] = None,
    background: Annotated[
        bool,
        typer.Option("--background", help="The network's first output is none of the classes."),
    ] = False,
    split: Annotated[
        str, typer.Option(metavar="validation|test", help="Which; default: validation before test.")
    ] = "",
    image_column: Annotated[str, typer.Option(help="Of Parquet, where several could be.")] = "",
    label_column: Annotated[str, typer.Option(help="Of Parquet, where several could be.")] = "",
    image_key: Annotated[str, typer.Option(help="Of an .npz: the array of images.")] = "",
    label_key: Annotated[str, typer.Option(help="Of an .npz: the array of labels.")] = "",
    input_range: Annotated[
        str,
        typer.Option(
            metavar="LOW,HIGH",
            help="Of the images that the network takes, where its file does not say; default: "
            "-1,1. 0,1 and 0,255 are usual, too.",
        ),
    ] = "",
    runtime: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="What executes the file: flax, which reads it as its own network; onnxruntime or "
            "openvino (.onnx), litert (.tflite). Default: onnxruntime; litert where it is "
            "quantised; else flax.",
        ),
    ] = "",
    alpha: Annotated[
        float | None, typer.Option(help="Width multiplier; default: the file's own.")
    ] = None,
    resolution: Annotated[
        int | None, typer.Option(help="Side of the input in pixels; default: the file's own.")
    ] = None,
    crop: Annotated[
        float | None,
        typer.Option(
            help="Share of each side that is shown, from the middle, 0 to 1; default: 0.875."
        ),
    ] = None,
    images: Annotated[
        int | None, typer.Option(help="Only so many images, drawn at random; default: all.")
    ] = None,
    skip_bad_images: Annotated[
        bool, typer.Option("--skip-bad-images", help="Leave out images that can't be read.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(help="Decoding processes; default: one a core.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Top-1 and top-5 of a trained network on your images, each counted once."""
    keep_freed_memory()
    with ends_at_once():
        from sweep.host.machine import jax_device

        jax_device()
        from sweep.running.evaluate import evaluate_checkpoint

    _log_to_standard_error()
    bad = "skip" if skip_bad_images else None
    others = {"test_crop": crop, "test_images": images, "workers": workers, "bad_images": bad}
    others = {name: value for name, value in others.items() if value is not None}
    of_data = {"split": split, "image_column": image_column, "label_column": label_column}
    of_data |= {"image_key": image_key, "label_key": label_key}
    of_data = {name: value for name, value in of_data.items() if value}
    try:
        if shared is not None:
            of_file = checkpoint, background, input_range, runtime
            _check_alone(shared, *of_file, data, run, classes, of_data)
            _check_as_run("--shared", shared, others)
            name, where = shared, shared
            evaluation = _inside(shared, kind, seed, alpha, resolution, export)
        elif checkpoint is None:
            raise SettingsError("give --checkpoint, or --shared")
        elif of_shared := [
            option
            for option, value in {"--export": export, "--kind": kind, "--seed": seed}.items()
            if value is not None
        ]:
            raise SettingsError(f"{listed(of_shared)}: of --shared alone, not of --checkpoint")
        else:
            name, where = checkpoint, data or run
            source = _source(data, run, classes, of_data, others)
            with progress_bar() as progress:
                evaluation = evaluate_checkpoint(
                    find("family", "mobilenet_v1")(),
                    checkpoint,
                    source,
                    alpha=alpha,
                    resolution=resolution,
                    background=background,
                    input_range=_range(input_range),
                    runtime=runtime,
                    progress=progress,
                )
    except ValueError as error:
        raise SettingsError(str(error)) from None
    if as_json:
        write_json(_plain(evaluation, name, where))
    else:
        tell(_words(evaluation, name, where))


def _inside(
    folder: Path,
    kind: str | None,
    seed: int | None,
    alpha: float | None,
    resolution: int | None,
    export: Path | None,
) -> Evaluation:
    """Of a network inside a run's shared one. Raises ValueError where there is none."""
    from sweep.running.evaluate import evaluate_shared, shared_of_run

    if alpha is None or resolution is None:
        raise SettingsError("--shared: which network? Give --alpha and --resolution")
    run = shared_of_run(folder, kind=kind, seed=seed)
    with progress_bar() as progress:
        return evaluate_shared(
            run, alpha=alpha, resolution=resolution, export=export, progress=progress
        )


def _check_alone(shared: Path, *others: object) -> None:
    """The run says everything else. Raises SettingsError where an option does, too."""
    if any(others):
        raise SettingsError(
            f"--shared {shared}: takes the run's own images and classes: no --checkpoint, --data, "
            "--run, --classes or --background beside it; --export makes a checkpoint for these"
        )


def _range(text: str) -> tuple[float, float] | None:
    """Raises SettingsError where it is none."""
    if not text:
        return None
    try:
        low, high = map(float, text.split(","))
        if isfinite(low) and isfinite(high) and low < high:
            return low, high
    except ValueError:
        pass
    raise SettingsError(f'--input-range "{text}": must be LOW,HIGH, such as 0,1 or 0,255')


def _check_as_run(option: str, run: Path, others: dict[str, Any]) -> None:
    """Raises SettingsError where what the run says is asked for, too."""
    if others:
        raise SettingsError(
            f"{option} {run}: takes the run's own images, as it shows them: no --crop, --images, "
            "--skip-bad-images or --workers beside it"
        )


def _source(
    data: Path | None,
    run: Path | None,
    classes: Path | None,
    of_data: dict[str, str],
    others: dict[str, Any],
) -> ImageSource:
    """The images of --data, or of --run. of_data, others: settings of [accuracy.data] and of
    [accuracy] that the options give.
    """
    from sweep.running.evaluate import image_source, source_of_run

    if data is not None and run is None:
        return image_source(data, classes, of_data, **others)
    if run is None:
        raise SettingsError(
            "give --data, or --run to take a run's own test images and classes as they are"
        )
    own = ("images", "--data", data), ("classes", "--classes", classes)
    told = [(name, f"--{name.replace('_', '-')}", value) for name, value in of_data.items()]
    for what, option, value in (*own, *told):
        if value is not None:
            raise SettingsError(f"--run {run}: takes the run's own {what}: no {option} beside it")
    _check_as_run("--run", run, others)
    return source_of_run(run)


def _log_to_standard_error() -> None:
    """Names of files stand in what is logged, such as those of images that can't be read."""

    class Visible(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            say(record.getMessage())

    logging.basicConfig(handlers=[Visible()], level=logging.WARNING, force=True)


def _plain(evaluation: Evaluation, checkpoint: Path, data: Path | None) -> dict[str, Any]:
    return {
        "checkpoint": str(checkpoint),
        "data": str(data),
        "alpha": evaluation.alpha,
        "resolution": evaluation.resolution,
        "n": evaluation.images,
        "top1": evaluation.top1,
        "top1_low": evaluation.top1_interval.low,
        "top1_high": evaluation.top1_interval.high,
        "top5": evaluation.top5,
        "top5_low": evaluation.top5_interval and evaluation.top5_interval.low,
        "top5_high": evaluation.top5_interval and evaluation.top5_interval.high,
        "left_out": evaluation.left_out,
        "notes": list(evaluation.notes),
    }


def _words(evaluation: Evaluation, checkpoint: Path, data: Path | None) -> str:
    def line(title: str, share: float, interval: Interval) -> str:
        low, high = (units.share(each) for each in (interval.low, interval.high))
        return f"{title}  {units.share(share)}  ({low} to {high})"

    without = evaluation.left_out
    alpha = "" if evaluation.alpha is None else f"alpha {evaluation.alpha:g}, "
    lines = [
        f"{checkpoint}: {alpha}{evaluation.resolution} px",
        f"{data}: {evaluation.images} images"
        + (f", {without} left out: they could not be read" if without else ""),
        line("top-1", evaluation.top1, evaluation.top1_interval),
    ]
    if evaluation.top5 is not None and evaluation.top5_interval is not None:
        lines.append(line("top-5", evaluation.top5, evaluation.top5_interval))
    else:
        lines.append("top-5  none: of so few classes, five guesses are always right")
    lines += [f"note: {note}" for note in evaluation.notes]
    return "\n".join(lines)
