"""Text from data made safe for a terminal: control characters are shown, not obeyed.

rich leaves the escape character alone, so a name from somebody else's results folder could recolour
a terminal, move its cursor or set its title.
"""

from __future__ import annotations

import dataclasses
import unicodedata
from enum import Enum
from typing import Any, TypeVar, cast

T = TypeVar("T")
# Marks that turn the order of what follows around, so that a text reads as it is not.
_TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
# Control characters, halves of pairs (bytes of file names that are no text), separators of lines.
_UNPRINTABLE = {"Cc", "Cs", "Zl", "Zp"}


def visible(text: str, *, keep: str = "") -> str:
    r"""The text with what a terminal would obey written out: "\x1b" for an escape, "\u202e" for a
    turn of direction. `keep` are characters that stay, such as a message's line ends.
    """
    return "".join(
        character if character in keep or not _obeyed(character) else _written_out(character)
        for character in text
    )


def printable(value: T) -> T:
    """A frozen value with every text in it made `visible`, all the way down: tuples and
    dataclasses. Members of an enumeration are the program's own words and stay.
    """
    return cast("T", _walked(value))


def _walked(value: Any) -> Any:
    if isinstance(value, str):
        return value if isinstance(value, Enum) else visible(value)
    if isinstance(value, tuple):
        return tuple(_walked(each) for each in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [field.name for field in dataclasses.fields(value) if field.init]
        return dataclasses.replace(
            value, **{name: _walked(getattr(value, name)) for name in fields}
        )
    return value


def _obeyed(character: str) -> bool:
    return character in _TURNING or unicodedata.category(character) in _UNPRINTABLE


def _written_out(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
