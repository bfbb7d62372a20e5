"""The paper's Tables 1 to 14 as they are shown, and every trap told where it shows.

Shapes are the paper's own print (arXiv 1704.04861, Table 1), counts hand arithmetic from it.
"""

import io
import json

import pytest
from rich.console import Console

from sweep import paper
from sweep.cli import json_answers
from sweep.paper.published import table_1, traps
from sweep.report.content import paper_tables, tables
from sweep.report.terminal import answers
from sweep.report.values.plain_data import plain_data
from tests.support import fake_results

LAST = "Conv dw / s2"  # the row whose stride is misprinted


def body(results):
    return {
        (row[0].value, row[1].value): dict(
            zip((column.title for column in paper_tables.body(results).columns), row, strict=True)
        )
        for row in paper_tables.body(results).rows
    }


def number(table):
    """ "7" of "Table 7. MobileNet resolution"."""
    return table.title.partition(". ")[0].removeprefix("Table ")


def test_table_1_is_consistent_as_printed_but_for_the_last_depthwise_layer():
    # What one row puts out the next takes in: a stride of 2 halves the map, and the channels are
    # the filter's last number. Five layers of stride 1 change nothing.
    odd = []
    for row, following in zip(table_1(), table_1()[1:], strict=False):
        side, _, channels = (int(each) for each in row.shape.input_size.split(" × "))
        kind, stride = row.shape.type_stride.split(" / s")
        if kind == "Avg Pool":
            side = 1
        elif kind == "FC":
            channels = 1000
        else:
            side //= int(stride)
            if kind == "Conv":
                channels = int(row.shape.filter_shape.split(" × ")[3])
        if following.shape.input_size != f"{side} × {side} × {channels}":
            odd.append((row.shape.type_stride, row.shape.filter_shape))
    assert odd == [(LAST, "3 × 3 × 1024 dw")]
    # The paper: "28 layers, counting depthwise and pointwise convolutions as separate layers".
    assert sum(row.times for row in table_1()) - len(["Avg Pool", "Softmax"]) == 28


def test_the_run_has_table_1s_layers_but_for_the_trap():
    rows = body(fake_results.results())
    assert len(rows) == len(table_1()) == 22
    differing = {
        key for key, row in rows.items() if row["This run"].value != paper_tables.AS_PRINTED
    }
    assert differing == {(LAST, "3 × 3 × 1024 dw"), ("Softmax / s1", "Classifier")}
    trap = rows[LAST, "3 × 3 × 1024 dw"]["This run"]
    assert trap.value == "Conv dw / s1"
    assert "must be stride 1" in trap.notes[0]
    softmax = rows["Softmax / s1", "Classifier"]["This run"]
    assert softmax.value is None
    assert "logits" in softmax.reason


@pytest.mark.parametrize(
    ("row", "mult_adds", "weights"),
    [
        (("Conv / s2", "3 × 3 × 3 × 32"), 9 * 3 * 32 * 112**2, 9 * 3 * 32),
        (("Conv dw / s1", "3 × 3 × 32 dw"), 9 * 32 * 112**2, 9 * 32),
        (("5 × Conv dw / s1", "3 × 3 × 512 dw"), 5 * 9 * 512 * 14**2, 5 * 9 * 512),
        (("5 × Conv / s1", "1 × 1 × 512 × 512"), 5 * 512**2 * 14**2, 5 * 512**2),
        # Stride 1, not the printed 2: 7 x 7 out. At 4 x 4 out it would cost 147,456.
        ((LAST, "3 × 3 × 1024 dw"), 9 * 1024 * 7**2, 9 * 1024),
        (("FC / s1", "1024 × 1000"), 1024 * 1000, 1024 * 1000),
    ],
)
def test_rows_of_table_1_cost_what_hand_arithmetic_says(row, mult_adds, weights):
    found = body(fake_results.results())[row]
    assert (found["Mult-adds"].value, found["Weights"].value) == (mult_adds, weights)


def test_table_1_sums_to_the_network():
    caption = paper_tables.body(fake_results.results()).caption
    assert "568,740,352 mult-adds and 4,209,088 weights" in caption
    assert "One row differs" in caption


def test_table_1_without_the_network_is_the_papers_with_a_reason():
    printed = paper_tables.body(fake_results.results()).rows
    for results, reason in (
        (fake_results.results(points=[("separable", 0.5, 128)]), "separable 1.0-224 is not in"),
        (fake_results.results(without=("layer_weights",)), "no per-layer counts"),
    ):
        rows = paper_tables.body(results).rows
        assert [row[:3] for row in rows] == [row[:3] for row in printed]
        for row in rows[:-1]:
            assert all(cell.value is None and reason in cell.reason for cell in row[3:])
        # The misprint is one whatever was run.
        assert any("must be stride 1" in " ".join(row[3].notes) for row in rows)


def test_table_1_tells_other_classes_and_missing_layers():
    classifier = body(fake_results.results(num_classes=10))["FC / s1", "1024 × 1000"]["This run"]
    assert classifier.value == "1024 × 10"
    assert "this run has 10 classes" in " ".join(classifier.notes)
    results = fake_results.results()
    results.readings.loc[:, "layer"] = results.readings["layer"].replace("depthwise_9", "another")
    five = body(results)["5 × Conv dw / s1", "3 × 3 × 512 dw"]["This run"]
    assert five.reason == "this run has no layer depthwise_9"


def test_five_layers_of_different_shapes_are_not_summed():
    results = fake_results.results()
    ninth = results.readings["layer"] == "depthwise_9"
    notes = results.readings.loc[ninth, "note"]
    results.readings.loc[ninth, "note"] = [
        json.dumps(json.loads(note) | {"kernel": 5}) for note in notes
    ]
    row = body(results)["5 × Conv dw / s1", "3 × 3 × 512 dw"]
    assert "differ" in row["This run"].reason
    assert row["Mult-adds"].value is None


# The figure by which a trap is known -> in the notes of each of its tables.
TOLD = {
    "Table 1": {"1": "must be stride 1"},
    "Table 2": {"2": "1.91"},
    "Table 4": {"4": "4867.29"},
    "Tables 7, 9 and 12": {"7": "290.675", "9": "76.525", "12": "48.648"},
    "Table 10": {"10": "120 classes"},
    "Table 12": {"12": "45 is not reproducible: 40.8"},
    "Table 14": {"14": "label slip"},
    "Parameters": dict.fromkeys("4678", "4,253,864"),
    "TF-slim": {"TF-slim": "30.2"},
    "Keras": {"7": "529"},
    "FLOPs": {"counts": "1.15 GFLOPs"},
    "Accuracy": dict.fromkeys(["4", "6", "7", "8", "TF-slim"], "75.4"),
    "Padding": {"1": "SAME"},
}


@pytest.mark.parametrize("points", [None, [("separable", 0.25, 128)]], ids=["full", "one point"])
def test_every_trap_is_told_where_it_shows(points):
    results = fake_results.results(points=points)
    compared = paper_tables.comparisons(paper.compare(results.points, results.readings))
    notes = {number(each): " | ".join(each.notes) for each in compared}
    notes["1"] = " | ".join(paper_tables.body(results).notes)
    notes["counts"] = tables.counts(results).caption
    assert {trap.where for trap in traps()} == set(TOLD)
    for trap in traps():
        assert set(trap.tables) == set(TOLD[trap.where])
        for table, figure in TOLD[trap.where].items():
            # How a number was computed is told where it was: 120 classes, TF-slim's stem.
            if points is None or trap.where != "Table 10":
                assert figure in notes[table], (trap.where, table)


def test_every_note_hangs_at_a_cell(shown):
    for table in (shown.body, *shown.comparisons):
        marked = {number for row in table.rows for cell in row for number in table.marks(cell)}
        assert marked == set(range(1, len(table.notes) + 1))


def test_tables_are_in_the_papers_order_under_their_own_headings(shown):
    by_number = {number(each): each for each in shown.comparisons}
    assert [*by_number] == [*"23456789", "10", "12", "14", "TF-slim"]
    assert by_number["2"].columns[0].title == "Type"
    assert by_number["7"].columns[0].title == "Model"
    # Costs have a tolerance to be within, accuracies none.
    assert by_number["12"].groups == (
        ("Mult-adds", 4),
        ("Parameters", 4),
        ("Mean average precision", 3),
    )
    assert by_number["14"].groups[2] == ("1e-4 accuracy", 3)


def test_json_has_every_table(shown):
    told = json.loads(json.dumps(plain_data(json_answers.comparison(shown))))
    (trap,) = [row for row in told["table_1"] if row["This run"] == "Conv dw / s1"]
    assert "must be stride 1" in trap["notes"]["This run"]
    assert sum(row["Mult-adds"] or 0 for row in told["table_1"]) == 568_740_352
    assert {row["table"] for row in told["rows"]} >= {"2", "12", "14"}
    assert told["saving"]["blocks"][-1]["Block"] == "all 13"
    assert told["outside_tolerance"] == 0


def test_the_terminal_prints_what_json_has(shown):
    console = Console(width=120, file=io.StringIO())
    with console.capture() as capture:
        console.print(answers.comparison(shown))
    text = capture.get()
    for title in (
        "Table 1.",
        "Table 2.",
        "Table 12.",
        "Table 14.",
        "What the separable layer saves",
    ):
        assert title in text
    (line,) = [each for each in text.splitlines() if "3 × 3 × 1024 dw" in each]
    assert line.split()[-4:] == ["s1", "[2]", "451,584", "9,216"]
    assert "must be stride 1" in text
