"""What the targets of checkpoints share: one is loaded, and fails as `load` says it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.fuzz.target import Check, Fault

# Thin, so that most of a file is its structure and damage hits that.
ALPHA, RESOLUTION, CLASSES = 0.04, 64, 3
INSTRUMENTS = ("mnv1_flax.checkpoints",)


def loaded_as(suffix: str) -> Callable[[Path], AbstractContextManager[Check]]:
    """A target's room where a case is a file of that suffix."""

    @contextmanager
    def room(folder: Path) -> Iterator[Check]:
        from mnv1_flax.checkpoints import CheckpointError, load

        path = folder / f"case{suffix}"

        def check(case: bytes) -> bool:
            path.write_bytes(case)
            try:
                load(path, resolution=RESOLUTION)
            except CheckpointError as error:
                if not str(error).startswith(f"{path}: "):
                    raise Fault(f"the message does not name the file: {error}") from None
                if len(str(error)) > 100_000:
                    raise Fault(f"a message of {len(str(error))} characters") from None
                return False
            return True

        with pytest.MonkeyPatch.context() as patch:
            _traced_once(patch)
            yield check

    return room


def _traced_once(patch: pytest.MonkeyPatch) -> None:
    """The network without its numbers is worked out once for each set of arguments: it takes a
    tenth of a second, and is no matter of the file's.
    """
    from flax import nnx

    assemble: Any = import_module("mnv1_flax.checkpoints.assemble")

    plain = assemble.abstract

    @cache
    def split(arguments: tuple[tuple[str, Any], ...]) -> Any:
        return nnx.split(plain(**dict(arguments)))

    def abstract(**arguments: Any) -> Any:
        return nnx.merge(*split(tuple(sorted(arguments.items()))))

    patch.setattr(assemble, "abstract", abstract)
