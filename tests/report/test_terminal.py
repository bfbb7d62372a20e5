"""Tables in the terminal, and numbers as a person reads them."""

import io
from dataclasses import dataclass

import pytest
from rich.console import Console

from sweep.report.content.build import view
from sweep.report.terminal import answers
from sweep.report.terminal.rendering import rendered
from sweep.report.values import units
from sweep.report.values.units import Form
from tests.support import fake_results
from tests.support.commands import typed


@dataclass(frozen=True)
class Row:
    name: str
    type: str
    stride: int
    kernel: int
    channels_in: int
    channels_out: int
    size_in: int
    size_out: int
    mult_adds: int
    weights: int
    trainable_params: int = 0
    params_with_statistics: int = 0
    activations: int = 0


FOUR_WAYS = ("Point", "Closed form", "Traced program", "fvcore", "XLA, half its flops")


def rows(kind="separable", alpha=1.0, resolution=224):
    return [
        Row(name, **{k: v for k, v in row.items() if k not in ("ma", "w")},
            mult_adds=row["ma"], weights=row["w"])
        for name, row in fake_results.layer_rows(kind, alpha, resolution).items()
    ]  # fmt: skip


def printed(renderable, width=100):
    console = Console(width=width, file=io.StringIO())
    with console.capture() as capture:
        console.print(renderable)
    return typed(capture.get())


@pytest.fixture(scope="module")
def shown():
    return view(fake_results.results(torch=False))


def line(text, *words):
    (found,) = [each for each in text.splitlines() if all(word in each for word in words)]
    return " ".join(found.split())


def test_points_show_intervals_and_reasons(shown):
    text = printed(answers.points(shown))
    assert line(text, "0.5-160 ").startswith("0.5-160 52.3 % (50.8-53.8) 76.52 M 1.332 M 2.41 ms")
    assert "- [1]" in line(text, "standard 1.0-224")
    assert "[1] no reading in this run" in text


def test_counts_show_every_digit(shown):
    text = printed(rendered(shown.counts.only(*FOUR_WAYS)))
    assert "4,867,293,184 4,867,293,184 - [1]" in line(text, "standard 1.0-224")
    assert "[1] torch is not installed" in text


def test_compare_shows_the_paper_beside_the_run(shown):
    text = printed(answers.comparison(shown))
    assert "290 M 290.68 M +0.68 M yes" in line(text, "1.0 MobileNet-160", "290 M")
    assert "4866 M 4866.27 M +0.27 M yes" in line(text, "Conv MobileNet", "mult-adds")
    assert "290.675 truncated" in text
    assert f"tau with the published ranking: {shown.tau.value:.3f} over 16 points" in text
    assert "Every cost that was computed is within its tolerance." in text


def test_compare_shouts_where_a_cost_is_outside():
    results = fake_results.results()
    results.points.loc[results.points["kind"] == "shallow", "mult_adds"] += 2_000_000
    text = printed(answers.comparison(view(results)))
    assert "OUTSIDE" in line(text, "Shallow MobileNet", "mult-adds")
    assert "1 cost is outside its tolerance." in text


def test_layers_are_the_papers_table_1():
    text = printed(answers.layers(rows(), title="1.0-224"))
    # "Conv dw / s1, 3x3x512 dw, 14x14x512"; 9 * 512 * 14 * 14 = 903,168.
    assert line(text, "depthwise_7") == (
        "depthwise_7 1 3x3x512 dw 14x14x512 14x14x512 903,168 0.16 % 4,608 0.11 %"
    )
    assert line(text, "classifier").startswith("classifier 1 1024x1000 1x1x1024 1x1x1000 1,024,000")
    assert line(text, "total") == "total 568,740,352 100.00 % 4,209,088 100.00 %"


def test_shares_per_type_are_the_papers_table_2():
    text = printed(answers.layers(rows(), title="1.0-224", beside_the_paper=True))
    assert line(text, "Conv 1x1 ") == "Conv 1x1 94.86 % 94.86 % 74.59 % 74.59 %"
    assert line(text, "Conv DW 3x3 ") == "Conv DW 3x3 3.06 % 3.06 % 1.06 % 1.06 %"
    assert line(text, "Conv 3x3 ", "0.02") == "Conv 3x3 1.91 % 1.19 % [1] 0.02 % 0.02 %"
    assert line(text, "Fully Connected ", "0.18") == "Fully Connected 0.18 % 0.18 % 24.33 % 24.33 %"
    assert "digits swapped" in text


@pytest.mark.parametrize("width", [60, 80, 100])
def test_no_digit_is_cut_off_however_narrow(shown, width):
    text = printed(answers.layers(rows("standard"), title="standard 1.0-224"), width)
    text += printed(rendered(shown.counts.only(*FOUR_WAYS)), width)
    text += printed(answers.comparison(shown), width)
    assert "…" not in text


@pytest.mark.parametrize(
    ("value", "form", "expected"),
    [
        (0.0031, Form.SECONDS, "3.10 ms"),
        (12.34, Form.SECONDS, "12.3 s"),
        (95e-6, Form.SECONDS, "95.0 µs"),
        (0.9996, Form.SECONDS, "1.00 s"),
        (568_740_352, Form.COUNT, "568.7 M"),
        (4_867_293_184, Form.COUNT, "4.867 G"),
        (463_600, Form.COUNT, "463.6 k"),
        (999_960, Form.COUNT, "1.000 M"),
        (32, Form.COUNT, "32"),
        (0, Form.COUNT, "0"),
        (16_836_352, Form.BYTES, "16.8 MB"),
        (568_740_352, Form.EXACT, "568,740,352"),
        (0.614, Form.SHARE, "61.4 %"),
        (-0.5, Form.NUMBER, "-0.5"),
        ("none", Form.TEXT, "none"),
    ],
)
def test_numbers_as_a_person_reads_them(value, form, expected):
    assert typed(units.formatted(value, form)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.91, "91 %"), (0.131, "13 %"), (0.0721, "7.2 %"), (0.05, "5 %"), (0.0999, "10 %")],
)
def test_percent_in_sentences(value, expected):
    assert typed(units.percent(value)) == expected


def test_intervals_name_their_unit_once():
    assert typed(units.span(0.599, 0.629, Form.SHARE)) == "59.9-62.9 %"
    assert typed(units.span(9.5e-4, 1.05e-3, Form.SECONDS)) == "950 µs-1.05 ms"
    assert typed(units.bracket(0.614, 0.599, 0.629, Form.SHARE)) == "59.9-62.9"
    assert typed(units.bracket(1e-3, 9.5e-4, 1.05e-3, Form.SECONDS)) == "950 µs-1.05 ms"


@pytest.mark.parametrize(
    ("share", "written"),
    # On paper halves go up; 100 * 0.3755 is 37.549999999999997 in binary.
    [(0.3755, "37.6"), (0.3915, "39.2"), (0.3545, "35.5"), (0.34849, "34.8"), (1.0, "100.0")],
)
def test_shares_are_rounded_as_on_paper(share, written):
    assert units.share(share) == f"{written}\u00a0%"
    assert units.points(-share) == f"\u2212{written}\u00a0pt"


@pytest.mark.parametrize(
    ("size", "written"),
    [(9_953_484, "9.95\u00a0MB"), (999_960, "1.00\u00a0MB"), (99_960, "100\u00a0kB")],
)
def test_sizes_have_three_digits(size, written):
    assert units.size(size) == written
