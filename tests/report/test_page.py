"""The page: one file, offline, escaped, readable without colour."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from sweep.report.content.build import view
from sweep.report.page import page, style
from sweep.report.values.figures import Key
from tests.support import fake_results

SCRIPT = "<script>alert(1)</script>"
VOID = {"meta", "link", "br", "path", "circle", "input"}
SCRIPTS = 8  # the template, the data of figures, predictions and explorer, plotly, our own three


class Page(HTMLParser):
    """Elements of a page in order: tag, attributes and text; checks that tags are balanced."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.open = [], []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        element = {"tag": tag, "attrs": dict(attrs), "text": ""}
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop()["tag"] == tag

    def handle_data(self, data):
        for element in self.open:
            element["text"] += data

    def all(self, tag):
        return [element for element in self.elements if element["tag"] == tag]


@pytest.fixture(scope="module")
def html(shown):
    return page.render(shown)


@pytest.fixture(scope="module")
def parsed(html):
    return Page(html)


def data(parsed, name):
    (element,) = [each for each in parsed.all("script") if each["attrs"].get("id") == name]
    return json.loads(element["text"])


def explored(parsed, source="measured"):
    """The plots of the explorer, by cost."""
    return data(parsed, "explorer-data")["plots"][source]


def test_the_page_is_one_file_under_6_mb_with_plotly_once(html, parsed):
    assert len(html.encode()) < 6_000_000
    assert html.count("plotly.js v") == 1
    assert len(parsed.all("script")) == SCRIPTS


def test_nothing_is_fetched(parsed):
    for element in parsed.elements:
        for name in ("src", "href", "action", "data", "srcset"):
            assert (element["attrs"].get(name) or "#").startswith(("#", "data:"))
    (policy,) = [
        each["attrs"]["content"]
        for each in parsed.all("meta")
        if each["attrs"].get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy


def test_names_from_data_are_escaped():
    results = fake_results.results(Path(f"results/{SCRIPT}"), name=SCRIPT, dataset=SCRIPT)
    results.machine["cpu"] = SCRIPT
    results.points["kind"] = results.points["kind"].replace("separable", SCRIPT)
    results.readings["title"] = results.readings["title"].replace("Latency", SCRIPT)
    html = page.render(view(results))
    parsed = Page(html)
    assert SCRIPT not in html
    assert len(parsed.all("script")) == SCRIPTS
    assert SCRIPT in parsed.all("title")[0]["text"]
    assert any(SCRIPT in each["text"] for each in parsed.all("dd"))


def test_names_inside_the_figures_are_escaped_twice():
    results = fake_results.results()
    results.points["kind"] = SCRIPT
    results.readings["title"] = "<b>bold</b><a href='http://x'>"
    parsed = Page(page.render(view(results)))
    drawn = explored(parsed) | data(parsed, "plots")
    traces = [trace for plot in drawn.values() for trace in plot["data"]]
    # What a click hands to the page's script, which puts it into no markup.
    clicked = [label for trace in traces for label in trace.pop("customdata", [])]
    assert any(SCRIPT in label for label in clicked)
    texts = json.dumps(traces)
    # Plotly reads <b>, <a> and <br> in its texts: only our own line breaks may be markup.
    assert "alert(1)" in texts
    assert set(re.findall(r"<[^>]*>", texts)) == {"<br>"}
    assert "<b>" not in json.dumps([plot["layout"] for plot in drawn.values()])


def test_figures_have_every_point(shown, parsed):
    assert set(explored(parsed)) == {"mult_adds", "params", "latency", "peak_memory"}
    for figure in shown.figures:
        traces = explored(parsed, figure.source)[figure.name]["data"]
        measured = [trace for trace in traces if " px, " in trace.get("name", "")]
        assert sum(len(trace["x"]) for trace in measured) == len(figure.marks)
        assert {label for trace in measured for label in trace["customdata"]} == {
            mark.label for mark in figure.marks
        }
        published = [trace for trace in traces if trace["name"].startswith("published")]
        assert sum(len(trace["x"]) for trace in published) == len(figure.paper)
        (frontier,) = [trace for trace in traces if trace["name"] == "frontier"]
        assert list(zip(frontier["x"], frontier["y"], strict=True)) == list(figure.front)
        assert frontier["line"]["shape"] == "hv"


def test_error_bars_reach_the_interval(shown, parsed):
    latency = next(figure for figure in shown.figures if figure.name == "latency")
    ends = {mark.x.value: (mark.x.low, mark.x.high) for mark in latency.marks}
    for trace in explored(parsed)["latency"]["data"]:
        if "error_x" in trace:
            for x, up, down in zip(
                trace["x"], trace["error_x"]["array"], trace["error_x"]["arrayminus"], strict=True
            ):
                assert (x - down, x + up) == pytest.approx(ends[x])


def test_nothing_is_told_by_colour_alone(shown, parsed):
    assert len(set(style.symbols(shown.key).values())) == len(shown.key.alphas) == 4
    assert len(set(style.colours(shown.key).values())) == len(shown.key.resolutions) == 4
    for trace in explored(parsed)["mult_adds"]["data"]:
        if "dominated" in trace["name"]:
            assert trace["opacity"] < 0.5
            assert all("beaten by" in text for text in trace["hovertext"])


@pytest.mark.parametrize("n", [1, 4, 5, 12])
def test_colours_differ_for_any_number_of_resolutions(n):
    key = Key(resolutions=tuple(range(n)), alphas=())
    assert len(set(style.colours(key).values())) == n


@pytest.mark.parametrize("background", ["#fdfdfc", "#15171a"])
def test_colours_stand_out_on_light_and_dark(background):
    """WCAG 2.1, 1.4.11: graphics need a contrast of 3 : 1."""
    css = (Path(page.__file__).parent / "page.css").read_text()
    assert f"--back: {background}" in css
    for colour in (*style.RUN_COLOURS, style.GREY):
        assert _contrast(colour, background) > 3


def test_every_figure_and_table_has_words(parsed):
    assert len(parsed.all("figure")) == len(parsed.all("figcaption"))
    assert len(parsed.all("table")) == len(parsed.all("caption"))
    assert all(each["text"].strip() for each in parsed.all("caption"))
    images = [each for each in parsed.elements if each["attrs"].get("role") in ("img", "group")]
    assert all(each["attrs"].get("aria-label") for each in images)


def test_links_lead_somewhere_and_ids_are_unique(parsed):
    ids = [each["attrs"]["id"] for each in parsed.elements if "id" in each["attrs"]]
    assert len(ids) == len(set(ids))
    links = [each["attrs"]["href"] for each in parsed.all("a")]
    assert links
    assert {link.removeprefix("#") for link in links} <= set(ids)


def test_the_page_holds_the_numbers(shown, parsed):
    text = parsed.all("html")[0]["text"]
    for expected in (shown.title, shown.command, "568,740,352", "4866.27\u00a0M", "+0.68\u00a0M"):
        assert expected in text
    for sentence in (*shown.findings, *shown.warnings):
        assert sentence in text


def test_no_name_and_no_interval_breaks_at_its_dash(shown, parsed):
    spans = [each for each in parsed.all("span") if each["attrs"].get("class") == "whole"]
    words = [word for sentence in shown.findings for word in sentence.split(" ")]
    dashed = {word for word in words if "-" in word or "\N{EN DASH}" in word}
    assert {"top-1", "(59.9\N{EN DASH}62.9)"} <= dashed
    assert {word for word in dashed if len(word) < 24} <= {each["text"] for each in spans}


def test_a_run_without_accuracies_still_has_a_page():
    html = page.render(view(fake_results.results(without=("top1", "top5", "test_images"))))
    parsed = Page(html)
    assert all(plot["data"] == [] and plot["absent"] for plot in explored(parsed).values())
    assert "No point of this run has a measured accuracy yet." in html
    # What is published of the same points is there to be looked at.
    assert all(len(plot["data"]) > 1 for plot in explored(parsed, "tfslim").values())


def test_the_page_is_written_whole(tmp_path, shown, monkeypatch):
    path = tmp_path / "new folder" / "report.html"
    page.write(shown, path)
    first = path.read_text(encoding="utf-8")
    assert first.startswith("<!doctype html>")
    assert [each.name for each in path.parent.iterdir()] == ["report.html"]

    monkeypatch.setattr(page, "render", lambda view: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        page.write(shown, path)
    assert path.read_text(encoding="utf-8") == first


def test_the_same_view_gives_the_same_page(shown, html):
    assert page.render(shown) == html


def _contrast(one, other):
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
