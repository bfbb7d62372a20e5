"""The separable networks of the committed reference run, and what is published of them."""

from sweep.paper.published import tfslim_rows
from sweep.predict.accuracies import of_published
from sweep.predict.networks import chain
from sweep.results.load import load
from sweep.results.points import with_points
from tests.support.commands import ROOT

REFERENCE = with_points(load(ROOT / "results/reference"))
ROWS = [row for row in REFERENCE.points.to_dict("records") if row["kind"] == "separable"]
NETWORK = chain(REFERENCE.readings, ROWS)
PLACES = [(row["alpha"], row["resolution"]) for row in ROWS]
PUBLISHED = of_published([(e.alpha, e.resolution, e.top1.value) for e in tfslim_rows()])
