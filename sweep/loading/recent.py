"""What was used last, kept in memory up to a number of bytes.

`functools.lru_cache` counts values, and these differ in size a thousandfold.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """Values by key; the least recently used give way, but for the one just asked for. Of threads
    that ask at the same time one makes a value, and the others wait.
    """

    def __init__(self, nbytes: Callable[[Value], int]) -> None:
        """nbytes: how much memory a value takes."""
        self._nbytes = nbytes
        self._values: OrderedDict[Hashable, Value] = OrderedDict()
        self._lock = Lock()

    def __reduce__(self) -> tuple[type[Recent[Value]], tuple[Callable[[Value], int]]]:
        """Without the values: another process makes its own."""
        return Recent, (self._nbytes,)

    def get(self, key: Hashable, make: Callable[[], Value], most_bytes: int) -> Value:
        """What is kept under `key`, or is made now and kept."""
        with self._lock:
            if key not in self._values:
                self._values[key] = make()
            self._values.move_to_end(key)
            while len(self._values) > 1 and self._bytes() > most_bytes:
                self._values.popitem(last=False)
            return self._values[key]

    def _bytes(self) -> int:
        return sum(map(self._nbytes, self._values.values()))
