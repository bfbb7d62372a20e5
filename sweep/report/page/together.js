// The switches of the page of several runs: which cost, whose accuracies, and which of the runs.
(() => {
  "use strict";
  const overlays = JSON.parse(document.getElementById("together-data").textContent);
  const axes = document.getElementById("axes");
  const element = (id) => document.getElementById(`together-${id}`);

  function update() {
    const plot = overlays[axes.elements.source.value][axes.elements.cost.value];
    const shown = new Set([...axes.querySelectorAll("[name=run]:checked")].map(({ value }) => Number(value)));
    for (const name of ["title", "y", "words", "absent"]) element(name).textContent = plot[name];
    element("absent").hidden = !plot.absent;
    element("beware").replaceChildren(...plot.beware.map((text) => {
      const item = document.createElement("li");
      item.textContent = text;
      return item;
    }));
    const place = document.getElementById("plot-together");
    place.hidden = Boolean(plot.absent);
    place.setAttribute("aria-label", plot.words);
    if (plot.absent) return;
    const data = plot.data.filter(({ meta }) => shown.has(meta));
    drawing.show("plot-together", { data, layout: plot.layout });
  }

  axes.addEventListener("change", update);
  update();
})();
