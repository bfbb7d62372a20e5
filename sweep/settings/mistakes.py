"""A mistake in a setting, in our words: pydantic's tell neither the file nor what is meant."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel

from sweep.settings.toml_data import joined, short

A_LIST = "must be a list"
# Settings that have had another name.
RENAMED = {"latency.dtype": 'latency.precisions, a list, such as ["float32"],'}


def explained(
    detail: Any, source: str, place: str, section: type[BaseModel], root: type[BaseModel]
) -> str:
    """`grid.alpha[2] = 5.0: must be at most 4  (sweep.toml)` out of pydantic's words."""
    above = place
    for part in detail["loc"]:
        place = joined(place, part)
    if detail["type"] == "extra_forbidden":
        if now := RENAMED.get(place):
            return f"{place}: is {now} now  ({source})"
        known = [*keys(section, above), *(keys(root, "") if section is not root else ())]
        hint = _meant(place, known)
        return f"{place}: unknown setting{hint and f'; {hint}'}  ({source})"
    message = in_our_words(detail["msg"])
    if isinstance(detail["input"], dict) or not place:
        return f"{place}: {message}  ({source})" if place else f"{message}  ({source})"
    given = short(json.dumps(detail["input"], default=str))
    if message == A_LIST:
        message += f", such as [{given}]"
    return f"{place} = {given}: {message}  ({source})"


def in_our_words(message: str) -> str:
    """What is allowed, out of pydantic's words: "must be a whole number"."""
    message = message.removeprefix("Value error, ")
    for words, ours in (
        ("Input should be ", "must be "),
        ("greater than or equal to", "at least"),
        ("less than or equal to", "at most"),
        ("greater than", "above"),
        ("less than", "below"),
        ("Tuple should have at least 1 item after validation, not 0", "must not be empty"),
        ("String should have at least 1 character", "must not be empty"),
        ("must be a valid array", A_LIST),
        ("must be a valid integer", "must be a whole number"),
        ("must be a valid number", "must be a number"),
        ("must be a valid string", "must be a text, in quotes"),
        ("must be a valid boolean", "must be true or false"),
        ("must be an object", "must be a section"),
        ("Field required", "must be given"),
    ):
        message = message.replace(words, ours)
    return message


def _meant(place: str, known: Sequence[str]) -> str:
    """ "did you mean accuracy.epochs?" for "accuracy.epoch", or for "epochs"; where no key is like
    it, those of its section, or nothing.
    """
    inside, _, key = place.rpartition(".")
    parts = [each.rpartition(".") for each in known]
    # Of a list, "grid.extra[1]", the item that the key stands in is meant.
    section = re.sub(r"\[\d+\]", "[]", inside)
    beside = [name for above, _, name in parts if above == section]
    likely = [joined(inside, each) for each in get_close_matches(key, beside, 1)]
    likely += [each for each, (_, _, name) in zip(known, parts, strict=True) if name == key]
    if not likely and "data" in beside:  # whose keys are the data set's own
        likely = [f"{inside}.data.{key}"]
    if likely:
        return f"did you mean {' or '.join(dict.fromkeys(likely))}?"
    return f"must be one of {', '.join(beside)}" if beside else ""


def keys(section: type[BaseModel], place: str) -> Iterator[str]:
    """Of a section and all within it; "grid.extra[].alpha" of the items of a list."""
    for name, field in section.model_fields.items():
        key = joined(place, name)
        yield key
        for mark, kinds in (("", [field.annotation]), ("[]", get_args(field.annotation))):
            for kind in kinds:
                if isinstance(kind, type) and issubclass(kind, BaseModel):
                    yield from keys(kind, f"{key}{mark}")
