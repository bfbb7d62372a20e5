"""The cards of the points. The made-up run's numbers are in fake_results.py."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.report.content import figures
from sweep.report.content.cards import cards
from sweep.report.content.figures import label
from sweep.report.content.point_rows import kept_networks
from sweep.report.content.training_curves import MOST_STEPS
from sweep.report.values.units import Form
from tests.support import fake_results
from tests.support.commands import typed

WIDEST = ("separable", 1.0, 224)


def card(results, label):
    return next(each for each in cards(results) if each.label == label)


def quoted(results, label, title):
    (found,) = [each for each in card(results, label).figures if each.title == title]
    return found


def one(**more):
    return fake_results.results(points=[WIDEST], **more)


def test_every_point_has_a_card_in_the_runs_order(results):
    assert [each.label for each in cards(results)][:3] == ["1.0-224", "1.0-192", "1.0-160"]
    assert len(cards(results)) == 18
    assert card(results, "1.0-224").layers.rows[-1][6].value == 568_740_352
    assert card(results, "0.5-160").layers.rows[-1][6].value == 76_524_800
    for each in cards(results):
        assert len({figure.title for figure in each.figures}) == len(each.figures)
        for figure in each.figures:
            assert (figure.value.value is None) == bool(figure.value.reason)


@pytest.mark.parametrize(
    ("title", "value", "form"),
    [
        # The paper's Table 1 by hand, as in exact_counts.csv.
        ("Mult-adds", 568_740_352, Form.EXACT),
        ("Mult-adds of the traced program", 568_740_352, Form.EXACT),
        ("Mult-adds by fvcore", 568_740_352, Form.EXACT),
        ("Weights", 4_209_088, Form.EXACT),
        ("Trainable parameters", 4_231_976, Form.EXACT),
        ("Parameters with running statistics", 4_253_864, Form.EXACT),
        ("Weight bytes, float32", 4 * 4_209_088, Form.BYTES),
        ("Top-1 accuracy on photo-patches", 0.614, Form.SHARE),
        ("Test images", 4000, Form.EXACT),
        # Table 6, and TF-slim's list.
        ("Top-1 on ImageNet, as the paper prints it", 0.706, Form.SHARE),
        ("Top-1 on ImageNet, published by TF-slim (June 2017)", 0.707, Form.SHARE),
    ],
)
def test_a_card_holds_every_figure(results, title, value, form):
    found = quoted(results, "1.0-224", title)
    assert found.value.value == value
    assert found.form is form


def test_measured_figures_carry_intervals_and_percentiles(results):
    row = results.points.iloc[0]
    latency = quoted(results, "1.0-224", "Latency, batch 1").value
    assert (latency.value, latency.low, latency.high) == (
        row["latency_s"],
        row["latency_low_s"],
        row["latency_high_s"],
    )
    for share in (5, 95):
        found = quoted(results, "1.0-224", f"Latency, batch 1, {share}th percentile")
        assert found.value.value == row[f"latency_p{share}_s"]
        assert found.form is Form.SECONDS
    assert quoted(results, "1.0-224", "Compile time, batch 1").value.value == row["compile_s"]
    memory = quoted(results, "1.0-224", "Peak memory by XLA's account, batch 1")
    assert (memory.value.value, memory.form) == (row["peak_memory_bytes"], Form.BYTES)
    assert (
        quoted(results, "1.0-224", "Reference computation in the same rounds (batch 1)").value.value
        == 0.0101
    )
    for top in (1, 5):
        title = "Top-1 accuracy on photo-patches" if top == 1 else "Top-5 accuracy"
        value = quoted(results, "1.0-224", title).value
        assert (value.low, value.high) == (row[f"top{top}_low"], row[f"top{top}_high"])


def test_every_batch_size_is_on_the_card():
    more = [
        fake_results.reading(
            WIDEST, metric, value, batch=8, samples=[0.03, 0.04, 0.05] * (value == 0.04)
        )
        for metric, value in (("latency_s", 0.04), ("compile_s", 2.0), ("peak_memory_bytes", 9e7))
    ]
    results = one(more=more)
    assert quoted(results, "1.0-224", "Latency, batch 8").value.value == 0.04
    # Of 30, 40 and 50 ms the 5th percentile lies a tenth of the way to the second.
    low = quoted(results, "1.0-224", "Latency, batch 8, 5th percentile").value.value
    assert low == pytest.approx(0.031)
    assert quoted(results, "1.0-224", "Compile time, batch 8").value.value == 2.0
    assert quoted(results, "1.0-224", "Peak memory by XLA's account, batch 8").value.value == 9e7


def test_missing_figures_carry_their_reason():
    results = fake_results.results(torch=False)
    assert quoted(results, "0.5-160", "Mult-adds by fvcore").value.reason == (
        "torch is not installed"
    )
    top1 = quoted(results, "standard 1.0-224", "Top-1 accuracy on photo-patches").value
    assert top1.reason == "no reading in this run"
    paper = quoted(results, "0.75-192", "Top-1 on ImageNet, as the paper prints it").value
    assert paper.reason == "not published for this network"


def test_a_failed_measure_gives_its_reason_everywhere():
    results = one()
    readings = results.readings[results.readings["measure"] == "cost"]
    failed = [
        fake_results.reading(WIDEST, metric, None, reason="out of memory")
        for metric in ("top1", "top5", "test_images", "latency_s", "compile_s")
    ]
    broken = fake_results.with_readings(results, pd.concat([readings, pd.DataFrame(failed)]))
    broken = dataclasses.replace(broken, training=results.training.iloc[:0])
    for title in (
        "Top-1 accuracy",
        "Top-5 accuracy",
        "Test images",
        "Latency",
        "Latency, 95th percentile",
        "Compile time",
    ):
        assert quoted(broken, "1.0-224", title).value.reason == "out of memory"
    assert quoted(broken, "1.0-224", "Peak memory by XLA's account").value.reason == (
        "no reading in this run"
    )
    (widest,) = cards(broken)
    assert widest.curve_summary == "No training of this point is stored: out of memory."


def test_metrics_from_outside_are_on_the_card():
    more = [
        fake_results.reading(WIDEST, "energy", 0.25, title="Energy", unit="J", note="a meter"),
        fake_results.reading(
            WIDEST, "energy", None, title="Energy", unit="J", variant="idle", reason="no meter"
        ),
        fake_results.reading(WIDEST, "size", 1e6, title="Size", unit="B", better="neither"),
    ]
    results = one(more=more)
    energy = quoted(results, "1.0-224", "Energy (J)")
    assert (energy.value.value, energy.value.notes, energy.form) == (
        0.25,
        ("a meter",),
        Form.NUMBER,
    )
    assert quoted(results, "1.0-224", "Energy (idle, J)").value.reason == "no meter"
    assert quoted(results, "1.0-224", "Size").form is Form.BYTES


def test_a_note_stands_once_with_the_first_reading_that_has_it():
    results = one()
    accuracy = results.readings["measure"] == "accuracy"
    noted = results.readings.assign(note=results.readings["note"].mask(accuracy, "trained at 32"))
    (widest,) = cards(fake_results.with_readings(results, noted))
    notes = [figure.title for figure in widest.figures if figure.value.notes]
    assert notes == ["Top-1 accuracy on photo-patches"]


def test_a_point_stands_where_the_figures_place_it(results):
    # 0.75-192 has 59.0 %, 0.75-224 58.6 % for more; their parameters are the same 2,585,560.
    first, *others = card(results, "0.75-224").standing
    assert typed(first).startswith(
        "Over mult-adds, 0.75-192 beats it: 59.0 % at 239.3 M against 58.6 % at 325.4 M."
    )
    assert others[-1] == "One training each: their order may be chance."
    text = typed(" ".join(others))
    assert "Over parameters, 0.75-192 beats it: 59.0 % against 58.6 %, both at 2.586 M" in text
    assert "On the frontier over mult-adds, parameters, latency" in " ".join(
        card(results, "1.0-224").standing
    )


def test_standing_agrees_with_the_figures_marks(results):
    drawn = figures.figures(results)
    for each in cards(results, drawn):
        marks = [
            mark
            for figure in drawn
            if figure.source == figures.MEASURED
            for mark in figure.marks
            if mark.label == each.label
        ]
        text = " ".join(each.standing)
        assert text.count("beats it") == sum(not mark.on_front for mark in marks)
        assert all(f"{mark.dominated_by} beats it" in text for mark in marks if mark.dominated_by)
        assert ("On the frontier over" in text) == any(mark.on_front for mark in marks)
    assert cards(results) == cards(results, drawn)


def test_a_point_without_an_accuracy_is_on_no_frontier(results):
    (sentence,) = card(results, "shallow 1.0-224").standing
    assert sentence == "On no frontier: it takes both an accuracy and a cost."


def test_a_cost_that_was_not_read_is_said_so(results):
    readings = results.readings
    timed = readings["metric"].isin(["latency_s", "peak_memory_bytes"])
    gone = (readings["alpha"] == 1.0) & (readings["resolution"] == 224) & timed
    standing = card(fake_results.with_readings(results, readings[~gone]), "1.0-224").standing
    assert standing[0] == "On the frontier over mult-adds and parameters."
    assert standing[1] == "Not placed over latency and peak memory: not read."


def test_without_measured_accuracies_the_published_ones_place_a_point():
    results = fake_results.results(without=("top1", "top5", "test_images"))
    # TF-slim: 0.75-160 has 65.2 % at 166 M, 1.0-128 64.1 % at 186 M.
    standing = typed(card(results, "1.0-128").standing[0])
    assert standing.startswith("By published accuracies. Over mult-adds, 0.75-160 beats it: 65.2 %")


def test_the_curve_is_the_trainings(results):
    curve = card(results, "1.0-224").curve
    # Every 47th of 470 steps over 3 epochs: the loss falls from 3.1 to 1.2, accuracy to 61.4 %.
    assert len(curve) == 11
    assert curve[0].epoch == 0
    assert curve[-1].epoch == 3
    assert curve[-1].loss == pytest.approx(1.2)
    assert curve[5].accuracy == pytest.approx(0.307)
    assert typed(card(results, "1.0-224").curve_summary) == (
        "From epoch 0 to 3 the loss of the training batches fell from 3.1 to 1.2; their accuracy "
        "rose from 0.0 % to 61.4 %."
    )
    assert card(results, "standard 1.0-224").curve == ()
    assert card(results, "standard 1.0-224").curve_summary == (
        "No training of this point is stored."
    )


def trained(steps, losses):
    """The widest point with a curve of its own."""
    results = one()
    row = results.training.iloc[0].to_dict()
    rows = [
        row | {"step": step, "epoch": step / 100, "loss": loss, "accuracy": loss / 10}
        for step, loss in zip(steps, losses, strict=True)
    ]
    training = pd.DataFrame(rows, columns=results.training.columns)
    return cards(dataclasses.replace(results, training=training))[0]


@given(
    st.lists(
        st.tuples(st.integers(1, 50), st.floats(0.1, 10, allow_subnormal=False)),
        min_size=1,
        max_size=200,
    )
)
def test_a_long_curve_is_thinned_by_means(rows):
    counts, losses = zip(*rows, strict=True)
    steps = np.cumsum(counts)
    curve = trained(steps.tolist(), losses).curve
    assert len(curve) == min(len(rows), MOST_STEPS)
    assert curve[-1].epoch == steps[-1] / 100
    # Each entry is the mean since the one before: together they hold the mean of all steps.
    weights = np.diff([round(100 * each.epoch) for each in curve], prepend=0)
    whole = np.average(losses, weights=counts)
    assert np.average([each.loss for each in curve], weights=weights) == pytest.approx(whole)
    assert [each.accuracy for each in curve] == pytest.approx([each.loss / 10 for each in curve])


def test_a_curve_has_no_holes_and_its_own_order():
    # Stored out of order, and one loss that is no number.
    curve = trained([60, 20, 40], [1.0, 3.0, float("nan")]).curve
    assert [(each.epoch, each.loss) for each in curve] == [(0.2, 3.0), (0.6, 1.0)]
    assert trained([20], [float("inf")]).curve == ()
    assert trained([20], [2.0]).curve_summary.startswith("At epoch 0.2 the loss of the training")


def test_a_run_without_points_has_no_cards():
    assert cards(fake_results.empty()) == ()


def test_another_familys_card_shows_no_published_accuracy(results):
    readings = results.readings.assign(family="other")
    other = fake_results.with_readings(results, readings)
    other = dataclasses.replace(other, training=results.training.assign(family="other"))
    for figure in card(other, "1.0-224").figures:
        if "ImageNet" in figure.title:
            assert figure.value.reason == "not published for this network"
    assert card(other, "1.0-224").curve == card(results, "1.0-224").curve


def test_of_many_points_those_on_a_frontier_have_a_card(monkeypatch):
    monkeypatch.setattr("sweep.report.content.cards.MOST_CARDS", 12)
    made = cards(fake_results.results())
    labels = [each.label for each in made]
    assert len(labels) == 12
    rows = fake_results.results().points.to_dict(orient="records")
    fronts = [name for name in rows[0] if str(name).startswith("on_front")]
    assert {label(row) for row in rows if any(row[name] for name in fronts)} <= set(labels)
    every = [label(row) for row in rows]
    assert labels == sorted(labels, key=every.index)


def test_a_card_names_the_file_that_its_network_is_kept_in():
    run = one()
    readings = run.readings.copy()
    readings["artefacts"] = [["network-0f3a.safetensors"]] * len(readings)
    figures_of_it = card(fake_results.with_readings(run, readings), "1.0-224").figures
    notes = [note for each in figures_of_it for note in each.value.notes]
    assert any("networks/network-0f3a.safetensors" in each for each in notes)
    assert kept_networks(readings, "1.0-224") == ("network-0f3a.safetensors",)
    assert kept_networks(readings, "0.5-224") == ()
