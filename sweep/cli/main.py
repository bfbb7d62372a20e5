"""The command line: a thin skin over the library. `python -m sweep --help` teaches it.

Each command imports what it needs: `--help` stays quick, and `run` can tell the allocator what to
do before a library has started threads (see `sweep.host.allocator`).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import typer
import typer.core

from sweep.cli.check import check
from sweep.cli.console import err, say, spell_out, tell
from sweep.cli.data import data_app
from sweep.cli.evaluate import evaluate
from sweep.cli.export import export
from sweep.cli.figures import figures
from sweep.cli.import_ import import_
from sweep.cli.init import init
from sweep.cli.join import join
from sweep.cli.layers import layers
from sweep.cli.pick import pick
from sweep.cli.run import run
from sweep.cli.show import compare, diff, report, show
from sweep.host.extras import told
from sweep.host.files import why
from sweep.host.interrupts import Terminated, ended_by
from sweep.settings.config import SettingsError
from sweep.settings.mistakes import in_our_words
from sweep.settings.registry import UnknownPartError
from sweep.settings.toml_data import short
from sweep.types import ResultsError


class _Broken(BaseException):
    """A KeyboardInterrupt, as its cause, that Typer leaves alone: some releases make an abort of
    it, some an exit that says nothing.
    """


class _Commands(typer.core.TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as end:
            raise _Broken from end


app = typer.Typer(
    cls=_Commands,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="The design space of MobileNetV1: computed, measured, compared with the paper.",
    epilog="""Begin with **init**, where there is no sweep.toml yet, and **run --dry-run**: its
    plan, and how long it takes. **run** does it, and continues where it was cut off; its report is
    results/NAME/report.html. **COMMAND --help** tells the rest.""",
)
USAGE_ERROR = 2
# click's ClickException; some releases of Typer carry a click of their own.
_Mistake: Any = typer.BadParameter.__mro__[2]


def _tell_version(asked: bool) -> None:
    if asked:
        try:
            tell(f"mobilenet-sweep {version('mobilenet-sweep')}")
        except PackageNotFoundError:
            tell("mobilenet-sweep, not installed: a checkout")
        raise typer.Exit


@app.callback()
def of_all(
    _: Annotated[
        bool,
        typer.Option(
            "--version", callback=_tell_version, is_eager=True, help="Print the version, and end."
        ),
    ] = False,
) -> None:
    """What holds for all commands."""


MEASURING, READING, IMAGES = "Measure", "Read results", "Checkpoints and images"
app.command(rich_help_panel=MEASURING)(init)
app.command("import", rich_help_panel=MEASURING)(import_)
for panel, commands in {
    MEASURING: (run, join, layers),
    READING: (report, show, pick, compare, diff, figures, check),
    IMAGES: (evaluate, export),
}.items():
    for command in commands:
        app.command(rich_help_panel=panel)(command)
app.add_typer(data_app, name="data", rich_help_panel=IMAGES)


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line. A wrong input is one message on standard error and exit status 2."""
    spell_out()
    try:
        _run(arguments)
    except (SettingsError, ResultsError, UnknownPartError) as error:
        say(str(error))
        raise SystemExit(USAGE_ERROR) from None
    except ModuleNotFoundError as error:
        if not (lacking := told(error)):
            raise
        say(lacking)
        raise SystemExit(USAGE_ERROR) from None
    except KeyboardInterrupt as end:
        word, status = ended_by(isinstance(end, Terminated))
        err.print(f"{word}.")
        raise SystemExit(status) from None
    except UnicodeEncodeError as error:
        say(
            f"{error.object}: can't name a file under this locale, which has {error.encoding} "
            "alone; set PYTHONUTF8=1, or a locale with UTF-8"
        )
        raise SystemExit(USAGE_ERROR) from None
    except OSError as error:
        named = error.filename is not None and error.strerror
        say(f"{error.filename}: {error.strerror}" if named else why(error))
        raise SystemExit(1) from None


def _in_our_words(message: str, arguments: Sequence[str]) -> str:
    """A wrong value of an option as a setting's is told: what was given, what is allowed."""
    wrong = re.fullmatch(r"Invalid value for '(--?[\w-]+)'[^:]*: (.*)", message, re.DOTALL)
    if wrong is None:
        return message
    option, why = wrong.groups()
    words = [word for each in arguments for word in str(each).split("=", 1)]
    places = [at for at, word in enumerate(words[:-1]) if word == option]
    given = f' = "{short(words[places[-1] + 1])}"' if places else ""
    why = in_our_words(why).partition(", unable to parse")[0].removesuffix(".")
    if one_of := re.fullmatch(r"'.*' is not one of (.*)", why, re.DOTALL):
        why = f"must be one of {one_of[1].replace(chr(39), '')}"
    return f"{option}{given}: {why}"


def _run(arguments: list[str] | None) -> None:
    """Typer's own way to end, but that a mistake in the command line, which is quoted, is said as
    all others are.
    """
    try:
        status = app(args=arguments, prog_name="python -m sweep", standalone_mode=False)
    except _Broken as broken:
        raise broken.__cause__ or KeyboardInterrupt from None
    except _Mistake as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            error.show()
        else:
            context = getattr(error, "ctx", None)
            where = f"  ({context.command_path} --help)" if context else ""
            given = sys.argv[1:] if arguments is None else arguments
            say(f"{_in_our_words(error.format_message(), given)}{where}")
        raise SystemExit(USAGE_ERROR) from None
    raise SystemExit(status or 0)
