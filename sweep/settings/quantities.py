"""Numbers with SI suffixes as people type them, "5ms" or "2M" -> SI floats.

A time and a size need their unit: a bare 5 would be five seconds, which nobody means. A count has
none, only a prefix. Case tells prefixes apart (2M is two million, 2m nothing that can be counted).
"""

from __future__ import annotations

import re
from decimal import Decimal

LONGEST = 40  # characters; nothing a person types is longer
LEAST, MOST = Decimal("1e-30"), Decimal("1e300")

_NUMBER = re.compile(r"(\+?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?)\s*(.*)")
_LARGE = {"": "1", "k": "1e3", "K": "1e3", "M": "1e6", "G": "1e9", "T": "1e12"}
_SMALL = {"m": "1e-3", "u": "1e-6", "µ": "1e-6", "μ": "1e-6", "n": "1e-9", "p": "1e-12"}
# Unit -> the prefixes that it is typed with, and examples.
_TYPED = {
    "s": ({"": "1"} | _SMALL, "a time with its unit, such as 5ms, 800us or 0.01s"),
    "B": (
        _LARGE | {"Ki": str(2**10), "Mi": str(2**20), "Gi": str(2**30), "Ti": str(2**40)},
        "a size with its unit, such as 20MB or 20MiB",
    ),
    "1": (_LARGE, "a number above 0, such as 2M, 150k or 0.5"),
}


def of_unit(text: str, unit: str) -> float:
    """A number of that SI unit, "1" for none: "5ms", "20MiB", "5mJ", "0.5", "2M". Raises ValueError
    saying what is allowed.
    """
    prefixes, allowed = _TYPED.get(
        unit, (_LARGE | _SMALL, f"a number with its unit, such as 5{unit} or 0.5M{unit}")
    )
    units = {prefix + unit.replace("1", ""): factor for prefix, factor in prefixes.items()}
    match = _NUMBER.fullmatch(text.strip()) if len(text) <= LONGEST else None
    if match is not None and match[2] in units:
        # In decimal, so that 0.7ms is the float nearest to 0.0007, as the page has it.
        value = Decimal(match[1]) * Decimal(units[match[2]])
        if LEAST <= value <= MOST:
            return float(value)
    raise ValueError(f"must be {allowed}")
