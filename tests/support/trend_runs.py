"""Made-up runs for tests of trends, and a scatter of them by its name."""

import dataclasses

from sweep.report.content.trends import trends
from tests.support import fake_results

SIXTEEN = [key for key in fake_results.all_points() if key[0] == "separable"]
FOUR = [("separable", 1.0, 224), ("separable", 0.5, 224), ("separable", 0.25, 224)]
FOUR += [("separable", 0.25, 128)]
FIVE = [*FOUR, ("separable", 0.75, 224)]


def drawn(results, name):
    return next(each for each in trends(results) if each.name == name)


def changed(results, **columns):
    """The run with columns of points.parquet set, in the order of its points."""
    return dataclasses.replace(results, points=results.points.assign(**columns))


def of_four(**columns):
    return changed(fake_results.results(points=FOUR), **columns)


def of_five(**columns):
    return changed(fake_results.results(points=FIVE), **columns)
