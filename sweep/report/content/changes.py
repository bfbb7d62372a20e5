"""What is not the same in the settings of two runs, or in their machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ABSENT = "not there"


@dataclass(frozen=True)
class Changed:
    """A setting, or a fact of the machine, that is not the same in both runs."""

    name: str
    before: str
    after: str


def facts(machine: Mapping[str, Any]) -> dict[str, str]:
    """Facts of the machine that ran last, as text."""
    return _flat({name: each for name, each in machine.items() if name not in ("id", "earlier")})


def settings(stored: Mapping[str, Any]) -> dict[str, str]:
    """Settings under the names they have in sweep.toml, "accuracy.epochs", as text."""
    return _flat({name: each for name, each in stored.items() if name != "name"})


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Changed, ...]:
    """What differs; a name that only one of them has is ABSENT in the other."""
    names = dict.fromkeys((*before, *after))
    return tuple(
        Changed(name, before.get(name, ABSENT), after.get(name, ABSENT))
        for name in names
        if before.get(name) != after.get(name)
    )


def _flat(data: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for name, value in data.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = "" if value is None else str(value)
    return flat
