"""What the paper prints (arXiv 1704.04861), and TF-slim."""

from itertools import groupby

import pytest

from sweep import paper
from sweep.paper import Published
from sweep.paper.published import paper_rows, table_2, tfslim_rows


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        # Tables 4, 6, 7, 8; TF-slim prints 70.7 for the same network.
        (("separable", 1.0, 224), Published(0.706, 569_000_000, 4_200_000, 0.707, 0.895)),
        # Table 9 alone prints two decimals of the parameters.
        (("separable", 0.5, 160), Published(0.602, 76_000_000, 1_320_000, 0.599, 0.825)),
        # Only Table 10 has 0.75-192; its accuracy and parameters there are of Stanford Dogs.
        (("separable", 0.75, 192), Published(None, 239_000_000, None, 0.674, 0.873)),
        (("separable", 0.25, 128), Published(None, None, None, 0.413, 0.662)),
        (("standard", 1.0, 224), Published(0.717, 4_866_000_000, 29_300_000, None, None)),
        (("shallow", 1.0, 224), Published(0.653, 307_000_000, 2_900_000, None, None)),
        (("separable", 0.3, 224), Published()),
        (("no such kind", 1.0, 224), Published()),
    ],
)
def test_what_is_published_of_a_network(network, expected):
    assert paper.published(*network) == expected


def test_eight_accuracies_are_printed_and_tfslims_are_within_0_3_points():
    both = [paper.published("separable", row.alpha, row.resolution) for row in tfslim_rows()]
    assert len(both) == 16
    printed = [each for each in both if each.top1 is not None]
    assert len(printed) == 8
    for each in printed:
        assert each.top1 == pytest.approx(each.published_top1, abs=0.003 + 1e-9)


def test_no_network_is_printed_twice_with_different_numbers():
    networks = [row for row in paper_rows() if 4 <= row.table <= 9 and row.kind != "other"]
    key = lambda row: (row.kind, row.alpha, row.resolution)  # noqa: E731
    for _, group in groupby(sorted(networks, key=key), key):
        assert len({(row.accuracy, row.mult_adds, row.params) for row in group}) == 1


def test_a_printed_number_knows_its_last_digit():
    row = next(row for row in paper_rows() if row.model == "0.50 MobileNet-160")
    assert row.mult_adds is not None
    assert row.params is not None
    assert (row.mult_adds.value, row.mult_adds.step) == (76e6, 1e6)
    assert (row.params.value, row.params.step) == (1.32e6, 1e4)


def test_table_2_adds_to_100_percent_but_for_its_swapped_digits():
    assert sum(row.params.value for row in table_2()) == pytest.approx(1, abs=2e-4)
    printed = sum(row.mult_adds.value for row in table_2())
    assert printed + 0.0191 - 0.0119 == pytest.approx(1, abs=2e-4)
