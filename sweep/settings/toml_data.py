"""TOML text -> plain data that every later room can hold: bounded in size and depth, numbers finite
and of 64 bits, texts without characters that no file system takes. JSON is checked alike.
"""

from __future__ import annotations

import math
import tomllib
from datetime import date, time
from pathlib import Path
from typing import Any

from sweep.types import SettingsError

MOST_BYTES = 1 << 20  # of a settings file; those of this project have two thousand
DEEPEST = 24  # tables and lists within each other
LONGEST = 4096  # characters of a text: the longest path that Linux takes
MOST_SHOWN = 200  # characters of a value, or a key, in a message


def read(path: Path) -> str:
    """The text of a settings file. Raises SettingsError naming it."""
    try:
        size = path.stat().st_size
        if not path.is_file():  # a pipe would be waited on for ever, and a device may have no end
            raise ValueError("it is no ordinary file")
        if size > MOST_BYTES:
            raise ValueError(f"it has {size} bytes, at most {MOST_BYTES} are read")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SettingsError(
            f"{short(str(path))}: there is no such file; python -m sweep init writes one"
        ) from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise SettingsError(f"{short(str(path))}: can't be read: {why}") from None


def parsed(text: str, *, source: str) -> dict[str, Any]:
    """The tables of TOML text; `source` names it in errors. Raises SettingsError."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise SettingsError(f"{source}: not valid TOML: nested too deeply") from None
    except ValueError as error:  # also of a number of thousands of digits
        raise SettingsError(f"{source}: not valid TOML: {short(str(error))}") from None


def put(data: dict[str, Any], change: str) -> None:
    """Puts "a.b=value" into nested dicts: a TOML value, or else the text itself.

    Raises SettingsError.
    """
    key, equals, value = change.partition("=")
    *sections, last = key.strip().split(".")
    if not equals or not all([*sections, last]) or len(sections) > DEEPEST:
        raise SettingsError(f"--set {short(change)}: must be KEY=VALUE, such as accuracy.epochs=3")
    for section in sections:
        data = data.setdefault(section, {})
        if not isinstance(data, dict):
            raise SettingsError(f"--set {short(change)}: {short(section)} is no section")
    try:
        table = tomllib.loads(f"value = {value}")
    except (ValueError, RecursionError):
        table = {}
    if not table and value.strip().startswith("[") and value.strip().endswith("]"):
        raise SettingsError(
            f"--set {short(change)}: is no list: texts in it need quotes, which a shell "
            f"takes away unless all is quoted: --set '{key.strip()}=[\"cost\"]'"
        )
    # With a line end in it, it would be more than one setting.
    data[last] = table["value"] if list(table) == ["value"] else value


def check(data: dict[str, Any], *, source: str, longest: int = LONGEST) -> None:
    """Raises SettingsError naming the first value that no setting can have, wherever it stands.

    longest: characters of a text.
    """
    waiting: list[tuple[str, Any, int]] = [("", data, 0)]
    while waiting:
        place, value, depth = waiting.pop()
        if why := _unfit(value, depth, longest):
            shown = "" if isinstance(value, (dict, list)) else f" = {short(repr(value))}"
            raise SettingsError(f"{place}{shown}: {why}  ({source})")
        if isinstance(value, dict):
            for key, each in value.items():
                if why := _unfit(key, 0, longest):
                    raise SettingsError(f"{short(repr(key))}: a key {why}  ({source})")
                waiting.append((joined(place, key), each, depth + 1))
        elif isinstance(value, list):
            waiting += [(joined(place, at), each, depth + 1) for at, each in enumerate(value)]


def joined(place: str, key: str | int) -> str:
    """`grid.alpha[2]` out of "grid.alpha" and 2."""
    if isinstance(key, int):
        return f"{place}[{key}]"
    return f"{place}.{short(key)}" if place else short(key)


def short(text: str) -> str:
    """The text, cut in the middle where it is long."""
    half = MOST_SHOWN // 2
    return text if len(text) <= MOST_SHOWN else f"{text[:half]} .. {text[-half:]}"


def _unfit(value: Any, depth: int, longest: int) -> str:
    """Why nothing can be done with a value; empty where something can."""
    match value:
        case dict() | list() if depth > DEEPEST:
            why = f"must be at most {DEEPEST} levels deep"
        case date() | time():
            why = "must be no date or time; write it as a text"
        case float() if not math.isfinite(value):
            why = "must be a finite number"
        case int() if not -(2**63) <= value < 2**63:
            why = "must be a number of at most 64 bits"
        case str() if len(value) > longest:
            why = f"must have at most {longest} characters"
        case str() if any(each == "\0" or "\ud800" <= each <= "\udfff" for each in value):
            why = "must hold no zero character and no half of a character"
        case _:
            why = ""
    return why
