"""A mistake in a setting, in our words: pydantic's tell neither the file nor what is meant."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from sweep.settings.toml_data import joined, short
from sweep.settings.unknown_keys import meant


def explained(
    detail: Any, source: str, place: str, section: type[BaseModel], root: type[BaseModel]
) -> str:
    """`grid.alpha[2] = 5.0: must be at most 4  (sweep.toml)` out of pydantic's words."""
    above = place
    for part in detail["loc"]:
        place = joined(place, part)
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        hint = meant(place, section, above, root if section is not root else None)
        return f"{place}: unknown setting{hint and f'; {hint}'}  ({source})"
    for words, ours in (
        ("Input should be ", "must be "),
        ("greater than or equal to", "at least"),
        ("less than or equal to", "at most"),
        ("greater than", "above"),
        ("less than", "below"),
        ("Tuple should have at least 1 item after validation, not 0", "must not be empty"),
        ("String should have at least 1 character", "must not be empty"),
        ("must be a valid array", "must be a list, such as [0.5, 0.25]"),
        ("must be a valid integer", "must be a whole number"),
        ("must be a valid number", "must be a number"),
        ("must be a valid string", "must be a text, in quotes"),
        ("must be a valid boolean", "must be true or false"),
        ("must be an object", "must be a section"),
    ):
        message = message.replace(words, ours)
    if isinstance(detail["input"], dict) or not place:
        return f"{place}: {message}  ({source})" if place else f"{message}  ({source})"
    given = short(json.dumps(detail["input"], default=str))
    return f"{place} = {given}: {message}  ({source})"
