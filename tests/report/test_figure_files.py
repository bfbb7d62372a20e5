"""Figures as SVG and PNG: drawn whole, of the size asked for, and inside their folder."""

import asyncio
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from sweep.cli.main import main
from sweep.report.content.build import view
from sweep.report.page import style
from sweep.report.page.traces import LEFT, RIGHT, sides
from sweep.report.print.export import ExportError, export, stems
from tests.support import fake_results

ROOT = Path(__file__).parents[2]
SVG = "{http://www.w3.org/2000/svg}"
# A terminal's escape, which XML can't hold, and what plotly would take for markup.
HOSTILE = "\x1b[31m<b>red</b> & <script>alert(1)</script>"


def few(shown):
    """One figure of each kind, so that a test draws three."""
    return replace(
        shown, figures=shown.figures[:1], heat_maps=shown.heat_maps[:1], trends=shown.trends[:1]
    )


def points(path):
    """How many points an SVG holds, legend left out: plotly's own classes tell them."""
    groups = [each for each in parsed(path).iter(f"{SVG}g") if each.get("class") == "points"]
    return sum("point" in each.get("class", "").split() for group in groups for each in group)


def text(path):
    return " ".join("".join(each.itertext()) for each in parsed(path).iter(f"{SVG}text"))


def parsed(path):
    return ElementTree.fromstring(path.read_text("utf-8"))  # noqa: S314 - our own file


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """(folder, files): figures drawn from inside an event loop, as in a notebook. The second
    frontier has names that want to leave the folder and the picture.
    """
    shown = few(view(fake_results.results()))
    first = shown.figures[0]
    evil = replace(
        first,
        of=replace(first.of, column="../../evil"),
        source="/etc",
        y=replace(first.y, title=HOSTILE),
        paper=(),
    )
    folder = tmp_path_factory.mktemp("export") / "new" / "folder"

    async def notebook():
        return export(replace(shown, figures=(first, evil)), folder, width=500, scale=1.5)

    return folder, asyncio.run(notebook())


def test_a_drawing_holds_every_point(drawn):
    folder, _ = drawn
    # Sixteen trained networks, the paper's sixteen behind them; a map of four by four.
    assert points(folder / "mult_adds-measured.svg") == 16 + 16
    assert points(folder / "map-accuracy.svg") == 16
    assert points(folder / "accuracy_against_log_mult_adds.svg") == 16


def test_a_drawing_explains_itself(drawn):
    words = text(drawn[0] / "mult_adds-measured.svg")
    for expected in (
        "Mult-adds, log scale", "Top-1 accuracy on photo-patches", "Resolution", "224 px",
        "128 px", "Alpha", "0.75", "frontier", "dominated", "published,", "1.0-224",
    ):  # fmt: skip
        assert expected in words


def test_a_picture_has_the_size_asked_for(drawn):
    # 500 px wide at 1.5 pixels each; the height is 0.66 of the width.
    with Image.open(drawn[0] / "mult_adds-measured.png") as picture:
        assert picture.size == (750, 495)
        assert picture.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
        colours = {colour for _, colour in picture.convert("RGB").getcolors(1 << 24) or ()}
    # Each of the four resolutions' colours is there, blue #0072B2 as (0, 114, 178).
    assert {tuple(bytes.fromhex(each[1:])) for each in style.COLOURS} <= colours
    root = parsed(drawn[0] / "mult_adds-measured.svg")
    assert (root.get("width"), root.get("height")) == ("500", "330")


def test_names_from_data_stay_in_the_folder(drawn):
    folder, files = drawn
    assert sorted(files) == sorted(folder.iterdir())
    assert sorted(path.name for path in folder.parent.parent.rglob("*evil*")) == [
        "evil-etc.png",
        "evil-etc.svg",
    ]


def test_names_from_data_are_text(drawn):
    assert r"\x1b[31m<b>red</b> & <script>alert(1)</script>" in text(drawn[0] / "evil-etc.svg")
    assert f"{SVG}script" not in {each.tag for each in parsed(drawn[0] / "evil-etc.svg").iter()}


def test_every_name_of_a_file_differs():
    figure = view(fake_results.results()).figures[0]
    names = ["", "..", "../../etc", "a/b", "A b", "a-b", "a-b-2", "\x00", "é", "x" * 300, "x" * 299]
    given = stems(
        [replace(figure, of=replace(figure.of, column=name), source="") for name in names]
    )
    assert len({each.lower() for each in given}) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,83}", each) for each in given)


def test_the_command_names_its_files(tmp_path, monkeypatch, capsys):
    trimmed = replace(few(view(fake_results.results())), heat_maps=(), trends=())
    monkeypatch.setattr("sweep.report.content.build.view", lambda results: trimmed)
    command = ["figures", str(ROOT / "results" / "reference"), "--to", str(tmp_path)]
    with pytest.raises(SystemExit) as ended:
        main([*command, "--format", "png", "--width", "400", "--scale", "1"])
    assert ended.value.code in (None, 0)
    assert capsys.readouterr().out == f"{tmp_path / 'mult_adds-measured.png'}\n"
    assert [each.name for each in tmp_path.iterdir()] == ["mult_adds-measured.png"]
    with Image.open(tmp_path / "mult_adds-measured.png") as picture:
        assert picture.width == 400


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, r"No Chromium or Chrome was found: install one .*, or set CHROMIUM to its path\."),
        ({"CHROMIUM": "/etc"}, r'CHROMIUM = "/etc": is no program that can be run\.'),
    ],
)
def test_without_a_browser_one_sentence_says_what_to_install(tmp_path, more, said):
    away = str(tmp_path / "nothing")
    environment = {key: value for key, value in os.environ.items() if key != "CHROMIUM"}
    environment |= {"PATH": away, "PLAYWRIGHT_BROWSERS_PATH": away, **more}
    done = subprocess.run(
        [sys.executable, "-m", "sweep", "figures", "results/reference", "--to", away],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert re.fullmatch(said + "\n", done.stderr)
    assert done.stdout == ""
    assert not Path(away).exists()


def test_a_browser_that_fails_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("CHROMIUM", "/bin/false")
    with pytest.raises(ExportError, match=r"^/bin/false could not draw the figures: .*close"):
        export(few(view(fake_results.results())), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_browser_that_never_answers_is_not_waited_for(tmp_path, monkeypatch):
    silent = tmp_path / "silent"
    silent.write_text("#!/bin/sh\nexec sleep 20\n")
    silent.chmod(0o755)
    monkeypatch.setenv("CHROMIUM", str(silent))
    monkeypatch.setattr("sweep.report.print.export.TIMEOUT_S", 1.0)
    monkeypatch.setattr("sweep.report.print.export.FILE_S", 0.0)
    with pytest.raises(ExportError, match=r"silent could not draw the figures: it does not answer"):
        export(few(view(fake_results.results())), tmp_path / "figures")
    assert not (tmp_path / "figures").exists()


def test_names_of_points_keep_clear_of_the_edge_and_of_each_other():
    # A name of seven letters is about 0.6 x 11 x 8 = 53 px long and 12 px high.
    assert sides([("1.0-224", 60, 50)]) == [LEFT]
    assert sides([("1.0-224", 50, 50)]) == [RIGHT]
    near = [("1.0-224", 200, 50), ("1.0-192", 203, 54), ("1.0-160", 206, 52)]
    assert sides(near)[:2] == [LEFT, RIGHT]
    assert sides([near[0], ("1.0-192", 203, 63)]) == [LEFT, LEFT]
    # All at one place: one in each corner, and no room above or below.
    assert sides([("1.0-224", 200, 50)] * 5) == [LEFT, RIGHT, "bottom left", "top right", None]
    # Nor would it be cut on the right.
    assert sides([("1.0-224", 200, 50), ("1.0-192", 200, 50)], width=220) == [LEFT, "bottom left"]


def test_a_name_does_not_stand_at_another_point():
    """Where the symbol of one is 13 px to the left of a point, the point's own name is not."""
    own, other = (200.0, 50.0), (187.0, 52.0)
    assert sides([("1.0-224", *own)], [own, other]) == [RIGHT]
    assert sides([("1.0-224", *own)], [own, other], width=212) == ["bottom center"]
