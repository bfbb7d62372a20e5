"""What can be added, and what each has to be: a measure, a data set, a model family, an engine.

A measure and a data set derive from a base class, whose hooks do nothing until they are overridden.
A family fits a protocol: `mnv1_flax` never imports `sweep`. Importing this costs nothing: no JAX,
no pandas.
"""

from sweep.contracts.dataset import Dataset, Records
from sweep.contracts.engine import (
    Call,
    Device,
    Ended,
    Engine,
    Event,
    Limit,
    Progressed,
    Said,
    Started,
)
from sweep.contracts.family import (
    Exports,
    Family,
    LayerRow,
    LoadsCheckpoints,
    Network,
    SavesCheckpoints,
    SharesWeights,
    Trained,
    TunesTrained,
)
from sweep.contracts.measure import Artefact, Failed, Item, Measure
from sweep.contracts.runtime import Made, Program, Runtime

__all__ = [
    "Artefact",
    "Call",
    "Dataset",
    "Device",
    "Ended",
    "Engine",
    "Event",
    "Exports",
    "Failed",
    "Family",
    "Item",
    "LayerRow",
    "Limit",
    "LoadsCheckpoints",
    "Made",
    "Measure",
    "Network",
    "Program",
    "Progressed",
    "Records",
    "Runtime",
    "Said",
    "SavesCheckpoints",
    "SharesWeights",
    "Started",
    "Trained",
    "TunesTrained",
]
