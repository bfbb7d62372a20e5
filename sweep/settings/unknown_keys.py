"""What somebody who wrote a key that there is not may have meant."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import get_args

from pydantic import BaseModel

from sweep.settings.toml_data import joined

MOST_SUGGESTED = 3
MOST_ALLOWED = 12  # keys of a section that are listed where nothing is like the one that was given
# How like a name is (difflib's ratio) to be thought meant in the same section, and in another.
LIKE_HERE, LIKE_ELSEWHERE = 0.6, 0.8


def meant(
    place: str, section: type[BaseModel], above: str, root: type[BaseModel] | None = None
) -> str:
    """ "did you mean accuracy.epochs?" for "accuracy.epoch", or "epochs"; where no key is like it,
    the few that there are in its section, or nothing.

    place: the key, with the sections that it stands in. section: what `above` is a section of.
    root: of the whole file, where that is more.
    """
    item = re.search(r"\[\d+\]", place)  # in the second of a list, the second is meant
    known = [
        each.replace("[]", item[0] if item else "[]")
        for each in (*keys(section, above), *(keys(root, "") if root else ()))
        if item or "[]" not in each
    ]
    inside, _, key = place.rpartition(".")
    beside = [each for each in known if each.rpartition(".")[0] == inside]
    namesakes = [each for each in known if each.rpartition(".")[2] == key]
    likely = [*_like(key, beside, LIKE_HERE)[:1], *namesakes] or _like(key, known, LIKE_ELSEWHERE)
    if not likely and f"{inside}.data" in beside:  # whose keys are the data set's own
        likely = [f"{inside}.data.{key}"]
    if likely:
        return f"did you mean {' or '.join([*dict.fromkeys(likely)][:MOST_SUGGESTED])}?"
    if 0 < len(beside) <= MOST_ALLOWED:
        return f"must be one of {', '.join(each.rpartition('.')[2] for each in beside)}"
    return ""


def _like(key: str, known: Sequence[str], cutoff: float) -> list[str]:
    """Of `known` those whose last part is most like the key."""
    ends = {each: each.rpartition(".")[2] for each in known}
    near = get_close_matches(key.lower(), set(ends.values()), MOST_SUGGESTED, cutoff)
    return [each for end in near for each in known if ends[each] == end]


def keys(section: type[BaseModel], place: str) -> Iterator[str]:
    """Of a section and all within it; "grid.extra[].alpha" of the items of a list."""
    for name, field in section.model_fields.items():
        key = joined(place, name)
        yield key
        for mark, kinds in (("", [field.annotation]), ("[]", get_args(field.annotation))):
            for kind in kinds:
                if isinstance(kind, type) and issubclass(kind, BaseModel):
                    yield from keys(kind, f"{key}{mark}")
