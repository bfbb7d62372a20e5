"""An engine: what executes the calls of measures, here or elsewhere. It stores nothing."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from sweep.contracts.family import Network
from sweep.contracts.hooks import Hooks
from sweep.contracts.measure import Artefact, Failed, Measure
from sweep.types import CurvePoint, Reading

if TYPE_CHECKING:
    from sweep.host.machine import Machine


class Call(Protocol):
    """What an engine sees of a task: a call of a measure. earlier: networks of an earlier call that
    are read again, with its readings (`Measure.measure_bridged`). bytes: of memory at the peak,
    roughly; 0 where nobody knows.
    """

    @property
    def measure(self) -> Measure: ...
    @property
    def networks(self) -> tuple[Network, ...]: ...
    @property
    def earlier(self) -> Sequence[tuple[Network, tuple[Reading, ...]]]: ...
    @property
    def bytes(self) -> int: ...


@dataclass(frozen=True)
class Started:
    """The call at `index` has begun."""

    index: int


@dataclass(frozen=True)
class Progressed:
    """How far the call at `index` is: the share done, 0..1, and what is going on."""

    index: int
    share: float
    text: str


@dataclass(frozen=True)
class Said:
    """What the call at `index` has for the log; level as in `logging`."""

    index: int
    text: str
    level: int = logging.WARNING


@dataclass(frozen=True)
class Ended:
    """All that the call at `index` gave, what it took in seconds, and the machine that executed it.

    failure: why it came to nothing; empty where it went well. trace: the traceback of a failure,
    for the log.
    """

    index: int
    readings: tuple[Reading | CurvePoint | Failed, ...]
    seconds: float
    artefacts: tuple[Artefact, ...] = ()
    machine: Machine | None = None
    failure: str = ""
    trace: str = ""


Event = Started | Progressed | Said | Ended


class Engine(Hooks, ABC):
    """Executes calls; the driver alone writes results and stores artefacts."""

    name: str

    @abstractmethod
    def run(self, tasks: Sequence[Call]) -> Iterator[Event]:
        """Each task, in about this order: `Started`, now and then `Progressed` and `Said`, and one
        `Ended`. A call that raises ends with its reason, and so does one whose process dies; the
        others go on. Closing the iterator ends all that is under way.
        """
