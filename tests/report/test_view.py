"""What is shown of a run. The made-up run's numbers are in fake_results.py."""

import dataclasses
from pathlib import Path

import pytest

from sweep.report.content.build import view
from sweep.types import Point
from tests.support import fake_results
from tests.support.commands import typed

TWO = [("separable", 1.0, 224), ("separable", 0.25, 128)]


def figure(shown, name, source="measured"):
    return next(each for each in shown.figures if (each.name, each.source) == (name, source))


def test_the_same_results_give_the_same_view(shown):
    assert view(fake_results.results()) == shown
    assert view(fake_results.results(torch=False)) != shown


def test_nothing_in_a_view_can_change(shown):
    """Tuples and frozen values all the way down, but for the tables of the panel and of what is
    predicted, which scripts read as they are: JSON's objects.
    """
    hash(dataclasses.replace(shown, panel=None, predictions=None))

    def walk(value):
        frozen = getattr(value, "__dataclass_params__", None)
        assert isinstance(value, tuple | str | int | float | None) or (frozen and frozen.frozen)
        if isinstance(value, tuple):
            for each in value:
                walk(each)
        elif dataclasses.is_dataclass(value):
            for field in dataclasses.fields(value):
                walk(getattr(value, field.name))

    walk(dataclasses.replace(shown, panel=None, predictions=None))


def test_the_title_is_the_point_of_fewest_mult_adds_with_nine_tenths_of_the_best_accuracy(shown):
    # Best 61.4 %, nine tenths 55.26 %: 0.5-224 has 55.9 % for 149.5 M of 568.7 M mult-adds, and
    # every point of fewer has less. 55.9 / 61.4 = 0.910, 149.5 / 568.7 = 0.263.
    assert typed(shown.title) == (
        "0.5-224 gives 91 % of the best accuracy at 26 % of its mult-adds "
        "(one training each: their order may be chance)"
    )


def test_the_findings_carry_their_figures(shown):
    text = typed(" ".join(shown.findings))
    assert "18 networks: 16 separable, 1 standard and 1 shallow" in text
    assert "1.0-224: 61.4 %" in text
    assert "149.5 M against 568.7 M mult-adds" in text
    assert "of 16 points with a measured accuracy: 10 over mult-adds, 4 over parameters" in text
    assert "0.75-224 by 0.75-192" in text
    assert f"tau of {shown.tau.value:.2f}" in text


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("mult_adds", "on_front_mult_adds"),
        ("params", "on_front_params"),
        ("latency", "on_front_latency"),
    ],
)
def test_the_frontier_is_that_of_points_parquet(shown, name, column):
    points = fake_results.results().points
    expected = points[column].sum()
    drawn = figure(shown, name)
    assert sum(mark.on_front for mark in drawn.marks) == expected
    assert len(drawn.front) == expected
    assert list(drawn.front) == sorted(drawn.front)
    accuracies = [y for _, y in drawn.front]
    assert accuracies == sorted(accuracies)


def test_what_dominates_a_point_beats_it(shown):
    for drawn in shown.figures:
        marks = {mark.label: mark for mark in drawn.marks}
        for mark in drawn.marks:
            beaten = [
                other.label
                for other in drawn.marks
                if other.x.value <= mark.x.value
                and other.y.value >= mark.y.value
                and (other.x.value, other.y.value) != (mark.x.value, mark.y.value)
            ]
            assert mark.on_front == (not beaten)
            assert mark.dominated_by in ([""] if mark.on_front else beaten)
            assert mark.dominated_by in {"", *marks}


def test_points_without_an_accuracy_are_not_drawn(shown):
    for drawn in shown.figures:
        others = {"standard 1.0-224", "shallow 1.0-224"} & {mark.label for mark in drawn.marks}
        # The paper prints theirs (Tables 4 and 5), and those of eight separable points.
        assert (len(drawn.marks), len(others)) == ((10, 2) if drawn.source == "paper" else (16, 0))


def test_there_is_a_figure_for_every_cost_and_source(shown):
    costs = ["mult_adds", "params", "latency", "peak_memory"]
    assert [name for name, _ in shown.sources] == ["measured", "tfslim", "paper"]
    assert [(each.name, each.source) for each in shown.figures] == [
        (cost, source) for source, _ in shown.sources for cost in costs
    ]


def test_published_accuracies_have_frontiers_of_their_own(shown):
    drawn = figure(shown, "mult_adds", "paper")
    # Tables 4 to 7 and 9: 41.0 M 50.6 %, 76.5 60.2, 149.5 63.7, 186.4 64.4, 290.7 67.2, 325.4 68.4,
    # 418.1 69.1, 568.7 70.6, 4867.3 71.7 (standard); the shallow network, 307.3 M 65.3 %, has less
    # than the cheaper 1.0-160 and nothing else is beaten.
    assert [round(1000 * y) for _, y in drawn.front] == [
        506, 602, 637, 644, 672, 684, 691, 706, 717,
    ]  # fmt: skip
    beaten = {mark.label: mark.dominated_by for mark in drawn.marks if mark.dominated_by}
    assert beaten == {"shallow 1.0-224": "1.0-160"}
    assert drawn.paper == ()
    # TF-slim's 0.75-192 has 67.4 % for 239.3 M, 1.0-160 67.2 % for 290.7 M.
    slim = {mark.label: mark for mark in figure(shown, "mult_adds", "tfslim").marks}
    assert slim["1.0-160"].dominated_by == "0.75-192"
    assert slim["1.0-160"].y.low is None


def test_figures_follow_the_paper(shown):
    assert figure(shown, "mult_adds").x.log
    assert not figure(shown, "params").x.log
    assert figure(shown, "latency").x.unit == "s"
    assert figure(shown, "latency").paper == ()
    for name in ("mult_adds", "params"):
        paper = {mark.label: mark for mark in figure(shown, name).paper}
        assert len(paper) == 16
        assert paper["1.0-224"].y.value == 0.706
        assert paper["1.0-224"].hover[-1] == "source: the paper"
        # Not printed in the paper: TF-slim's.
        assert paper["0.75-192"].y.value == 0.674
        assert "TF-slim" in paper["0.75-192"].hover[-1]
        assert sum(mark.hover[-1] == "source: the paper" for mark in paper.values()) == 8
    assert {mark.label: mark.x.value for mark in figure(shown, "mult_adds").paper}["0.75-224"] == (
        325_400_448
    )


def test_published_points_outside_the_grid_stand_where_the_paper_prints_them():
    drawn = figure(view(fake_results.results(points=TWO)), "mult_adds")
    # Nine networks have printed mult-adds; 0.25-128 has this run's own; for the rest nobody
    # gives a number that can be trusted (TF-slim's have traps).
    assert len(drawn.paper) == 10
    assert {mark.label: mark.x.value for mark in drawn.paper}["0.75-192"] == 239e6


def test_intervals_are_on_the_marks(shown):
    for mark in figure(shown, "latency").marks:
        for estimate in (mark.x, mark.y):
            assert estimate.low is not None
            assert estimate.high is not None
            assert estimate.low <= estimate.value <= estimate.high
    assert all(mark.x.low is None for mark in figure(shown, "params").marks)


def test_a_figure_says_in_words_what_it_shows(shown):
    summary = figure(shown, "mult_adds").summary
    assert summary.index("0.25-128") < summary.index("1.0-224")
    assert "0.75-224 by 0.75-192" in summary


def test_missing_readings_carry_their_reason():
    shown = view(fake_results.results(torch=False))
    assert "Mult-adds by fvcore is missing for all 18 points: torch is not installed." in (
        shown.warnings
    )
    column = [each.title for each in shown.counts.columns].index("fvcore")
    assert {row[column].reason for row in shown.counts.rows} == {"torch is not installed"}


def test_an_empty_cell_has_the_reason_of_its_own_metric_and_batch():
    key = ("separable", 1.0, 224)
    reasons = {
        ("latency_s", 8): "its timing process died",
        ("compile_s", 1): "it came from the cache",
        ("compile_s", 8): "nobody compiled it",
    }
    more = [
        fake_results.reading(key, metric, None, measure="latency", batch=batch, reason=reason)
        for (metric, batch), reason in reasons.items()
    ]
    results = fake_results.results(points=[key], without=["compile_s"], more=more)
    table = view(results).points
    told = {
        column.title: cell.reason
        for column, cell in zip(table.columns, table.rows[0], strict=True)
        if cell.reason
    }
    died = reasons["latency_s", 8]
    assert told == {
        "Compile": reasons["compile_s", 1],
        "Latency, batch 8": died,
        "5th percentile, batch 8": died,
        "95th percentile, batch 8": died,
        "Compile, batch 8": reasons["compile_s", 8],
        "Peak memory, batch 8": "no reading in this run",
    }


def test_a_failed_measure_makes_no_column_of_no_batch():
    failed = fake_results.reading(("separable", 1.0, 224), "latency_s", None, reason="died")
    results = fake_results.results(without=["latency_s"], more=[failed])
    assert not [column for column in results.points if "batch" in column]


def test_an_interrupted_run_says_what_is_left():
    results = fake_results.results()
    readings = results.readings
    undone = (readings["measure"] == "accuracy") & (readings["alpha"] == 0.25)
    shown = view(dataclasses.replace(results, readings=readings[~undone]))
    (left,) = [each for each in shown.warnings if "Not measured yet" in each]
    assert left == (
        "Not measured yet: accuracy of 0.25-224, 0.25-192, 0.25-160 and 0.25-128. "
        "The same run command continues."
    )
    point = Point("mobilenet_v1", "separable", 0.25, 1.0, 224)
    earlier = frozenset({(point.key, "accuracy")})
    more = dataclasses.replace(results, readings=readings[~undone], earlier=earlier)
    assert more.outside == ()
    assert (
        "Of 0.25-224 there are readings of accuracy under earlier settings or "
        "versions, or of another machine: "
        "they are kept, and not shown."
    ) in view(more).warnings
    # standard and shallow never ask for an accuracy.
    assert not any("Not measured yet" in each for each in view(results).warnings)


def test_counts_that_disagree_are_called_out():
    results = fake_results.results()
    results.points.loc[0, "mult_adds_traced"] += 1
    assert any("disagree at 1.0-224" in each for each in view(results).warnings)
    assert not any("disagree" in each for each in view(fake_results.results()).warnings)


def test_a_cost_outside_its_tolerance_is_counted_and_called_out():
    results = fake_results.results()
    results.points.loc[results.points["kind"] == "shallow", "mult_adds"] += 2_000_000
    shown = view(results)
    assert shown.outside == 1
    assert any("Shallow MobileNet" in each and "Outside" in each for each in shown.warnings)


def test_every_empty_cell_has_a_reason(shown):
    for table in (shown.points, shown.counts):
        assert len(table.rows) == 18
        for row in table.rows:
            assert len(row) == len(table.columns)
            for cell in row:
                assert (cell.value is None) == bool(cell.reason)


def test_the_papers_tables_stand_beside_the_run(shown):
    numbers = [each.title.partition(". ")[0].removeprefix("Table ") for each in shown.comparisons]
    assert numbers == [*"23456789", "10", "12", "14", "TF-slim"]
    tables = dict(zip(numbers, shown.comparisons, strict=True))
    for row in shown.compared:
        table = tables[row.table]
        groups = [column.group for column in table.columns]
        (cells,) = [cells for cells in table.rows if cells[0].value == row.model]
        # Published, computed, difference: the notes hang at what was computed.
        computed = cells[groups.index(row.quantity.value.capitalize()) + 1]
        said = {table.notes[number - 1] for number in table.marks(computed)}
        assert said == {text for text in (*row.notes, row.reason) if text}


def test_a_metric_that_is_better_when_higher_turns_the_frontier():
    more = [
        fake_results.reading(key, "margin", place, title="Margin", better="higher")
        for place, key in enumerate(fake_results.all_points()[:16], start=1)
    ]
    drawn = figure(view(fake_results.results(more=more)), "margin")
    ahead = {mark.label for mark in drawn.marks if mark.on_front}
    assert {"1.0-224", "0.25-128"} <= ahead
    assert [x for x, _ in drawn.front] == sorted((x for x, _ in drawn.front), reverse=True)


def test_every_batch_size_has_a_figure_and_columns():
    more = [
        fake_results.reading(
            key, "latency_s", 0.02, measure="latency", batch=8, samples=[0.02, 0.021]
        )
        for key in fake_results.all_points()
    ]
    shown = view(fake_results.results(more=more))
    measured = [each.name for each in shown.figures if each.source == "measured"]
    assert measured[2:4] == ["latency", "latency_batch8"]
    assert "Latency, batch 8" in [column.title for column in shown.points.columns]


def test_latencies_of_two_machines_are_refused():
    results = fake_results.results()
    results.readings.loc[results.readings["alpha"] == 0.5, "machine_id"] = "another"
    both = f"another, {fake_results.MACHINE_ID}"
    with pytest.raises(ValueError, match=f"{both}.*can't share a frontier"):
        view(results)


def test_a_run_without_accuracies_says_so():
    shown = view(fake_results.results(without=("top1", "top5", "test_images")))
    # TF-slim's 1.0-224 has 70.7 %, nine tenths of which are 63.63 %; its 0.5-224 has 64.0 %.
    assert typed(shown.title) == (
        "0.5-224 gives 91 % of the best published accuracy at 26 % of its mult-adds"
    )
    assert "this run has measured none" in " ".join(shown.findings)
    measured = [each for each in shown.figures if each.source == "measured"]
    assert all(each.absent and not each.marks for each in measured)
    assert shown.tau.value is None


def test_one_point_is_enough():
    shown = view(fake_results.results(points=TWO[:1]))
    assert typed(shown.title).startswith("1.0-224 reaches 61.4 %")
    assert len(figure(shown, "mult_adds").marks) == 1


def test_provenance_names_machine_settings_and_the_way_back():
    shown = view(fake_results.results(Path("results/my run"), name="my run"))
    assert shown.name == "my run"
    assert shown.command == "python -m sweep report 'results/my run'"
    facts = {fact.name: fact.text for fact in (*shown.machine, *shown.settings, *shown.run)}
    assert facts["cpu"] == "Intel(R) Xeon(R) Processor @ 2.10GHz"
    assert facts["memory"] == "8.59\u00a0GB"
    assert facts["versions"] == "jax 0.10.2, jaxlib 0.10.2, flax 0.12.8, numpy 2.3.5"
    assert facts["grid.alpha"] == "1.0, 0.75, 0.5, 0.25"
    assert facts["commit"] == "b4022f1aaaaa"
    assert facts["time by stage"] == "cost 10 s, latency 80 s, accuracy 510 s"
