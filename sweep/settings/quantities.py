"""Numbers with SI suffixes as people type them, "5ms" or "2M" -> SI floats.

A time and a size need their unit: a bare 5 would be five seconds, which nobody means. A count has
none, only a prefix. Case tells prefixes apart (2M is two million, 2m nothing that can be counted).
"""

from __future__ import annotations

import re
from decimal import Decimal
from math import isinf

LONGEST = 40  # characters; nothing a person types is longer

_NUMBER = re.compile(r"(\+?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?)\s*(.*)")
_SECONDS = {"s": "1", "ms": "1e-3", "us": "1e-6", "µs": "1e-6", "μs": "1e-6", "ns": "1e-9"}
_COUNTS = {"": "1", "k": "1e3", "K": "1e3", "M": "1e6", "G": "1e9", "T": "1e12"}
_SMALL = {"m": "1e-3", "u": "1e-6", "µ": "1e-6", "μ": "1e-6", "n": "1e-9", "p": "1e-12"}
_LEAST = 1e-30  # of what has no least number of its own
_BYTES = {
    "B": "1", "kB": "1e3", "KB": "1e3", "MB": "1e6", "GB": "1e9", "TB": "1e12",
    "KiB": str(2**10), "MiB": str(2**20), "GiB": str(2**30), "TiB": str(2**40),
}  # fmt: skip


def seconds(text: str) -> float:
    """ "5ms" -> 0.005. Units: s, ms, us or µs, ns. Raises ValueError saying what is allowed."""
    return _parsed(
        text, _SECONDS, 1e-9, "a time from 1ns with its unit, such as 5ms, 800us or 0.01s"
    )


def count(text: str) -> float:
    """ "2M" -> 2e6. Prefixes: k, M, G, T or none. Raises ValueError saying what is allowed."""
    return _parsed(text, _COUNTS, 1.0, "a count from 1, such as 2M, 150k or 569e6")


def size(text: str) -> float:
    """ "20MB" -> 2e7 bytes, "20MiB" -> 20 * 2**20. Raises ValueError saying what is allowed."""
    return _parsed(text, _BYTES, 1.0, "a size from 1B with its unit, such as 20MB or 20MiB")


def of_unit(text: str, unit: str) -> float:
    """A number of that SI unit, "1" for none: "5ms", "20MiB", "5mJ", "0.5", "2M". Raises ValueError
    saying what is allowed.
    """
    if unit == "s":
        return seconds(text)
    if unit == "B":
        return size(text)
    if unit == "1":
        return _parsed(text, _COUNTS, _LEAST, "a number above 0, such as 0.5, 2M or 150k")
    units = {prefix + unit: factor for prefix, factor in (_COUNTS | _SMALL).items()}
    return _parsed(text, units, _LEAST, f"a number with its unit, such as 5{unit} or 0.5M{unit}")


def _parsed(text: str, units: dict[str, str], least: float, allowed: str) -> float:
    match = _NUMBER.fullmatch(text.strip()) if len(text) <= LONGEST else None
    if match is None or match[2] not in units:
        raise ValueError(f"must be {allowed}")
    # In decimal, so that 0.7ms is the float nearest to 0.0007, as the page has it.
    value = float(Decimal(match[1]) * Decimal(units[match[2]]))
    if value < least or isinf(value):
        raise ValueError(f"must be {allowed}")
    return value
