"""Design-space exploration of MobileNets: cost, latency and accuracy over (alpha, rho).

For a notebook; the names and units of points, costs and limits are those of the report:

    results = sweep.load("results/reference")       # what `python -m sweep run` has left
    results.points                                  # pandas: one row a point
    sweep.pareto_front(results, "latency")          # the points that no other beats
    sweep.figures(results)["mult_adds"].show()      # plotly
    sweep.pick(results, latency_s=5e-3).best        # the most accurate within a budget
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sweep.notebook import Picked, Results, figures, load, pareto_front, pick

__all__ = ["Picked", "Results", "figures", "load", "pareto_front", "pick"]


def __getattr__(name: str) -> Any:
    """Imports pandas and plotly once they are needed: `import sweep` alone costs nothing, and a
    worker or `--help` never pays for them.
    """
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("sweep.notebook"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
