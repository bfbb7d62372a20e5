"""A results folder from somebody else is safe to open: nothing in it is run, obeyed or followed."""

import json
import os

import pytest

from tests.fuzz.command import command, judge
from tests.fuzz.hostile import HTML, READERS, TERMINAL, change, poisoned
from tests.fuzz.results import write_sound
from tests.fuzz.surroundings import stand_ins
from tests.support.browser_fixtures import Faults, watched

SECRET = "token = 'not to be shown'\n"  # noqa: S105


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stand_ins(monkeypatch)
    return tmp_path


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("as_json", [False, True])
def test_a_terminal_obeys_nothing(reader, as_json, here):
    poisoned(here / "theirs")
    ended = command([reader, "theirs", *(["--json"] if as_json else [])])
    assert judge(ended)
    if as_json:
        json.loads(ended.out)
    assert "\x9b" not in ended.out
    if reader == "show" and not as_json:
        assert "\\x1b]0;owned\\x07" in ended.out
        assert "[bold red]rich[/bold red]" in " ".join(ended.out.split())


@pytest.mark.parametrize("as_json", [False, True])
def test_nor_does_it_where_two_runs_are_compared(as_json, here):
    poisoned(here / "theirs")
    write_sound(here / "ours")
    for pair in (("ours", "theirs"), ("theirs", "ours")):
        assert judge(command(["diff", *pair, *(["--json"] if as_json else [])]))


def test_a_folder_of_a_hostile_name(here):
    name = TERMINAL.replace("\x00", "") + HTML.replace("/", "")
    write_sound(here / name)
    for reader in READERS:
        assert judge(command([reader, name]))
    write_sound(here / "ours")
    assert judge(command(["diff", "ours", name]))
    ended = command(["show", name + "x"])
    assert ended.status == 2
    assert not judge(ended, place="\\x1b]0;owned")


def test_the_page_runs_nothing_and_asks_for_nothing(chromium, here):
    poisoned(here / "theirs")
    assert judge(command(["report", "theirs"]))
    page = chromium.new_page()
    path = here / "theirs" / "report.html"
    faults = watched(page, path.as_uri())
    page.goto(path.as_uri())
    assert HTML in page.locator("#provenance").inner_text()
    assert "{{ 7 * 191 }}" in page.locator("#provenance").inner_text()
    # Plotly makes elements of a small HTML in what it draws: in labels, and where the mouse is.
    page.locator("#plot-explorer .points path.point").first.hover(force=True)
    assert page.locator(".hoverlayer text").count()
    links = page.locator("a").evaluate_all("all => all.map((a) => a.getAttribute('href') || '')")
    assert [link for link in links if link and not link.startswith("#")] == []
    assert page.locator("img, iframe, object, embed, svg a[*|href]").count() == 0
    for card in page.locator("#cards details.card summary").all():
        card.click()
    assert faults == Faults()
    page.close()


def test_a_script_that_is_not_the_pages_own_does_not_run(chromium, here):
    write_sound(here / "ours")
    assert judge(command(["report", "ours"]))
    path = here / "ours" / "report.html"
    page = chromium.new_page()
    text = path.read_text("utf-8")
    strange = '<script>document.title = "run"</script><b onclick="1" id="b" onmouseover="x()">b</b>'
    path.write_text(text.replace("</main>", f"{strange}</main>"), "utf-8")
    faults = watched(page, path.as_uri())
    page.goto(path.as_uri())
    assert page.title() != "run"
    assert any("Content Security Policy" in said for said in faults.said)
    assert "unsafe-inline" not in text.partition("script-src")[2].partition(";")[0]
    page.close()


def test_the_command_that_draws_the_page_again_names_the_folder_that_it_is_in(here):
    write_sound(here / "ours")
    change(here / "ours" / "run.json", {"command": "python -m sweep run; rm -rf /elsewhere"})
    assert judge(command(["report", "ours"]))
    page = (here / "ours" / "report.html").read_text("utf-8")
    again = page.partition("This page again")[2].partition("</code>")[0]
    assert "python -m sweep report ours" in again
    assert "elsewhere" not in again


# Links


@pytest.mark.parametrize(
    "name", ["readings.parquet", "training.parquet", "run.json", "machine.json", "settings.toml"]
)
def test_a_link_to_a_secret_shows_nothing_of_it(name, here):
    (here / "secret").write_text(SECRET)
    write_sound(here / "theirs")
    (here / "theirs" / name).unlink()
    (here / "theirs" / name).symlink_to(here / "secret")
    for reader in READERS:
        ended = command([reader, "theirs"])
        assert "not to be shown" not in ended.out + ended.err
        assert not judge(ended, place=f"theirs/{name}: can't be read: it is a link")
    assert (here / "secret").read_text() == SECRET


def test_what_is_written_replaces_a_link_and_does_not_follow_it(here):
    (here / "secret").write_text(SECRET)
    write_sound(here / "theirs")
    (here / "theirs" / "report.html").symlink_to(here / "secret")
    assert judge(command(["report", "theirs"]))
    assert (here / "secret").read_text() == SECRET
    assert not (here / "theirs" / "report.html").is_symlink()
    assert (here / "theirs" / "report.html").read_text("utf-8").startswith("<!doctype html>")


def test_the_log_of_a_run_is_not_written_through_a_link(tmp_path):
    from sweep.cli.measuring import _log_to

    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "run.log").symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="symbolic links"):
        _log_to(tmp_path)
    assert (tmp_path / "secret").read_text() == SECRET


@pytest.mark.parametrize(
    "name", ["readings.parquet", "run.json", "points.parquet", "journal", "parts"]
)
def test_a_pipe_in_the_folder_is_not_waited_on(name, here):
    write_sound(here / "theirs")
    (here / "theirs" / name).unlink(missing_ok=True)
    os.mkfifo(here / "theirs" / name)
    for reader in READERS:
        judge(command([reader, "theirs"]))


# Data sets and checkpoints


def test_names_in_files_of_others_are_not_obeyed(here):
    import h5py

    with h5py.File(here / "x.h5", "w") as root:
        root["\x1b[31mred\u202e"] = [1.0]
    (here / "images" / "\x1b[2Ja").mkdir(parents=True)
    (here / "images" / "\x1b[2Ja" / "\x1b[31m.png").write_bytes(b"no image")
    (here / "classes.txt").write_text("a\n")
    (here / "sweep.toml").write_text(
        'measures = ["accuracy"]\n[accuracy]\ndataset = "imagefolder"\n'
        'data = {path = "images", classes = "classes.txt"}\n'
    )
    calls = (
        ["evaluate", "--checkpoint", "x.h5", "--data", "images"],
        ["run", "--dry-run", "--no-compile-cache"],
    )
    said = [command(call) for call in calls]
    assert [judge(each) for each in said] == [False, False]
    assert "\\x1b[31mred\\u202e" in said[0].err
    assert "\\x1b[2Ja" in said[1].err


def test_a_link_out_of_a_data_set_is_no_way_to_read_a_file(here):
    from sweep.datasets.imagefolder import ImageFolder
    from sweep.datasets.records import SplitSettings
    from sweep.loading.images import BadImageError
    from sweep.loading.reading import pixels_of

    (here / "secret").write_text(SECRET)
    (here / "images" / "a").mkdir(parents=True)
    (here / "images" / "a" / "0.png").symlink_to(here / "secret")
    records = ImageFolder(SplitSettings(path="images")).records("validation")
    with pytest.raises(BadImageError) as caught:
        pixels_of(records, 0)
    assert str(caught.value).startswith("images/a/0.png: not a JPEG, PNG, WebP")
    assert SECRET not in str(caught.value)
