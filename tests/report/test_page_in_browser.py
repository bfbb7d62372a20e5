"""The page in a real Chromium: quiet, offline, complete, and usable by everyone."""

import pytest

from tests.support.browser_fixtures import RUNS, SCRIPT, Faults, across, markers, watched

WIDTHS = (360, 1000, 1600)  # px: a telephone, a window, a large screen
# px: 210 mm less two margins of 10 mm at 96 px to the inch. What is wider is shrunk to the sheet by
# browsers; by so much a table's letters of 14 px (10.6 pt) are still 6.6 pt high.
A4, SHRINKING = 718, 1.6
# Plots, hidden from readers of screens, and all cards but two, of which one is open.
ALIKE = [[".main-svg"], [".card:nth-of-type(n+3)"]]
OF_THE_WIDTH = ("target-size", "scrollable-region-focusable", "meta-viewport", "aria-hidden-focus")


def test_faults_and_requests_are_noticed(chromium, tmp_path):
    # The tests below hold nothing if the watch is asleep.
    path = tmp_path / "bad.html"
    path.write_text(
        "<img src='http://127.0.0.1:9/a.png'><script>console.warn('careful'); alert(1);"
        "setTimeout(() => { throw new Error('late') })</script><iframe src='other.html'></iframe>"
    )
    page = chromium.new_page()
    faults = watched(page, path.as_uri())
    page.goto(path.as_uri())
    page.close()
    said = " ".join(faults.said)
    assert all(each in said for each in ("careful", "late", "dialog"))
    # In which order is the browser's affair.
    assert set(faults.asked_for) == {"http://127.0.0.1:9/a.png", (tmp_path / "other.html").as_uri()}
    assert len(faults.asked_for) == 2


@pytest.mark.parametrize("run", RUNS)
def test_at_every_width_nothing_scrolls_sideways_and_the_console_stays_empty(pages, run):
    page = pages(run).page
    for width, scheme in zip(WIDTHS, ("dark", "light", "dark"), strict=True):
        pages(run, width=width, color_scheme=scheme)
        unfold(page)
        page.mouse.wheel(0, 10_000)
        found = across(page, width)
        wide = page.evaluate(BEYOND_THE_WINDOW) if found > width else []
        assert found <= width, wide[:5]
    figures = page.get_by_role("figure")
    for place in (figures.first, figures.last):
        place.hover()
    pages(run, media="print")
    page.evaluate("new Promise(requestAnimationFrame)")
    assert pages(run).faults == Faults()


def test_names_from_data_are_text(pages):
    opened = pages("script")
    assert opened.page.title().startswith(SCRIPT)
    assert opened.page.get_by_text(SCRIPT).first.is_visible()
    ours = pages("whole").page.locator("script").count()
    assert opened.page.locator("script").count() == ours


def test_every_figure_has_its_points(pages):
    opened = pages("whole")
    shown, page = opened.view, opened.page
    first = shown.figures[0]  # the one that the switch stands at
    # Sixteen trained networks, and the paper's sixteen behind them; maps of four by four.
    expected = [(first.title, 16 + 16)]
    expected += [(heat.title, 16) for heat in shown.heat_maps]
    expected += [(each.title, len(each.dots)) for each in shown.trends]
    assert all(len(each.dots) >= 16 for each in shown.trends)
    found = [
        (place.get_by_role("heading").inner_text(), markers(place))
        for place in page.get_by_role("figure").filter(has=page.locator(".js-plotly-plot")).all()
    ]
    assert sorted(found) == sorted(expected)


def test_a_run_without_points_says_so(pages):
    opened = pages("empty")
    assert markers(opened.page.locator("body")) == 0
    shown = opened.view
    for each in (shown.figures[0], *shown.heat_maps):
        places = opened.page.get_by_role("figure").filter(has_text=each.title)
        assert places.get_by_text(each.absent, exact=True).first.is_visible()
    undrawn = opened.page.locator("#tell dl")
    for each in shown.trends:
        assert each.title in undrawn.locator("dt").all_inner_texts()
        assert each.absent in undrawn.locator("dd").all_inner_texts()


@pytest.mark.parametrize(
    ("run", "width", "scheme", "rules"),
    [
        ("whole", 1000, "light", {}),
        # What the colours and the width may change of the same elements.
        ("whole", 1000, "dark", {"runOnly": ["color-contrast"]}),
        ("whole", 360, "light", {"runOnly": list(OF_THE_WIDTH)}),
        ("empty", 1000, "dark", {}),
    ],
)
def test_axe_finds_no_serious_fault(pages, run, width, scheme, rules):
    from axe_playwright_python.sync_playwright import Axe

    page = pages(run, width=width, color_scheme=scheme).page
    unfold(page)
    options = {"resultTypes": ["violations"], **rules}
    answer = Axe().run(page, context={"exclude": ALIKE}, options=options).response
    looked = {each["id"] for each in answer["passes"]}
    assert looked >= set(rules["runOnly"]) if rules else len(looked) >= 20
    assert [
        (each["id"], each["help"], [node["target"] for node in each["nodes"]])
        for each in answer["violations"]
        if each["impact"] in ("serious", "critical")
    ] == []


@pytest.mark.parametrize("run", ["whole", "empty"])
def test_the_keyboard_reaches_everything(pages, run):
    page = pages(run).page
    expected = page.evaluate(NUMBER_EVERYTHING)
    assert expected
    reached, hidden = walk(page, len(expected))
    assert {name for number, name in expected.items() if number not in reached} == set()
    assert hidden == []


def test_what_shows_a_hand_can_be_reached_by_keyboard(pages):
    page = pages("whole").page
    beyond = page.evaluate(
        """() => [...document.querySelectorAll("body *")]
          .filter((each) => each instanceof HTMLElement && each.checkVisibility()
            && getComputedStyle(each).cursor === "pointer"
            && !each.closest("a[href], button, summary, label, select, input, [tabindex]"))
          .map((each) => each.outerHTML.slice(0, 120))"""
    )
    assert beyond == []


def test_print_keeps_the_tables(pages):
    opened = pages("whole", width=A4, media="print")
    page = opened.page
    unfold(page, "each => each.open = false")
    tables = [table for table in page.evaluate(TABLES) if not table["folded"]]
    # Points, counts, and one for each of the paper's tables.
    assert len(tables) >= 2 + len(opened.view.comparisons)
    for table in tables:
        assert table["rows"] > 0
        assert table["rowsInSight"] == table["rows"], table["title"]
        assert table["cutBy"] == [], table["title"]
        assert table["width"] < SHRINKING * A4, table["title"]


def unfold(page, how="each => each.open = true"):
    """Opens what can be unfolded, of several in a row the first alone: they are alike."""
    page.evaluate(f"document.querySelectorAll('details:first-of-type').forEach({how})")


BEYOND_THE_WINDOW = """() => [...document.querySelectorAll("body *")]
  .filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
  .map((each) => each.outerHTML.slice(0, 80))"""

# What the keyboard should reach: visible and not disabled, of a group of radio buttons the chosen.
# number -> words for a message; the numbers stay on the elements.
NUMBER_EVERYTHING = """() => {
  const all = document.querySelectorAll(
    "a[href], button, input, select, textarea, summary, [tabindex]:not([tabindex='-1'])");
  const named = {};
  [...all]
    .filter((each) => each.checkVisibility({ visibilityProperty: true }) && !each.disabled)
    .filter((each) => each.type !== "radio" || each.checked)
    .forEach((each, index) => {
      each.dataset.number = index;
      named[index] = each.outerHTML.slice(0, 120);
    });
  return named;
}"""

FOCUSED = """() => {
  const here = document.activeElement;
  const style = getComputedStyle(here), box = here.getBoundingClientRect();
  return {
    number: here.dataset.number ?? null,
    body: here === document.body,
    name: here.outerHTML.slice(0, 120),
    ringed: (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1)
      || style.boxShadow !== "none",
    inSight: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
  };
}"""


def walk(page, stops):
    """Tab through the page: the numbers of what was reached, and what was focused out of sight."""
    reached, hidden = set(), []
    for _ in range(2 * stops + 20):
        page.keyboard.press("Tab")
        here = page.evaluate(FOCUSED)
        if here["body"] or here["number"] in reached:
            break
        if not (here["ringed"] and here["inSight"]):
            hidden.append(here["name"])
        if here["number"] is not None:
            reached.add(here["number"])
    return reached, hidden


# Of each table: its rows and how many of them show, and boxes around it that show less than all.
TABLES = """() => [...document.querySelectorAll("table")].map((table) => {
  const rows = [...table.querySelectorAll("tbody tr")];
  const cutBy = [];
  for (let box = table.parentElement; box; box = box.parentElement)
    if (box.scrollWidth > box.clientWidth + 1 && getComputedStyle(box).overflowX !== "visible")
      cutBy.push(box.className || box.tagName);
  return {
    title: table.caption?.innerText,
    folded: table.closest("details:not([open])") !== null,
    rows: rows.length,
    rowsInSight: rows.filter((row) => row.checkVisibility() && row.offsetHeight > 0).length,
    width: table.offsetWidth,
    cutBy,
  };
})"""
