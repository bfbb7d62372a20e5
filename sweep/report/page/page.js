// Draws the figures that the page carries as JSON, in the colours of the page's theme.
const drawing = (() => {
  "use strict";
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const config = {
    responsive: true,
    displaylogo: false,
    modeBarButtons: [["toImage"]],
    toImageButtonOptions: { format: "svg" },
  };
  const NARROW = 560; // px: below it, names of points would cover each other
  const LETTER = 7.5; // px: of a title, about
  const template = JSON.parse(document.getElementById("template").textContent);
  const drawn = new Map(); // id of the place -> what is drawn there
  const narrow = new Map(); // id of the place -> whether it is drawn for a narrow one

  // The template that all figures share, in the colours of the page.
  function themed() {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const font = { family: style.fontFamily, color: colour("--text"), size: 13 };
    const axis = {
      ...template.layout.xaxis,
      gridcolor: colour("--line"),
      showline: true,
      linecolor: colour("--muted"),
      zerolinecolor: colour("--muted"),
      tickfont: { color: colour("--muted"), size: 12 },
    };
    const layout = {
      ...template.layout,
      font,
      xaxis: axis,
      yaxis: axis,
      modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("--muted"), activecolor: colour("--text") },
      hoverlabel: { bgcolor: colour("--raised"), bordercolor: colour("--muted"), font, align: "left" },
    };
    layout.annotationdefaults = {
      font: { ...font, size: 12 },
      bgcolor: colour("--raised"),
      bordercolor: colour("--edge"),
      arrowcolor: colour("--muted"),
    };
    return { ...template, layout };
  }

  function draw(id) {
    const place = document.getElementById(id);
    const plot = drawn.get(id);
    // Plotly writes into what it is given: the page's own data stay as they are.
    let { data, layout } = structuredClone(plot);
    narrow.set(id, isNarrow(id));
    if (isNarrow(id)) {
      data = data.filter((trace) => trace.mode !== "text");
      if (layout.xaxis.title) layout.xaxis.title.text = folded(layout.xaxis.title.text, place.clientWidth);
    }
    Plotly.react(place, data, { ...layout, template: themed() }, config);
    // The words beside a figure say what it shows: loose ticks read aloud would not.
    for (const svg of place.querySelectorAll("svg.main-svg")) svg.setAttribute("aria-hidden", "true");
  }

  // A title on as few lines as its room takes, broken at commas.
  function folded(title, width) {
    const lines = [];
    for (const part of title.split(", ")) {
      const longer = `${lines.at(-1)}, ${part}`;
      if (lines.length && longer.length * LETTER < width) lines[lines.length - 1] = longer;
      else lines.push(part);
    }
    return lines.join(",<br>");
  }

  function isNarrow(id) {
    return document.getElementById(id).clientWidth < NARROW;
  }

  function drawAll() {
    for (const id of drawn.keys()) draw(id);
  }

  // Plotly makes figures wider and narrower by itself: only names that come or go are drawn anew.
  function resized() {
    for (const id of drawn.keys()) if (narrow.get(id) !== isNarrow(id)) draw(id);
  }

  // Puts a plot ({data, layout}) into the element of that id, and keeps it in the page's colours.
  function show(id, plot) {
    const isNew = !drawn.has(id);
    drawn.set(id, plot);
    draw(id);
    if (isNew) {
      document.getElementById(id).on("plotly_click", (event) => {
        const label = event.points[0]?.customdata;
        if (label) document.dispatchEvent(new CustomEvent("point", { detail: label }));
      });
    }
  }

  dark.addEventListener("change", drawAll);
  window.addEventListener("resize", resized);
  window.addEventListener("beforeprint", drawAll);
  return { show };
})();

for (const [name, plot] of Object.entries(JSON.parse(document.getElementById("plots").textContent))) {
  drawing.show(`plot-${name}`, plot);
}
