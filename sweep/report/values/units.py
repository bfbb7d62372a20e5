"""Numbers as a person reads them: only the page and the terminal use this, all else is SI.

Between number and unit stands a no-break space; minus is the real sign.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal

from sweep.types import Form

SPACE = "\u00a0"
MINUS = "\u2212"
DASH = "\u2013"
_PREFIXES = (
    (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""),
    (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"), (1e-12, "p"),
)  # fmt: skip


def formatted(value: float | str, form: Form) -> str:
    if isinstance(value, str):
        return value
    return _WRITERS[form](value)


def span(low: float, high: float, form: Form) -> str:
    """An interval with a dash between, or "to" beside signs; the unit is written once where both
    ends have the same.
    """
    first, last = formatted(low, form), formatted(high, form)
    number, _, unit = first.rpartition(SPACE)
    same = number and last.endswith(SPACE + unit)
    between = " to " if last.startswith((MINUS, "+")) else DASH
    return f"{number if same else first}{between}{last}"


def bracket(value: float | str, low: float, high: float, form: Form) -> str:
    """The interval to stand in brackets after its value, whose unit it leaves out."""
    unit = formatted(value, form).rpartition(SPACE)[2]
    text = span(low, high, form)
    return text.removesuffix(SPACE + unit) if text.count(SPACE) == 1 else text


def joined(first: str, last: str) -> str:
    """Two written numbers as a range in a sentence; a unit that both have is written once."""
    unit = last.rpartition(SPACE)[2]
    return last if first == last else f"{first.removesuffix(SPACE + unit)} to {last}"


def exact(value: float) -> str:
    """568740352 -> "568,740,352"."""
    return signed(f"{round(value):,}")


def size(value: float) -> str:
    """16836352 bytes -> "16.8 MB", decimal."""
    return prefixed(value, "B", smallest=1.0)


def share(value: float) -> str:
    """0.614 -> "61.4 %"; halves go up: 0.3755 -> "37.6 %"."""
    return signed(f"{rounded(100 * value, 1)}{SPACE}%")


def rounded(value: float, digits: int) -> Decimal:
    """As on paper: the shortest decimal that is this number, halves away from 0."""
    return Decimal(f"{value:.12g}").quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def points(value: float) -> str:
    """0.0123 -> "+1.2 pt": a difference of two shares."""
    text = f"{rounded(100 * value, 1):+}"
    return signed(f"{text[1:] if float(text) == 0 else text}{SPACE}pt")


def in_points(value: float) -> str:
    """0.0123 -> "1.2 points": the size of a difference of two shares, as sentences want it."""
    return f"{abs(100 * value):.1f}{SPACE}points"


def times(value: float) -> str:
    """4.02 -> "4.0 times": a ratio of two numbers, two digits."""
    digits = 0 if value >= 9.95 else 1 if value >= 0.995 else 2
    return f"{value:.{digits}f}{SPACE}times"


def percent(value: float) -> str:
    """0.614 -> "61 %", as sentences want it; one digit more below 10 % where it says something."""
    digits = 1 if abs(value) < 0.0995 else 0
    return signed(f"{100 * value:.{digits}f}".removesuffix(".0") + f"{SPACE}%")


def three_digits(value: float) -> str:
    """Three digits, the unit standing elsewhere."""
    return signed(f"{value:.3g}")


def prefixed(
    value: float, unit: str, *, digits: int = 3, smallest: float = 1e-12, largest: float = 1e12
) -> str:
    """0.000062 of unit "J" -> "62.0 µJ"."""
    # Rounding comes first: 999,960 with four digits is 1.000 M, not 1000 k.
    rounded = float(f"{value:.{digits}g}")
    fitting = [each for each in _PREFIXES if smallest <= each[0] <= largest]
    least = fitting[-1] if rounded else (1.0, "")
    factor, prefix = next((each for each in fitting if abs(rounded) >= each[0]), least)
    scaled = rounded / factor
    whole = len(str(int(abs(scaled))))
    decimals = max(digits - whole, 0)
    if factor == 1.0 and not unit and scaled == round(scaled):
        decimals = 0  # a count of single things
    return signed(f"{scaled:.{decimals}f}{SPACE}{prefix}{unit}".rstrip(SPACE))


def scale_of(typical: float, unit: str) -> tuple[str, float]:
    """What to type such numbers in: 0.014 of unit "s" -> ("ms", 1e-3)."""
    least = 1.0 if unit in ("1", "B") else 1e-12
    fitting = [each for each in _PREFIXES if each[0] >= least]
    factor, prefix = next((each for each in fitting if typical >= each[0]), fitting[-1])
    return prefix + ("" if unit == "1" else unit), factor


def signed(text: str) -> str:
    """With the real minus sign."""
    return text.replace("-", MINUS)


_WRITERS: dict[Form, Callable[[float], str]] = {
    Form.TEXT: three_digits,
    Form.WRITTEN: three_digits,
    Form.VERDICT: lambda holds: "yes" if holds else "OUTSIDE",
    Form.EXACT: exact,
    Form.COUNT: lambda value: prefixed(value, "", digits=4, smallest=1.0),
    Form.SECONDS: lambda value: prefixed(value, "s", largest=1.0),
    Form.BYTES: size,
    Form.SHARE: share,
    Form.PART: lambda value: f"{rounded(100 * value, 2)}{SPACE}%",
    Form.POINTS: points,
    Form.PIXELS: lambda value: f"{round(value)}{SPACE}px",
    Form.NUMBER: three_digits,
}
