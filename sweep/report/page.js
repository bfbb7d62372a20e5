// Draws the figures that the page carries as JSON, in the colours of the page's theme.
(() => {
  "use strict";
  const plots = JSON.parse(document.getElementById("plots").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const config = {
    responsive: true,
    displaylogo: false,
    modeBarButtons: [["toImage"]],
    toImageButtonOptions: { format: "svg" },
  };
  const NARROW = 560; // px: below it, labels would cover each other

  function themed(layout) {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const axis = (given) => ({
      ...given,
      gridcolor: colour("--line"),
      linecolor: colour("--muted"),
      tickfont: { color: colour("--muted"), size: 12 },
    });
    return {
      ...layout,
      font: { family: style.fontFamily, color: colour("--text"), size: 13 },
      xaxis: axis(layout.xaxis),
      yaxis: axis(layout.yaxis),
      modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("--muted"), activecolor: colour("--text") },
      hoverlabel: {
        bgcolor: colour("--raised"),
        bordercolor: colour("--muted"),
        font: { family: style.fontFamily, color: colour("--text"), size: 13 },
        align: "left",
      },
    };
  }

  function fitted(traces, width) {
    return traces.filter((trace) => trace.mode !== "text" || width >= NARROW);
  }

  function draw() {
    for (const [name, plot] of Object.entries(plots)) {
      const place = document.getElementById(`plot-${name}`);
      Plotly.react(place, fitted(plot.data, place.clientWidth), themed(plot.layout), config);
    }
  }

  draw();
  dark.addEventListener("change", draw);
  window.addEventListener("resize", draw);
  window.addEventListener("beforeprint", draw);
})();
