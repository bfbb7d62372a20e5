"""Text from data made safe for a terminal: control characters are shown, not obeyed.

rich leaves the escape character alone, so a name from somebody else's results folder could recolour
a terminal, move its cursor or set its title.
"""

from __future__ import annotations

import unicodedata

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


def _obeyed(character: str) -> bool:
    return character in _TURNING or unicodedata.category(character) in _UNPRINTABLE


def _written_out(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
