"""What compiling a training step and a deployed network takes, cold and from the cache on disk.

    python -m benchmarks.compile          # the four corners of the grid: about 3 minutes
    python -m benchmarks.compile --quick  # one of them

Each figure is of a fresh process that does nothing else, on all cores.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.harness import ROOT, options, publish, table

CORNERS = ((1.0, 48, 224), (1.0, 27, 128), (0.25, 48, 224), (0.25, 27, 128))
PROGRAM = """
import json, sys
from pathlib import Path
from sweep.host.allocator import keep_freed_memory
from sweep.host.compile_cache import enable
keep_freed_memory()
enable(Path(sys.argv[1]))
kind, alpha, side = sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
import jax
seen = []
jax.monitoring.register_event_duration_secs_listener(
    lambda event, seconds, **_: seen.append((event, seconds)))
if kind == "training step":
    from benchmarks.training_contenders import ours
    ours(alpha, side, 64)
else:
    from benchmarks.inference_contenders import ours
    ours(alpha, side, 1)
backend = sum(s for e, s in seen if e == "/jax/core/compile/backend_compile_duration")
traced = sum(s for e, s in seen if "jaxpr_trace_duration" in e or "to_mlir" in e)
print(json.dumps({"compile_s": backend, "trace_s": traced}))
"""


def main() -> None:
    """Seconds, cold and warm, of each corner."""
    arguments = options(__doc__)
    rows = []
    for alpha, train_side, resolution in CORNERS[:1] if arguments.quick else CORNERS:
        for kind, side in (("training step", train_side), ("deployed", resolution)):
            with tempfile.TemporaryDirectory() as cache:
                cold, warm = (_fresh(Path(cache), kind, alpha, side) for _ in range(2))
            rows.append(
                (
                    f"{kind} {alpha}, {side} px",
                    *(
                        f"{each[key]:.1f}"
                        for key in ("compile_s", "trace_s")
                        for each in (cold, warm)
                    ),
                )
            )
            print(*rows[-1], sep="  ", flush=True)
    headings = ("program", "XLA, cold", "XLA, warm", "tracing, cold", "tracing, warm")
    words = (
        "Seconds. XLA: compiling, or loading from the cache, all programs of the case (weights and "
        "data are made by small ones). Tracing: Python to StableHLO, which no cache spares."
    )
    publish("Compilation", f"{words}\n\n{table(headings, rows)}", arguments)


def _fresh(cache: Path, kind: str, alpha: float, side: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(cache), kind, str(alpha),
         str(side)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
