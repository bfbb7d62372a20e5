"""The made-up run and what is shown of it, once for all tests that only look."""

import pytest

from sweep.report.content.build import view
from sweep.report.values.view import View
from sweep.results.load import Results
from tests.support import fake_results


@pytest.fixture(scope="session")
def results() -> Results:
    return fake_results.results()


@pytest.fixture(scope="session")
def shown(results: Results) -> View:
    return view(results)


@pytest.fixture(scope="session")
def separable(results):
    """Its sixteen points of the paper's grid, the cheapest first."""
    points = results.points
    return points[points["kind"] == "separable"].sort_values("mult_adds")
