"""`python -m sweep data`: brings data sets to this machine.

Exit status: 0 done, or nothing to do; 1 the data can't be fetched, are not what they should be, or
can't be written; 2 a wrong option; 130 interrupted, and the same command continues.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from sweep.cli.console import out, say, tell

if TYPE_CHECKING:
    from sweep.datasets.fetch import Source

data_app = typer.Typer(
    no_args_is_help=True, help="Fetch a data set; run it again to continue a cut transfer."
)
FAILED = 1
USAGE_ERROR = 2
INTERRUPTED = 130


@data_app.command()
def cifar10(
    to: Annotated[Path, typer.Option("--to", help="Folder for the Parquet files; made if absent.")],
    url: Annotated[
        str | None, typer.Option(help="A mirror of the archive; default: its authors' own.")
    ] = None,
    sha256: Annotated[
        str | None, typer.Option(help="Its checksum; default: that of the authors' archive.")
    ] = None,
    keep_archive: Annotated[
        bool, typer.Option("--keep-archive", help="Keep the archive beside the Parquet files.")
    ] = False,
) -> None:
    """CIFAR-10 from the authors' binary archive (170 MB), checked, as Parquet."""
    from sweep.datasets.cifar10 import OFFICIAL
    from sweep.datasets.fetch import FetchError, Source

    try:
        source = Source(url or OFFICIAL.url, (sha256 or OFFICIAL.sha256).lower())
    except FetchError as error:
        say(f"--{error}")
        raise typer.Exit(USAGE_ERROR) from None
    try:
        _bring_cifar10(source, to, keep_archive=keep_archive)
    except FetchError as error:
        say(str(error))
        raise typer.Exit(FAILED) from None
    except KeyboardInterrupt:
        say("Interrupted. What has come is kept; the same command continues.")
        raise typer.Exit(INTERRUPTED) from None


def _bring_cifar10(source: Source, folder: Path, *, keep_archive: bool) -> None:
    """Fetches and converts what is missing, then says what is where."""
    from sweep.datasets.cifar10 import ARCHIVE, convert, parquet_path, stored
    from sweep.datasets.fetch import fetch

    counts = stored(folder, source.sha256)
    if counts:
        tell("already there and whole; nothing to do")
    else:
        archive = folder / ARCHIVE
        with _bar(DownloadColumn()) as bar:
            task = bar.add_task(f"fetching {ARCHIVE}", total=None)
            fetch(
                source, archive, lambda done, total: bar.update(task, completed=done, total=total)
            )
        with _bar(TextColumn("{task.completed:>6} images")) as bar:
            task = bar.add_task("writing Parquet", total=None)
            counts = convert(
                archive,
                folder,
                source.sha256,
                lambda done, total: bar.update(task, completed=done, total=total),
            )
        if not keep_archive:
            archive.unlink()
    for split, images in counts.items():
        tell(f"{split}: {images:,} images in {parquet_path(folder, split)}")
    place = shlex.quote(str(folder))
    tell(f"next: python -m sweep run configs/cifar10.toml --set accuracy.data.path={place}")


def _bar(amount: DownloadColumn | TextColumn) -> Progress:
    """A bar on a terminal, nothing elsewhere."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=28),
        amount,
        TimeRemainingColumn(compact=True),
        console=out,
        disable=not out.is_terminal,
    )
