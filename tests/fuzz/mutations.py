"""Strategies: sound input changed a little, and values and texts that programs stumble over."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from hypothesis import strategies as st

T = TypeVar("T")
# Bytes of a file that an offset, a count or a size may be: extremes of four and eight bytes.
_EXTREMES = (
    b"\xff" * 4,
    bytes(4),
    b"\xff\xff\xff\x7f",
    b"\x00\x00\x00\x80",
    b"\x01\x00\x00\x00",
    b"\xff" * 8,
    b"\xff" * 7 + b"\x7f",
    b"\x00" * 7 + b"\x80",
)
MOST_BYTES = 1 << 20  # of a case
HOSTILE_TEXTS = (
    "",
    " ",
    "\x1b[31mred\x1b[0m\x1b]0;title\x07",
    "\x00",
    "a\rb\nc\td",
    "\u202egnp.exe\u202c",
    "\u2028",
    "[bold red]rich[/]",
    "[/]",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '<a href="javascript:alert(1)">b</a>',
    "{{ 7 * 7 }}",
    "%s %n",
    "../../../etc/passwd",
    "/dev/null",
    "/dev/zero",
    "~",
    "-",
    "--help",
    "$(touch x)",
    "{alpha.__class__}",
    "\ud800",
    "\U0001f600",
    "é́́",
    "x" * 300,
    "x" * 100_000,
    "nan",
    "1e999",
    "-0",
    "٣",
    "²",
    "1_000",
    "None",
    "os:getcwd",
    "builtins:print",
    "subprocess:Popen",
    "sweep.settings.config:Settings",
    "nosuch.module:Thing",
    ":",
    "sweep.settings.config:",
)
_NUMBERS = (
    0,
    1,
    -1,
    2,
    8,
    224,
    255,
    256,
    65536,
    2**31 - 1,
    2**31,
    2**32,
    2**53 + 1,
    2**63 - 1,
    2**63,
    -(2**63) - 1,
    10**30,
    10**400,
    0.0,
    -0.0,
    0.5,
    1e-320,
    1e-9,
    1e9,
    1e308,
    float("inf"),
    float("-inf"),
    float("nan"),
)


def texts() -> st.SearchStrategy[str]:
    """Texts that a terminal, a page, a path or a parser may stumble over."""
    return st.sampled_from(HOSTILE_TEXTS) | st.text(max_size=12)


def numbers() -> st.SearchStrategy[int | float]:
    """Numbers at the ends of their types, and a few sensible ones."""
    return st.sampled_from(_NUMBERS) | st.integers(-10, 300) | st.floats()


def plain_values(*, null: bool = True) -> st.SearchStrategy[Any]:
    """What JSON can hold, a few levels deep, or very many; without null for TOML."""
    leaves = st.booleans() | numbers() | texts() | (st.none() if null else st.nothing())
    nested = st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
        ),
        max_leaves=6,
    )
    return nested | st.integers(50, 400).map(_deep) | st.integers(100, 2000).map(_long)


def _deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def _long(count: int) -> list[int]:
    return list(range(count))


class Held(Generic[T]):
    """A value that Hypothesis need not write out in its messages, as it does with arguments."""

    def __init__(self, value: T) -> None:
        self.value = value


def changed(whole: Any, values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Nested dicts and lists with one to three places changed: another value, a key renamed or
    gone, an item twice, a value from elsewhere in it.
    """
    return _changed(Held(whole), values)


def damaged(seeds: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """One of the seeds with a few places overwritten, cut, doubled, or exchanged, or cut short."""
    return _damaged(Held(list(seeds)))


@st.composite
def _changed(draw: st.DrawFn, held: Held[Any], values: st.SearchStrategy[Any]) -> Any:
    whole = copy.deepcopy(held.value)
    for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3]))):
        places = list(_places(whole))
        if not places:
            return draw(values)
        above, key = places[draw(st.integers(0, len(places) - 1))]
        match draw(st.integers(0, 9)):
            case 0 | 8 | 9:
                above[key] = draw(_like(above[key]))
            case 1 | 2:
                above[key] = draw(values)
            case 3:
                del above[key]
            case 4 if isinstance(above, dict):
                above[draw(texts())] = above.pop(key)
            case 4:
                above.insert(key, copy.deepcopy(above[key]))
            case 5:
                other, name = places[draw(st.integers(0, len(places) - 1))]
                above[key] = copy.deepcopy(other[name])
            case 6:
                above[key] = [above[key]]
            case _ if isinstance(above, dict):
                above[draw(texts())] = draw(values)
            case _:
                above.append(draw(values))
    return whole


def _like(value: Any) -> st.SearchStrategy[Any]:
    """Values of the same type, which get further than others do."""
    if isinstance(value, bool):
        return st.booleans()
    if isinstance(value, (int, float)):
        return numbers()
    if isinstance(value, str):
        return texts()
    if isinstance(value, list) and value:
        return st.lists(st.sampled_from(value) | numbers() | texts(), max_size=5)
    return plain_values()


def _places(value: Any) -> Any:
    """(container, key or index) of everything in it."""
    waiting = [value]
    while waiting:
        above = waiting.pop()
        keys = list(above) if isinstance(above, dict) else range(len(above))
        for key in keys:
            yield above, key
            if isinstance(above[key], (dict, list)) and above[key]:
                waiting.append(above[key])


@st.composite
def _damaged(draw: st.DrawFn, seeds: Held[list[bytes]]) -> bytes:
    content = bytearray(seeds.value[draw(st.integers(0, len(seeds.value) - 1))])
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(0, len(content) - 1)))
        match draw(st.integers(0, 6)):
            case 0 | 1:
                content[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case 2 | 3:
                word = draw(st.sampled_from(_EXTREMES))
                content[at : at + len(word)] = word
            case 4:
                del content[at : at + draw(st.integers(1, 64))]
            case 5:
                piece = content[at : at + draw(st.integers(1, 32))]
                times = draw(st.sampled_from([1, 2, 100, 5000]))
                if len(content) + times * len(piece) <= MOST_BYTES:
                    content[at:at] = piece * times
            case _:
                content[at:at] = draw(st.binary(max_size=8))
    if draw(st.integers(0, 9)) == 0:
        del content[draw(st.integers(0, len(content))) :]
    return bytes(content)
