"""One call of a measure, in the process that executes it, whichever engine asked for it."""

from __future__ import annotations

import os
import pickle
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from sweep.contracts import Artefact, Call, Measure, Network
from sweep.host.failures import reason_of
from sweep.types import Progress, digest_of


@dataclass(frozen=True)
class Result:
    """What a call came to: whatever the measure yielded, or why it came to nothing, with the
    traceback for the log.
    """

    items: tuple[Any, ...] = ()
    artefacts: tuple[Artefact, ...] = ()
    failure: str = ""
    trace: str = ""


@dataclass(frozen=True)
class Joining:
    """One of the processes that perform a call together, by `jax.distributed`. address: HOST:PORT
    at which the first finds room for what joins them; number: of `count`.
    """

    address: str
    number: int
    count: int

    def join(self) -> None:
        """Before JAX has begun in this process, or where it has joined there already. Raises
        whatever JAX does where the others don't come.
        """
        import jax

        if jax.distributed.is_initialized():
            return
        # Its handler of SIGTERM would take the place of ours, which puts a training down.
        jax.config.update("jax_enable_preemption_service", False)
        jax.distributed.initialize(self.address, self.count, self.number)
        # Gloo prints a line for each connection, in the middle of a progress bar.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.close(nowhere)


@dataclass(frozen=True)
class Packed:
    """A call on its way to another process, mostly of another machine. measure: pickled, and rest:
    the call without it, so that a measure travels once for all its calls. identity: the digest of
    the measure's. folder: where what is unfinished is kept there; empty: nowhere. paths: the
    networks' files, by where they are on the driver's machine. joining: None for one that has the
    call to itself.
    """

    measure: bytes
    rest: bytes
    identity: str
    folder: str
    paths: Mapping[str, str]
    joining: Joining | None = None

    def unpacked(self) -> Call:
        """Joins the others. Raises ElsewhereError where readings would be others than the driver
        stores them as.
        """
        if self.joining is not None:
            self.joining.join()
        measure: Measure = pickle.loads(self.measure)  # noqa: S301 - from our own driver
        there = measure.identity()
        if digest_of(there) != self.identity:
            raise ElsewhereError(
                f"{measure.name} would be read in another way on this machine: {there}"
            )
        if self.folder:
            measure.keep_in(Path(self.folder))
        call: Call = pickle.loads(self.rest)  # noqa: S301
        networks = tuple(map(self._moved, call.networks))
        earlier = tuple((self._moved(network), readings) for network, readings in call.earlier)
        return replace(call, measure=measure, networks=networks, earlier=earlier)

    def _moved(self, network: Network) -> Network:
        files = {kind: Path(self.paths[str(each)]) for kind, each in network.artefacts.items()}
        return replace(network, artefacts=files)


class ElsewhereError(RuntimeError):
    """A machine reads something else than the driver has planned."""


def pickled(measure: Measure) -> bytes:
    """Raises whatever pickling it does."""
    return pickle.dumps(measure)


def pickled_rest(call: Call) -> bytes:
    """The call without its measure. Raises whatever pickling it does."""
    own: dict[str, Any] = {each.name: getattr(call, each.name) for each in fields(Call)}
    own["measure"] = None
    return pickle.dumps(Call(**own))


def turn(call: Call) -> tuple[int, float]:
    """By which engines sort: one replicate after the other, for a run that is cut off to have whole
    ones; of each the longest first, so that the last ones to run are short and all end together.
    """
    return call.networks[0].seed or 0, -call.estimate_s


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
