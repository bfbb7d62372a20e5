"""show, pick, diff, compare and report as a person or a program meets them."""

import csv
import dataclasses
import json
import re
import shutil
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from sweep.report.terminal.rendering import Fitting, Line, rendered
from sweep.report.values.printable import visible
from sweep.report.values.tables import Column, Table, Value
from sweep.report.values.units import Form
from sweep.types import alpha_text
from tests.support import fake_results
from tests.support.commands import OF_FIRST_VERSION, ROOT, flat, python

FIRST = str(OF_FIRST_VERSION["default"])
BUDGET = ("--max-latency", "5ms", "--max-params", "2M", "--max-mult-adds", "150M")


def test_pick_names_the_best_and_the_runner_up(command):
    status, out, _ = command("pick", FIRST, *BUDGET)
    assert status == 0
    # Of tests/data/schema1 by eye: see test_budget.
    assert "8 fit a budget of 5.00 ms latency at batch 1, 2.000 M parameters" in flat(out)
    assert "Best: 0.5-224, 39.2 % (37.6-40.7) top-1" in flat(out)
    assert "Runner-up: 0.5-192, 34.9 % (33.4-36.3) top-1" in flat(out)
    rows = [flat(line) for line in out.splitlines()]
    assert "best runner-up limit" in rows
    assert "Latency at batch 1 3.16 ms 2.43 ms 5.00 ms" in rows
    assert "Mult-adds 149.5 M 110.0 M 150.0 M" in rows
    # No number is parted from its unit at a line's end.
    assert not re.search(r"[0-9]\n *(ms|M|%|MB)\b", out)


def test_pick_says_when_nothing_fits_and_what_comes_closest(command):
    status, out, _ = command("pick", FIRST, "--max-params", "100k")
    assert status == 1
    assert "none fits a budget of 100.0 k parameters" in flat(out)
    # 470,072 of 100,000: 4.70 times, so 370 % over; of the four of alpha 0.25 the most accurate.
    assert "Closest: 0.25-224" in out
    assert "parameters 470.1 k, 370 % over 100.0 k" in flat(out)


def test_pick_without_limits_is_the_most_accurate(command):
    status, out, _ = command("pick", FIRST)
    assert status == 0
    assert "Best: 1.0-224" in out
    assert "One training each: their order may be chance." in flat(out)
    assert "- Each point was trained once" in flat(out)
    assert "Best: standard 1.0-224, 71.7 %" in command("pick", FIRST, "--accuracy", "paper")[1]


def test_pick_as_json_is_one_object(command):
    status, out, _ = command("pick", FIRST, *BUDGET, "--json")
    found = json.loads(out)
    assert status == 0
    assert found["limits"] == {"latency_s": 0.005, "params": 2e6, "mult_adds": 150e6}
    assert (found["best"]["label"], found["runner_up"]["label"]) == ("0.5-224", "0.5-192")
    assert (found["best"]["mult_adds"], found["best"]["params"]) == (149_497_088, 1_331_592)
    assert found["closest"] is None
    assert len(found["fits"]) == 8
    status, out, _ = command("pick", FIRST, "--max-memory", "1MiB", "--json")
    found = json.loads(out)
    assert (status, found["best"]) == (1, None)
    # 0.25-128 with 2,602,508 bytes of 1,048,576: 1,553,932 / 1,048,576 = 1.48195 over.
    assert found["closest"]["label"] == "0.25-128"
    assert found["over"][0]["excess"] == pytest.approx(1.48195, abs=1e-5)


def test_pick_says_what_is_just_over_and_what_crosses_a_limit(command):
    # 0.5-224 takes 3.158 ms, 1.9 % over 3.1; in points.parquet its interval is 3.083-3.224 ms.
    _, out, _ = command("pick", FIRST, "--max-latency", "3.1ms")
    assert "More accurate, and just over: 0.5-224, 39.2 %" in flat(out)
    assert "(latency 3.16 ms, 1.9 % over 3.10 ms)" in flat(out)
    assert "interval of the latency of 0.5-224, 3.08-3.22 ms, crosses the limit of 3.10 ms" in flat(
        out
    )
    found = json.loads(command("pick", FIRST, "--max-latency", "3.1ms", "--json")[1])
    (near,) = found["just_over"]
    assert (near["label"], near["over"][0]["name"]) == ("0.5-224", "latency_s")
    assert [(each["label"], each["limit"]) for each in found["crossing"]] == [("0.5-224", 0.0031)]


def test_pick_holds_a_limit_against_the_95th_percentile_of_the_samples(command):
    readings = pd.read_parquet(ROOT / "results/reference/readings.parquet")
    of_xla = (readings["metric"] == "latency_s") & (readings["runtime"] == "xla")  # the primary one
    timed = readings.loc[of_xla].set_index(["kind", "alpha", "resolution"])
    p95 = {
        f"{alpha_text(alpha)}-{resolution}": pd.Series(samples).quantile(0.95)
        for (kind, alpha, resolution), samples in timed["samples"].items()
        if kind == "separable"
    }
    arguments = ("pick", "results/reference", "--max-latency", "3ms", "--p95")
    found = json.loads(command(*arguments, "--json")[1])
    assert found["limits"] == {"latency_p95_s": 0.003}
    assert set(found["fits"]) == {label for label, seconds in p95.items() if seconds <= 0.003}
    best = found["best"]
    assert best["latency_p95_s"] == pytest.approx(p95[best["label"]])
    _, out, _ = command(*arguments)
    assert "budget of 3.00 ms p95 latency by XLA at batch 1" in flat(out)
    # Without it a best point whose percentile is over the limit says so.
    assert p95["0.75-224"] > 0.003
    over = f"0.75-224, {1e3 * p95['0.75-224']:.2f} ms, is over the limit"
    said = f"The 95th percentile of the latency by XLA of {over}"
    assert said not in flat(out)
    assert said in flat(command(*arguments[:-1])[1])
    # What bears on latencies bears on their percentiles.
    assert "Latencies by XLA are of one machine" in out


def test_a_percentile_of_what_has_no_samples_is_refused(command, tmp_path):
    whole = fake_results.results()
    readings = whole.readings.copy()
    readings["samples"] = [[] for _ in range(len(readings))]
    folder = fake_results.stored(fake_results.with_readings(whole, readings), tmp_path / "bare")
    status, out, error = command("pick", str(folder), "--max-latency", "5ms", "--p95")
    assert (status, out) == (2, "")
    assert "there are no samples of latency at batch 1" in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--max-latency", "5"), '--max-latency = "5": must be a time with its unit'),
        (("--max-params", "2m"), '--max-params = "2m": must be a number above 0, such as 2M'),
        (("--max-mult-adds", "many"), '--max-mult-adds = "many": must be a number above 0'),
        (
            ("--max-latency", "5ms", "--max", "latency_s=3ms"),
            '"latency_s=3ms": latency_s has a limit',
        ),
        (("--max", "params"), '--max = "params": must be METRIC=VALUE'),
        (("--max", "latency=5ms"), "did you mean latency_s?"),
        (("--max-memory", "20M"), '--max-memory = "20M": must be a size with its unit'),
        (("--accuracy", "keras"), '"keras": must be one of measured, tfslim, paper'),
        (("--batch", "8"), "--batch = 8: this run timed batch 1"),
        (("--p95",), "--p95: says what a limit on latency is held against: --max-latency TIME"),
        (("--max-params", "\x1b[31m2"), '--max-params = "\\x1b[31m2": must be'),
    ],
)
def test_a_wrong_option_is_one_message_and_status_2(command, arguments, message):
    status, out, error = command("pick", FIRST, *arguments)
    assert (status, out) == (2, "")
    assert message in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    "words", [("show",), ("pick",), ("diff", FIRST), ("report",), ("check",), ("compare",)]
)
def test_a_folder_without_results_is_one_message_and_status_2(words, tmp_path, command):
    status, out, error = command(*words, tmp_path)
    assert (status, out) == (2, "")
    assert "not a results folder (it has no run.json)" in error


def test_show_prints_every_point_and_what_is_missing(command):
    status, out, _ = command("show", FIRST)
    assert status == 0
    rows = [flat(line) for line in out.splitlines()]
    points = pd.read_parquet(f"{FIRST}/points.parquet")
    named = [
        row for row in rows if re.match(r"(standard |shallow )?[0-9.]+-[0-9]{3} .* [mµ]?s ", row)
    ]
    assert len(named) == len(points)
    best = next(row for row in rows if row.startswith("1.0-224"))
    # Wilson's interval of 1603 of 4000 is 38.57 to 41.60 %.
    assert "40.1 % (38.6-41.6) 32 px 568.7 M 4.232 M 9.13 ms (8.87-9.39)" in best
    assert best.endswith("M P L E")
    standard = next(row for row in rows if row.startswith("standard 1.0-224"))
    assert "[1]" in standard
    assert "[1] no reading in this run" in rows
    assert "M over mult-adds, P over parameters, L over latency, E over peak memory" in flat(out)


def test_show_as_json_holds_points_parquet(command):
    shown = json.loads(command("show", FIRST, "--json")[1])
    points = pd.read_parquet(f"{FIRST}/points.parquet")
    assert len(shown["points"]) == len(points)
    for given, row in zip(shown["points"], points.to_dict(orient="records"), strict=True):
        for column, value in row.items():
            stored = None if pd.isna(value) else value
            # Another version's last bit of an interval may be another.
            exact = not isinstance(stored, float)
            assert given[column] == (stored if exact else pytest.approx(stored, rel=1e-12)), column


def test_show_long_prints_every_reading_with_what_tells_it_apart(command):
    status, out, _ = command("show", FIRST, "--long")
    assert status == 0
    lines = [flat(line) for line in out.splitlines()]
    assert "Point Metric Batch Runtime Dataset Layer Value Samples" in lines
    # Two processes of 25 rounds; the classifier of 1024 inputs, 1000 classes.
    assert "1.0-224 latency_s 1 xla 9.13 ms 50" in lines
    assert "1.0-224 layer_mult_adds classifier 1.024 M" in lines
    status, out, _ = command("show", FIRST, "--long", "--json")
    rows = json.loads(out)["readings"]
    (timed,) = [row for row in rows if (row["label"], row["metric"]) == ("1.0-224", "latency_s")]
    assert (timed["batch"], timed["layer"], len(timed["samples"])) == (1, "", 50)
    assert timed["value"] == pytest.approx(sorted(timed["samples"])[25], rel=0.05)


def test_show_tells_the_reason_of_what_is_missing(command, tmp_path):
    folder = fake_results.stored(fake_results.results(torch=False), tmp_path / "fake")
    shown = json.loads(command("show", folder, "--json")[1])
    missing = [each for each in shown["missing"] if each["metric"] == "mult_adds_fvcore"]
    assert len(missing) == 18
    assert {each["reason"] for each in missing} == {"torch is not installed"}
    assert "Mult-adds by fvcore is missing for all 18 points: torch is not installed." in flat(
        command("show", folder)[1]
    )


def test_show_has_a_latency_of_every_batch(command, tmp_path):
    more = [
        fake_results.reading(key, "latency_s", 0.02, measure="latency", batch=8,
                             samples=[0.02, 0.021])
        for key in fake_results.all_points()
    ]  # fmt: skip
    folder = fake_results.stored(fake_results.results(more=more), tmp_path / "fake")
    assert "Latency, batch 8" in flat(command("show", folder)[1])
    assert "Best: 1.0-224" in command("pick", folder, "--batch", "8", "--max-latency", "21ms")[1]
    status, _, error = command("pick", folder, "--batch", "2")
    assert (status, error.strip()) == (2, "--batch = 2: this run timed batch 1 and 8")


def test_diff_tells_what_moved_and_what_may_not_be_compared(command, tmp_path):
    before = fake_results.stored(fake_results.results(), tmp_path / "before")
    results = fake_results.results(points=fake_results.all_points()[:17])
    readings = results.readings
    readings.loc[(readings["metric"] == "mult_adds") & (readings["alpha"] == 0.25), "value"] += 7
    after = fake_results.stored(dataclasses.replace(results, readings=readings), tmp_path / "after")
    status, out, _ = command("diff", before, after)
    assert status == 0
    assert "17 points in both." in out
    assert "Lost, 1 point: shallow 1.0-224." in out
    assert "Mult-adds: 4 moved; 13 the same." in out
    assert re.search(r"0.25-128 +Mult-adds +13,570,048 +13,570,055 +\+7", out)
    found = json.loads(command("diff", before, after, "--json")[1])
    assert (found["lost"], found["gained"], found["cautions"]) == (["shallow 1.0-224"], [], [])
    assert [each["label"] for each in found["moved"]] == [
        "0.25-224", "0.25-192", "0.25-160", "0.25-128",
    ]  # fmt: skip
    assert found["moved"][3]["quantity"] == "mult_adds"
    assert found["moved"][3]["after"] == {"value": 13_570_055, "low": None, "high": None}


def test_diff_of_two_data_sets_judges_no_accuracy(command):
    status, out, _ = command("diff", FIRST, ROOT / "results" / "cifar10")
    assert status == 0
    assert "accuracies are not judged: photo-patches and CIFAR-10" in flat(out)
    assert "Moved" not in out


def test_report_and_compare_as_json(command, tmp_path):
    folder = fake_results.stored(fake_results.results(), tmp_path / "fake")
    status, out, _ = command("report", folder, "--json")
    found = json.loads(out)
    assert status == 0
    assert Path(found["report"]) == folder / "report.html"
    assert Path(found["report"]).stat().st_size > 10_000
    assert any(
        "The most accurate, by one training each, is 1.0-224" in each for each in found["findings"]
    )
    compared = json.loads(command("compare", folder, "--json")[1])
    assert compared["outside_tolerance"] == 0


HOSTILE = "[red]x[/red]\x1b[31m\x9b2J\u202e"


def test_names_from_data_are_printed_as_they_stand(command, tmp_path):
    results = fake_results.results(dataset=HOSTILE, torch=False)
    results.readings["reason"] = results.readings["reason"].str.replace("torch", HOSTILE)
    results.readings["kind"] = results.readings["kind"].str.replace("shallow", HOSTILE)
    results.run["points"] = [
        [family, kind.replace("shallow", HOSTILE), alpha, resolution]
        for family, kind, alpha, resolution in results.run["points"]
    ]
    results.run["machine_id"] = results.machine["id"] = HOSTILE
    results.readings["machine_id"] = HOSTILE
    results.machine["cpu"] = HOSTILE
    results.settings["accuracy"][HOSTILE] = HOSTILE
    folder = fake_results.stored(results, tmp_path / "[red]x")
    plain = fake_results.stored(fake_results.results(), tmp_path / "plain")
    seen = ""
    for arguments in (
        ("show", folder), ("pick", folder), ("pick", folder, "--max-latency", "1us"),
        ("pick", folder, "--max-params", "1"), ("diff", folder, plain), ("diff", plain, folder),
        ("compare", folder), ("report", folder), ("show", folder, "--json"),
        ("diff", plain, folder, "--json"),
    ):  # fmt: skip
        _, out, error = command(*arguments)
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", out + error), arguments
        seen += out
    assert "[red]x[/red]\\x1b[31m\\x9b2J\\u202e" in seen
    assert "/[red]x/report.html" in seen.replace("\n", "")


def test_what_a_terminal_would_obey_is_written_out():
    console = Console(width=80)
    with console.capture() as shown:
        table = Table("a\x07", "b\x1b", (Column("c\u2028", Form.TEXT),), ((Value("d\x00"),),))
        console.print(rendered(table, Line("e\x9b"), "f\u202e"))
    for each in ("a\\x07", "b\\x1b", "c\\u2028", "d\\x00", "e\\x9b", "f\\u202e"):
        assert each in shown.get()
    # What a reader of Hebrew, of emoji or of accents needs stays as it is.
    assert visible("שלום é 🙂 µ\u00a0") == "שלום é 🙂 µ\u00a0"
    # Bytes of a file name that are no UTF-8, as Python hands them over.
    assert visible("\udcff") == "\\udcff"
    assert visible("one\ntwo") == "one\\ntwo"
    assert visible("one\ntwo\r", keep="\n") == "one\ntwo\\r"


def test_what_reads_results_or_fetches_data_imports_neither_jax_nor_torch(tmp_path):
    folder = str(shutil.copytree(FIRST, tmp_path / "r"))
    calls = [[name, folder] for name in ("report", "show", "compare", "check")]
    calls += [["pick", folder, *BUDGET], ["diff", folder, FIRST, "--json"]]
    code = (
        "import sys; from sweep.cli.main import main; import sweep.datasets.cifar10\n"
        f"for call in {calls!r}:\n"
        "  try: main(call)\n"
        "  except SystemExit as end: assert not end.code, (call, end.code)\n"
        "loaded = {'jax', 'torch', 'flax', 'keras', 'mnv1_flax', 'sweep.measures'}\n"
        "assert not loaded & {*sys.modules}, loaded & {*sys.modules}"
    )
    done = python(["-c", code], tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_plan_as_json(tmp_path, command):
    (tmp_path / "sweep.toml").write_text(
        'name = "planned"\nmeasures = ["cost"]\n[grid]\nalpha = [0.25]\nresolution = [64, 32]\n'
    )

    call = ("run", "--no-compile-cache", "--json")
    plan = json.loads(command(*call, "--dry-run", inside=tmp_path)[1])
    assert plan["folder"] == "results/planned"
    (cost,) = plan["measures"]
    assert (cost["measure"], cost["points"]) == ("cost", ["0.25-64", "0.25-32"])
    assert plan["estimate_s"] == cost["estimate_s"] > 0
    assert plan["stored"] == 0
    assert not (tmp_path / "results").exists()
    status, _, error = command(*call, inside=tmp_path)
    assert status == 2
    assert "--json: goes together with --dry-run" in error


def at_width(columns, *parts):
    console = Console(width=columns, record=True, file=StringIO())
    console.print(rendered(*parts))
    return console.export_text()


def test_a_narrow_terminal_shows_whole_cells_and_names_what_it_leaves_out():
    columns = [Column(title, Form.TEXT) for title in ("Point", "Plain", "Wide", "Last")]
    table = Table("", "", tuple(columns), ((Value("a"), Value("b"), Value("c" * 30), Value("d")),))
    # 5 + 5 + 30 + 4, and two blanks between: 50.
    assert "Not shown" not in at_width(50, Fitting(table))
    told = at_width(49, Fitting(table))
    assert "c" * 30 in told
    assert "Not shown, for want of room: Last." in told
    assert "Not shown, for want of room: Plain." in at_width(49, Fitting(table, ("Plain",)))
    # One column beside the first stays, whatever room there is.
    told = flat(at_width(8, Fitting(table, ("Wide",))))
    assert told.endswith("Not shown, for want of room: Wide, Last.")


def test_show_has_the_columns_that_are_asked_for(command):
    _, out, _ = command("show", FIRST, "--columns", "peak_memory, top-1")
    rows = [flat(line) for line in out.splitlines()]
    assert "Point Peak memory Top-1" in rows
    status, out, error = command("show", FIRST, "--columns", "watts")
    assert (status, out) == (2, "")
    assert '--columns: "watts": must be one of Top-1; ' in error
    status, _, error = command("show", FIRST, "--json", "--csv")
    assert (status, "--json: prints all there is" in error) == (2, True)


def test_show_as_csv_is_points_parquet(command):
    status, out, error = command("show", FIRST, "--csv")
    assert (status, error) == (0, "")
    assert out.count("\r\n") == out.count("\n") == 19
    points = pd.read_parquet(f"{FIRST}/points.parquet")
    given = pd.read_csv(StringIO(out))
    assert set(points.columns) <= set(given.columns)
    assert given["mult_adds"].tolist() == points["mult_adds"].tolist()
    assert given["latency_s"].tolist() == points["latency_s"].tolist()
    _, out, _ = command("show", FIRST, "--csv", "--columns", "alpha,params")
    assert out.splitlines()[:2] == ["alpha,params", "1.0,4231976"]
    status, _, error = command("show", FIRST, "--csv", "--columns", "watts")
    assert (status, '"watts": must be one of family, ' in error) == (2, True)


def test_show_long_as_csv_has_every_reading_with_its_samples(command):
    _, out, _ = command("show", FIRST, "--csv", "--long")
    rows = list(csv.DictReader(StringIO(out)))
    timed = [row for row in rows if row["metric"] == "latency_s"]
    assert len(timed) == 18
    samples = json.loads(timed[0]["samples"])
    assert len(samples) == 50
    assert float(timed[0]["value"]) == pytest.approx(sorted(samples)[25], rel=0.05)
    assert timed[0]["batch"] == "1"


def test_report_elsewhere_leaves_the_folder_as_it_is(command, tmp_path):
    folder = fake_results.stored(fake_results.results(), tmp_path / "fake")
    before = sorted(path.name for path in folder.iterdir())
    page = tmp_path / "new" / "page.html"
    status, out, _ = command("report", folder, "--to", page)
    assert (status, out.strip()) == (0, f"report: {page}")
    assert page.read_text(encoding="utf-8").startswith("<!")
    assert sorted(path.name for path in folder.iterdir()) == before
    status, _, error = command("report", folder, "--to", tmp_path)
    assert (status, "is a folder; must be a file" in error) == (2, True)


def test_report_says_what_it_has_written_anew(command, tmp_path):
    folder = fake_results.stored(fake_results.results(), tmp_path / "fake")
    _, out, _ = command("report", folder)
    assert "written anew, from the readings: " in flat(out)
    assert "points.parquet" in out
    _, out, _ = command("report", folder)
    assert out.strip() == f"report: {folder / 'report.html'}"


def test_a_page_that_can_not_be_written_says_what_to_do(command, tmp_path):
    folder = fake_results.stored(fake_results.results(), tmp_path / "fake")
    (folder / "report.html").mkdir()
    status, _, error = command("report", folder)
    assert status == 1
    assert "--to FILE writes the page elsewhere" in error
