"""`python -m sweep import`: latencies that were measured elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sweep.cli.console import say, tell
from sweep.cli.options import Folder
from sweep.types import listed


def import_(
    folder: Folder,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="As said above.")],
    device: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help='What it is called on the page: "Pixel 9, 4 threads". The same name again '
            "replaces the points that are given.",
        ),
    ],
) -> None:
    """Latencies of a device that runs no Python, such as a phone, into a results folder.

    FILE is CSV with the columns **point** ("1.0-224"), **seconds** (or **ms**, **us**) and, where
    there are some, **samples** (single calls, with spaces between them), **batch** and **threads**;
    or what LiteRT's **benchmark_model** prints, as it is, one run after another; or the JSON that
    LiteRT's Python benchmark writes. A network is known by its file's name:
    mobilenet_v1_0.25_128.tflite is 0.25-128.

    They stand on the page beside this machine's, with a frontier of their own, and limit a choice:
    **pick DIR --device NAME --max-latency 5ms**.
    """
    from sweep.running.importing import import_latencies, timings_of

    done = import_latencies(folder, device, timings_of(files))
    for name in done.left_aside:
        say(f"{name}: left aside: the run has no such point")
    tell(f"{device}: {len(done.points)} latencies ({listed(done.points)}). Report: {done.report}")
