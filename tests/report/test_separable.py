"""The saving of the separable layer. Expected numbers are hand arithmetic from the paper's Table 1.

D_K = 3 throughout: a block saves 9N / (N + 9) times.
"""

import pytest

from sweep.report.content.separable import derivation
from tests.support import fake_results
from tests.support.commands import typed

PAPERS = fake_results.results()


def blocks(results):
    table = derivation(results).blocks
    titles = [column.title for column in table.columns]
    return [dict(zip(titles, row, strict=True)) for row in table.rows]


def number(cell):
    assert isinstance(cell.value, float)
    return cell.value


def told(results):
    return typed(" ".join(derivation(results).sentences))


def test_every_block_has_the_papers_symbols_and_costs():
    rows = blocks(PAPERS)
    assert len(rows) == 14  # thirteen blocks and their sum
    channels = [32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024]
    sides = [112, 56, 56, 28, 28, 14, 14, 14, 14, 14, 14, 7, 7]
    for number, (row, m, n, d_f) in enumerate(
        zip(rows, channels, channels[1:], sides, strict=False), start=1
    ):
        assert row["Block"].value == str(number)
        assert [row[symbol].value for symbol in ("D_K", "M", "N", "D_F")] == [3, m, n, d_f]
        assert row["Standard"].value == 9 * m * n * d_f**2
        assert row["Depthwise"].value == 9 * m * d_f**2
        assert row["Pointwise"].value == m * n * d_f**2
        assert row["1/N + 1/D_K²"].value == pytest.approx(1 / n + 1 / 9)
        assert row["Times less"].value == pytest.approx(9 * n / (n + 9))


def test_the_standard_cost_is_that_of_the_runs_own_standard_network():
    # Another witness: the layers of Table 4's network, counted without any of these formulas.
    layers = fake_results.layer_rows("standard", 1.0, 224)
    for number, row in enumerate(blocks(PAPERS)[:-1], start=1):
        assert row["Standard"].value == layers[f"conv_{number}"]["ma"]


def test_all_blocks_together_are_the_networks_less_stem_and_classifier():
    total = blocks(PAPERS)[-1]
    both = 10_838_016 + 1_024_000  # stem and classifier, the same in either network
    standard, separable = 4_867_293_184 - both, 568_740_352 - both
    assert total["Block"].value == "all 13"
    assert total["Standard"].value == standard
    assert number(total["Depthwise"]) + number(total["Pointwise"]) == separable
    assert total["Times less"].value == pytest.approx(standard / separable)
    assert total["N"].value is None
    assert total["N"].reason


def test_the_derivation_has_the_runs_numbers():
    text = told(PAPERS)
    # 9 * 512 * 512 * 14 * 14 = 462,422,016 against 903,168 + 51,380,224 = 52,283,392: Table 3's
    # 462 and 52.3 M. 462,422,016 / 52,283,392 = 8.8445.
    assert "9 · 512 · 512 · 196 = 462,422,016" in text
    assert "903,168 + 51,380,224 = 52,283,392" in text
    assert "1/512 + 1/9 = 0.113, so 8.84 times less" in text
    # 4,867,293,184 / 568,740,352 = 8.558; 29,281,120 / 4,209,088 = 6.957.
    assert "4,867,293,184 against 568,740,352 mult-adds, 8.56 times less" in text
    assert "29,281,120 against 4,209,088, 6.96 times less" in text
    # 4,855,431,168 / 556,878,336 = 8.719.
    assert "4,855,431,168 mult-adds" in text
    assert "8.72 times less" in text
    # 149,497,088 / 568,740,352 = 0.2629 and 290,675,200 / 568,740,352 = 0.5111.
    assert "0.5-224 0.263 (α² = 0.25)" in text
    assert "1.0-160 0.511 (ρ² = 0.51)" in text


def test_eight_to_nine_times_holds_from_72_channels_on():
    # 9 * 72 / 81 = 8 exactly, 9 * 71 / 80 = 7.99, and 9N < 9 (N + 9) for every N.
    text = told(PAPERS)
    assert "never 9, and at least 8 where N is 72 or more" in text
    # N = 128: 8.409, N = 1024: 8.922; N = 64: 7.890.
    assert "12 of the 13 blocks of 1.0-224 cost 8.41 to 8.92 times less" in text
    assert "Block 1, where N is 64, costs 7.89 times less" in text
    for row in blocks(PAPERS)[:-1]:
        assert (8 <= number(row["Times less"]) < 9) == (number(row["N"]) >= 72)


def test_a_thin_network_saves_less():
    # alpha = 0.25 has N = 16, 32, 32, 64, 64, 128, ..., 256: 9 * 16 / 25 = 5.76,
    # 9 * 64 / 73 = 7.89, 9 * 256 / 265 = 8.69.
    results = fake_results.results(points=[("separable", 0.25, 128)])
    text = told(results)
    assert "8 of the 13 blocks of 0.25-128 cost 8.41 to 8.69 times less" in text
    assert "Blocks 1, 2, 3, 4 and 5, where N is 16 to 64, cost 5.76 to 7.89 times less" in text
    assert "no standard 0.25-128 to set beside" in text


def test_the_widest_network_at_hand_stands_in_for_1_0_224():
    thin, wide = ("separable", 0.25, 224), ("separable", 0.5, 128)
    assert "in 0.5-128" in derivation(fake_results.results(points=[thin, wide])).title
    assert "in 1.0-224" in derivation(PAPERS).title


def test_other_classes_and_standard_networks_alone():
    # A standard network has no separable layer to derive anything from.
    alone = derivation(fake_results.results(points=[("standard", 1.0, 224)]))
    assert alone.absent
    assert alone.sentences == alone.blocks.rows == ()
    assert alone.formulas == derivation(PAPERS).formulas
    # Blocks are the same whatever the classifier; whole networks are the run's own:
    # 4,867,293,184 - 1,013,760 = 4,866,279,424.
    few = fake_results.results(num_classes=10)
    assert blocks(few) == blocks(PAPERS)
    assert "4,866,279,424 against 567,726,592 mult-adds, 8.57 times less" in told(few)


@pytest.mark.parametrize("without", [("layer_mult_adds",), ("layer_weights",)])
def test_without_layers_nothing_is_derived(without):
    assert derivation(fake_results.results(without=without)).absent


def test_an_empty_run_has_the_formulas():
    empty = fake_results.empty()
    assert derivation(empty).absent
    assert derivation(empty).formulas[0].text == "D_K² · M · N · D_F²"
