"""An engine: what executes the calls of measures, here or elsewhere. It stores nothing."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass

from sweep.contracts.family import Network
from sweep.contracts.hooks import Hooks
from sweep.contracts.measure import Artefact, Failed, Measure
from sweep.types import CurvePoint, Machine, Reading


@dataclass(frozen=True)
class Call:
    """A call of a measure: on one network, or on all of them where it measures jointly. It can be
    pickled where the measure has `threads`.

    estimate_s: how long it will take, roughly, to put the longest first. bytes: of memory at the
    peak, roughly; 0 where nobody knows. earlier: networks of an earlier call that are read again,
    with its readings (`Measure.measure_bridged`). machine: the id of the one that is to execute it,
    where not any does.
    """

    measure: Measure
    networks: tuple[Network, ...]
    estimate_s: float = 1.0
    bytes: int = 0
    earlier: tuple[tuple[Network, tuple[Reading, ...]], ...] = ()
    machine: str = ""


@dataclass(frozen=True)
class Started:
    """The call at `index` has begun. here: in the driver's own process, which dies with it."""

    index: int
    here: bool = False


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
    """All that the call at `index` gave, and what it took in seconds.

    machine: that executed it; versions: by name, of packages there, those of the measure's
    `versions` among them. artefacts: files that can be read here, and are the driver's now.
    failure: why it came to nothing; empty where it went well. trace: the traceback of a failure,
    for the log.
    """

    index: int
    machine: Machine
    versions: Mapping[str, str]
    seconds: float
    readings: tuple[Reading | CurvePoint | Failed, ...] = ()
    artefacts: tuple[Artefact, ...] = ()
    failure: str = ""
    trace: str = ""


Event = Started | Progressed | Said | Ended


@dataclass(frozen=True)
class Device:
    """A machine, and what people call it where there are several."""

    name: str
    machine: Machine


@dataclass(frozen=True)
class Limit:
    """The most memory that a point may take; `words` say of what it is a share. bytes = 0: any."""

    bytes: int
    words: str


class Engine(Hooks, ABC):
    """Executes calls; the driver alone writes results and stores artefacts. What each has to keep
    is `sweep.testing.EngineContract`.
    """

    name: str

    @abstractmethod
    def run(self, tasks: Sequence[Call]) -> Generator[Event, None, None]:
        """Each task, in about this order: `Started`, now and then `Progressed` and `Said`, and one
        `Ended`, as soon as it is there. A call that raises ends with its reason, and so does one
        whose process dies; the others go on. Closing the iterator ends all that is under way, and
        leaves it some seconds to put down how far it is.
        """

    @abstractmethod
    def devices(self, measure: Measure) -> tuple[Device, ...]:
        """That readings are wanted of, where they hold for one machine alone. Raises SettingsError
        where the measure names one that isn't there.
        """

    @abstractmethod
    def limit(self, share: float) -> Limit:
        """The memory that a call may take; share: of what there is, 0 sets no limit."""

    def at_once(self, measure: Measure) -> int:
        """How many calls of a measure are executed at the same time, memory apart. Raises
        SettingsError where it wants more cores than there are.
        """
        return 1

    def notes(self, measure: Measure, networks: Sequence[Network]) -> tuple[str, ...]:
        """Sentences for whoever reads the plan: what can't be executed where, and why. Raises
        SettingsError where it can be nowhere.
        """
        return ()
