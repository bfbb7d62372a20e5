"""What each part keeps, as tests that a third party's inherits: derive, say what is to be tested,
and pytest runs them.

    class TestEnergy(MeasureContract):
        def measure(self, **settings):
            return Energy(**settings)

A line `pytest.register_assert_rewrite("sweep.testing")` in a conftest.py has failures say more.
"""

from sweep.testing.dataset import DatasetContract
from sweep.testing.engine import SIDE, Check, EngineContract, call, is_alive
from sweep.testing.family import FamilyContract
from sweep.testing.measure import MeasureContract
from sweep.testing.runtime import RuntimeContract

__all__ = [
    "SIDE",
    "Check",
    "DatasetContract",
    "EngineContract",
    "FamilyContract",
    "MeasureContract",
    "RuntimeContract",
    "call",
    "is_alive",
]
