"""What a reader of a run should beware of, in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from sweep.metrics import FVCORE, LATENCY, MULT_ADDS, TOP1, TRACED
from sweep.paper import Row, outside
from sweep.paper.published import IMAGENET
from sweep.report.content import bearing, certainty
from sweep.report.content.axes import number, quantities
from sweep.report.content.figures import label, sizes
from sweep.report.content.headline import at_chance
from sweep.report.content.own_data import PROXY, on_own_data
from sweep.report.content.point_rows import set_apart
from sweep.report.values.units import percent
from sweep.settings.config import GridSettings, SettingsError, validated
from sweep.settings.grid import measures_of
from sweep.types import Point, listed

if TYPE_CHECKING:
    from sweep.results.load import Results

FEW = 4  # points, at most, that a sentence about missing readings names
Rows = list[dict[str, Any]]


def warnings(results: Results, compared: tuple[Row, ...]) -> tuple[str, ...]:
    """What a reader should beware of: unsure, missing, or not what it seems."""
    rows = results.points.to_dict(orient="records")
    return (
        *results.damages,
        *_outside(compared),
        *_disagreeing_counts(rows),
        *_wide(results),
        *bearing.of_sessions(results),
        *_guessing(rows),
        *bearing.on_findings(results),
        *_what_accuracies_are_of(rows),
        *_missing(results.readings),
        *not_yet(results),
        *bearing.outside(results),
        *([] if on_own_data(results.points) else _unprinted(rows)),
    )


def _outside(compared: tuple[Row, ...]) -> list[str]:
    return [
        f"Outside the tolerance: {row.quantity} of {row.model} ({_table(row.table)}), printed as "
        f"{row.printed}."
        for row in outside(compared)
    ]


def _table(table: str) -> str:
    return f"Table {table}" if table.isdigit() else table


def _disagreeing_counts(rows: Rows) -> list[str]:
    off = [
        label(row)
        for row in rows
        for column in (TRACED.name, FVCORE.name)
        if number(row[column]) is not None and row[column] != row[MULT_ADDS.name]
    ]
    if not off:
        return []
    return [
        f"The mult-adds counted in different ways disagree at {listed(list(dict.fromkeys(off)))}."
    ]


def _wide(results: Results) -> list[str]:
    wide = [
        f"{label(row)} ({percent(width)})"
        for of in quantities(results)
        if of.metric == LATENCY and of.column == LATENCY.name
        for row in results.points.to_dict(orient="records")
        if (width := bearing.relative_width(row, of)) is not None and width > bearing.WIDE
    ]
    if not wide:
        return []
    return [
        f"The latency's 95 % interval is wider than {percent(bearing.WIDE)} of the median at "
        f"{listed(wide)}. Trust these medians no further than that; more rounds on a quieter "
        "machine narrow them."
    ]


def _guessing(rows: Rows) -> list[str]:
    """Where an accuracy is no better than chance."""
    guessing, classes = at_chance(rows)
    if not guessing:
        return []
    return [
        f"No better than {certainty.guessing(classes)}, as far as the test images tell: "
        f"{listed(guessing)}. Train longer, or on more images."
    ]


def _what_accuracies_are_of(rows: Rows) -> list[str]:
    datasets = {str(row["dataset"]) for row in rows if number(row[TOP1.name]) is not None}
    others = sorted(name for name in datasets if name.lower() != IMAGENET.lower())
    sentences = []
    if PROXY in others:
        sentences.append(
            f"{PROXY} is a proxy for ImageNet. It can tell which networks learn more from "
            "the same short training on the same few images, and so rank them. It can't tell "
            "their accuracy on ImageNet, nor how far apart they would be there."
        )
    elif others:
        sentences.append(
            f"Accuracies are on {listed(others)}: the paper's, on ImageNet, are of another task."
        )
    if told := sizes(rows):
        sentences.append(
            "Costs and latencies are of the deployed networks; accuracies are of the same "
            f"architectures on images of another size, {told}."
        )
    return sentences


def _missing(readings: pd.DataFrame) -> list[str]:
    """Readings without a value, those of one reason in one sentence."""
    empty = readings.loc[readings["value"].isna()]
    if empty.empty:
        return []
    points = readings.drop_duplicates(["family", "kind", "alpha", "resolution"])
    total = len({label(row) for row in points.to_dict(orient="records")})
    sentences = []
    for reason, group in empty.groupby("reason", sort=False):
        rows = group.to_dict(orient="records")
        names = list(dict.fromkeys(label(row) for row in rows))
        where = listed(names)
        if len(names) > FEW:
            where = f"all {total} points" if len(names) == total else f"{len(names)} points"
        metrics = dict.fromkeys(
            f"{row['title']} ({words})" if words else str(row["title"])
            for row, words in zip(rows, map(set_apart, rows), strict=True)
        )
        what = listed(list(metrics), longest=FEW)
        verb = "is" if len(metrics) == 1 else "are"
        sentences.append(f"{what} {verb} missing for {where}: {reason}.")
    return sentences


def not_yet(results: Results) -> list[str]:
    """Readings that the settings ask for and nobody took: the run was interrupted."""
    if not results.settings:
        return []  # lost: nothing tells what was asked for
    try:
        grid = validated(GridSettings, results.settings.get("grid", {}), source="settings.toml")
    except SettingsError:
        return ["The stored settings are of another version: missing readings can't be told."]
    base = grid.base_resolution
    measures = tuple(results.run["measures"])
    planned = [
        Point(family, kind, alpha, resolution / base, resolution)
        for family, kind, alpha, resolution in results.run["points"]
    ]
    readings = results.readings
    done = {
        (Point(*point).key, measure)
        for *point, measure in readings[["family", "kind", "alpha", "rho", "resolution", "measure"]]
        .drop_duplicates()
        .itertuples(index=False)
    }
    sentences = []
    for measure in measures:
        asked = [point for point in planned if measure in measures_of(grid, point, measures)]
        lacking = {point.key: point.label for point in asked if (point.key, measure) not in done}
        earlier = [name for key, name in lacking.items() if (key, measure) in results.earlier]
        if lacking:
            sentences.append(
                f"Not measured yet: {measure} of {listed(list(lacking.values()))}. "
                "The same run command continues."
            )
        if earlier:
            sentences.append(
                f"Of {listed(earlier)} there are readings of {measure} under earlier settings or "
                "versions, or of another machine: they are kept, and not shown."
            )
    return sentences


def _unprinted(rows: Rows) -> list[str]:
    borrowed = [
        label(row)
        for row in rows
        if number(row["published_top1"]) is not None and number(row["paper_top1"]) is None
    ]
    if not borrowed:
        return []
    return [
        f"The paper draws but does not print the accuracy of {listed(borrowed)}. There the "
        "published number is TF-slim's of June 2017, within 0.3 points of the paper's wherever "
        "both are printed."
    ]
