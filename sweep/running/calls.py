"""One call of a measure, in the process that executes it, whichever engine asked for it."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sweep.contracts import Artefact, Call
from sweep.host.failures import reason_of
from sweep.types import Progress


@dataclass(frozen=True)
class Result:
    """What a call came to: whatever the measure yielded, or why it came to nothing, with the
    traceback for the log.
    """

    items: tuple[Any, ...] = ()
    artefacts: tuple[Artefact, ...] = ()
    failure: str = ""
    trace: str = ""


def perform(call: Call, progress: Progress) -> Result:
    """Whatever is raised becomes a failure, but for Ctrl-C and SIGTERM, which go on."""
    try:
        items = tuple(_items(call, progress))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a call of sys.exit, too
        return failed(error)
    artefacts = tuple(item for item in items if isinstance(item, Artefact))
    return Result(tuple(item for item in items if not isinstance(item, Artefact)), artefacts)


def failed(error: BaseException) -> Result:
    """Of a call that has raised this."""
    return Result(failure=reason_of(error), trace=traceback.format_exc())


def _items(call: Call, progress: Progress) -> Iterable[Any]:
    if call.earlier:
        return call.measure.measure_bridged(call.networks, dict(call.earlier), progress)
    return call.measure(call.networks, progress)
