"""One contender in a process of its own: its threads and its allocator disturb nobody else's.

Reads a JSON object a line and answers each with one: {"load": "module:function", "arguments": {}}
builds what is to be timed, {"calls": n} times it. Started by `harness`, never by hand.
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from sweep.host.allocator import keep_freed_memory
from sweep.measures.timing_worker import sample


def main() -> None:
    """Answers until standard input ends. What fails to load is told, and is no end."""
    answers = sys.stdout
    sys.stdout = sys.stderr  # what a library prints must not look like an answer
    run: Callable[[], object] | None = None
    for line in sys.stdin:
        job = json.loads(line)
        if "load" in job:
            run = None
            gc.collect()
            answer, run = load(job)
        else:
            assert run is not None
            answer = {"seconds": sample(run, job["calls"])}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def load(job: dict[str, Any]) -> tuple[dict[str, Any], Callable[[], object] | None]:
    """Builds a contender and calls it twice. -> (what it gave, the call)."""
    module, _, function = job["load"].partition(":")
    try:
        run = getattr(import_module(module), function)(**job["arguments"])
        result = run()
        run()
    except ImportError as error:
        return {"missing": str(error)}, None
    return {"result": result}, run


if __name__ == "__main__":
    # Before JAX or PyTorch makes threads of its own: the same allocator for all.
    keep_freed_memory()
    main()
