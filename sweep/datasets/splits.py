"""Which split the name of a file or folder tells, and which of several is evaluated on.

The one place that decides this, for folders of images, Parquet files and .npz archives.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from sweep.types import listed

Split = Literal["train", "validation", "test"]

# As Hugging Face's `datasets` has them (data_files.py), in capitals too.
KEYWORDS: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
    "eval": "test",
    "evaluation": "test",
}
# The first that is there is evaluated on: points are compared and chosen by it. A test split beside
# it is held back: the accuracy of what was chosen is told on that.
EVALUATED_ON: tuple[Split, ...] = ("validation", "test")
MOST_NAMED = 2  # files of a split, in a sentence

# Set off by anything but a letter.
_KEYWORD = re.compile(rf"(?<![^\W\d_])(?:{'|'.join(KEYWORDS)})(?![^\W\d_])", re.IGNORECASE)


def split_of(path: str) -> Split | None:
    """By the keyword in the last part of a path or, where that has none, in the nearest above it.

    None where there is no keyword, or where the name has keywords of two splits.
    """
    for part in reversed(PurePosixPath(path).parts):
        told: set[Split] = {KEYWORDS[each.lower()] for each in _KEYWORD.findall(part)}
        if told:
            return told.pop() if len(told) == 1 else None
    return None


@dataclass(frozen=True)
class Division:
    """Names by the split that they tell, under None those that tell none."""

    names: Mapping[Split | None, tuple[str, ...]]
    wanted: Split | None = None  # that is evaluated on, where somebody says so

    @classmethod
    def of(cls, names: Iterable[str]) -> Division:
        by_split: dict[Split | None, tuple[str, ...]] = {}
        for name in names:
            split = split_of(name)
            by_split[split] = (*by_split.get(split, ()), name)
        return cls(by_split)

    @property
    def told(self) -> bool:
        """Whether any name tells a split."""
        return any(split is not None for split in self.names)

    @property
    def evaluated_on(self) -> Split | None:
        """The split whose images are for evaluation."""
        if self.wanted is not None:
            return self.wanted if self.wanted in self.names else None
        return next((split for split in EVALUATED_ON if split in self.names), None)

    def for_purpose(self, purpose: Split) -> tuple[str, ...]:
        """Names of what is trained on, evaluated on (all, where none tells a split), or held back
        where a validation split is evaluated on.
        """
        if not self.told:
            return self.names.get(None, ()) if purpose == "validation" else ()
        split = self.evaluated_on if purpose == "validation" else purpose
        if split is None or (purpose == "test" and self.evaluated_on == "test"):
            return ()
        return self.names.get(split, ())

    def sentence(self, *, trains: bool, holds_back: bool) -> str:
        """Which split is evaluated on, what is held back, and what left aside; empty where that is
        no question.
        """
        used: set[Split | None] = {self.evaluated_on, *(["train"] if trains else [])}
        used |= {"test"} if holds_back else set()
        aside: dict[Split | None, tuple[str, ...]] = {
            split: names for split, names in self.names.items() if split not in used
        }
        split = self.evaluated_on
        if not self.told and len(self.names.get(None, ())) > 1:
            return f"no name tells a split: evaluated on all of {_said(self.names[None])}"
        if split is None or not (aside or holds_back or split == "test"):
            return ""
        words = f"evaluated on the split {split}: {_said(self.names[split])}"
        if holds_back:
            words += f"; held back: {self.listed({'test': self.names['test']})}"
        if aside:
            words += f"; left aside: {self.listed(aside)}"
        return words

    def listed(self, names: Mapping[Split | None, tuple[str, ...]] | None = None) -> str:
        """ "train (a.parquet) and others (3, the first b.parquet)"."""
        names = self.names if names is None else names
        order: tuple[Split | None, ...] = ("train", "validation", "test", None)
        return listed(
            [f"{each or 'others'} ({_said(names[each])})" for each in order if each in names]
        )


def _said(names: tuple[str, ...]) -> str:
    return listed(names) if len(names) <= MOST_NAMED else f"{len(names)}, the first {names[0]}"
