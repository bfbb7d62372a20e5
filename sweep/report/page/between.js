// What is predicted between the points: lines on the maps, the budget's edge, and the best network
// that nobody has measured. The rule, and every word, come from predictions.py and between_words.py;
// left to do here is what waits for the reader's limits.
const between = (() => {
  "use strict";
  const { networks, ranked, costs, absent, edges, maps, measured, ours, sure, among, options, keep, words } = JSON.parse(
    document.getElementById("between-data").textContent,
  );
  const shown = document.getElementById("between-shown");
  const place = document.getElementById("between");
  const about = document.getElementById("edges");
  const [VALUE, TEXT] = [0, 3]; // of [value, low, high, text]
  const [WIDE, HIGH] = [0.1, 0.07]; // of a map, that a line's name takes
  const INK = "#D55E00"; // of the budget: stands out on the map's colours, on white and on black
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const isShown = () => Boolean(shown?.checked);

  // With what chance a limit so many times the predicted value is kept.
  function within(over, ratio) {
    if (!over.length) return ratio >= 1 ? 1 : 0;
    const next = over.findIndex((each) => each > ratio);
    if (next < 0) return 1;
    if (!next) return 0;
    const [low, high] = [over[next - 1], over[next]];
    return (next + (ratio - low) / (high - low)) / (over.length + 1);
  }

  const chance = (network, limited) =>
    limited.reduce((all, { name, value }) => all * within(costs[name].over, value / network.costs[name][VALUE]), 1);

  // Networks of which all that is limited is predicted, and not all of it was measured.
  const isBetween = (network, limited) =>
    limited.every(({ name }) => network.costs[name]) && !limited.every(({ name }) => network.read.includes(name));

  // The most accurate that keeps the limits; null without limits, or where something is not predicted.
  function found(source, limited) {
    const why = [...limited.map(({ name }) => absent[name]), absent[source], absent[""]].filter(Boolean);
    if (why.length || !limited.length) return { why };
    const of = ranked[source].map((index) => networks[index]).filter((each) => isBetween(each, limited));
    return { of: of.length, why, network: of.find((each) => chance(each, limited) >= sure) };
  }

  function told(source, limited, best, { of, why, network }) {
    if (!limited.length) return [];
    if (why.length) return why.slice(0, 1);
    const looked = { of: of.toLocaleString("en-US"), steps: among, sure: keep };
    if (!network) return [fill(words.none, looked)];
    const unpriced = network.uneven && limited.some(({ name }) => !costs[name].priced);
    const percent = `${Math.round(100 * chance(network, limited))}\u00a0%`;
    const described = fill(words.described, {
      accuracy: network.accuracies[source][TEXT],
      costs: limited.map(({ name }) => `${costs[name].called} ${network.costs[name][TEXT]}`).join(", "),
      chance: percent + (unpriced ? words.uneven : ""),
    });
    const texts = [fill(words.found, { ...looked, label: network.label, described })];
    if (measured[source][best] > network.accuracies[source][VALUE]) texts[0] += ` ${fill(words.more, { label: best })}`;
    texts.push(...limited.map(({ name }) => costs[name].told).filter(Boolean));
    if (unpriced) texts.push(fill(words.unpriced, { names: network.label }));
    return texts;
  }

  // A ring, unlike anything that was measured, with a light one around it that sets it off.
  function dot(network, source, x, y, ink) {
    const name = fill(words.name, network);
    const ring = (own) => ({ type: "scatter", mode: "markers", x: [x], y: [y], hoverinfo: "skip", ...own });
    const marker = (color, width) => ({ symbol: "circle-open", size: 15, color, line: { width } });
    return [
      ring({ name: "halo", marker: marker("rgba(255,255,255,0.8)", 6) }),
      ring({
        name, marker: marker(ink, 2.5),
        hovertext: [`${name}<br>${network.accuracies[source][TEXT]}`], hoverinfo: "text",
      }),
    ];
  }

  // Its name, with a line to it, on that side on which there is more room; text: what is told beside.
  function named(network, x, y, [low, high], text = "") {
    const right = x < low + 0.7 * (high - low);
    return {
      text: [fill(words.name, network), text].filter(Boolean).join("<br>"), x, y, align: "left",
      ax: right ? 14 : -14, ay: 44, xanchor: right ? "left" : "right", arrowwidth: 1, arrowhead: 0, standoff: 9, borderpad: 2,
    };
  }

  // Adds the network to a frontier's plot ({data, layout}) over a cost.
  function onFrontier(plot, source, cost, network) {
    const [x, y] = [network?.costs[cost], network?.accuracies[source]];
    if (!x || !y) return plot;
    const bars = ([value, low, high]) =>
      ({ type: "data", array: [high - value], arrayminus: [value - low], thickness: 1, width: 0 });
    const ink = getComputedStyle(document.documentElement).getPropertyValue("--strong").trim();
    const [halo, hollow] = dot(network, source, x[VALUE], y[VALUE], ink);
    Object.assign(hollow, { error_x: bars(x), error_y: bars(y) });
    hollow.hovertext[0] += `<br>${x[TEXT]}`;
    const scale = plot.layout.xaxis.type === "log" ? Math.log10 : Number;
    const every = plot.data.flatMap((trace) => trace.x).map(scale);
    const annotations = [named(network, scale(x[VALUE]), y[VALUE], [Math.min(...every), Math.max(...every)])];
    return { data: [...plot.data, halo, hollow], layout: { ...plot.layout, annotations } };
  }

  // Where a limit is just kept, named beyond its right end. Plotly finds the line, and breaks it
  // where nothing is known.
  function edge({ name, value, text }, [right, below]) {
    const { alphas, resolutions, values } = edges[name];
    const line = {
      type: "contour", name: text, x: resolutions, y: alphas, z: values, connectgaps: false, showscale: false, hoverinfo: "skip",
      autocontour: false, contours: { start: value, end: value, size: value, coloring: "none" },
      line: { color: INK, width: 2.5, dash: "dot", smoothing: 0 },
    };
    const above = alphas.findIndex((_, i) => i && crosses(values[i - 1].at(-1), values[i].at(-1), value));
    const along = resolutions.findLastIndex((_, j) => j && crosses(values[0][j - 1], values[0][j], value));
    const end = above > 0 ? [right, alphas[above]] : along > 0 ? [resolutions[along], below] : null;
    if (!end) return [line];
    return [line, {
      type: "scatter", mode: "text", name: text, x: [end[0]], y: [end[1]], text: [text], cliponaxis: false, hoverinfo: "skip",
      textposition: above > 0 ? "middle right" : "middle center", textfont: { color: INK, size: 12 },
    }];
  }

  const crosses = (one, other, value) =>
    one !== null && other !== null && Math.min(one, other) <= value && value < Math.max(one, other);

  function map(name, limited, source, network) {
    const { lines, beyond, of, ...plot } = maps[name];
    if (!isShown()) return plot;
    const squares = plot.data.filter((trace) => trace.name === "squares");
    const behind = lines.length ? lines : plot.data.filter((trace) => trace.name !== "squares");
    const budget = limited.filter((each) => edges[each.name]).flatMap((each) => edge(each, beyond));
    // A name of the budget's steps below another, and lines lose theirs where it would lie on them.
    const [across, up] = ["xaxis", "yaxis"].map((axis) => plot.layout[axis].range[1] - plot.layout[axis].range[0]);
    const covers = (one) => (other) =>
      Math.abs(one.x[0] - other.x[0]) < WIDE * across && Math.abs(one.y[0] - other.y[0]) < HIGH * up;
    const names = [];
    for (const each of budget.filter(({ mode }) => mode === "text")) {
      while (names.some(covers(each))) each.y[0] -= HIGH * up;
      names.push(each);
    }
    const clear = behind.filter((each) => each.mode !== "text" || !names.some(covers(each)));
    // Squares stand on the lines; a colour beside the other lies below them.
    const ground = plot.data[0].name === "squares" ? [...squares, ...clear] : [...clear, ...squares];
    const data = [...ground, ...budget];
    if (!network) return { data, layout: plot.layout };
    const at = [network.resolution, network.alpha];
    const { costs: own, accuracies } = network;
    const told = of === null ? accuracies[ours] : own[of];
    // There is but one ring: its name stands above the squares, where it hides none.
    const [bottom, top] = plot.layout.yaxis.range;
    const yaxis = { ...plot.layout.yaxis, range: [bottom, top + 0.12 * up] };
    const label = named(network, ...at, plot.layout.xaxis.range, told?.[TEXT]);
    Object.assign(label, { y: top, yanchor: "bottom", showarrow: false });
    const layout = { ...plot.layout, yaxis, annotations: [label] };
    return { data: [...data, ...dot(network, source, ...at, INK)], layout };
  }

  // limited: {name, value, text}. best: the label of the measured answer, where there is one.
  function update(source, limited, best) {
    const answer = isShown() ? found(source, limited) : { why: [] };
    const texts = isShown() ? told(source, limited, best, answer) : [];
    place.replaceChildren(...texts.map((text) => {
      const paragraph = document.createElement("p");
      paragraph.textContent = text;
      return paragraph;
    }));
    place.hidden = !texts.length;
    const drawn = isShown() ? limited.filter(({ name }) => edges[name]) : [];
    const kept = drawn.map(({ name, text }) => `${costs[name].called} ${text}`).join(", ");
    about.textContent = kept && fill(words.edges, { limits: kept });
    for (const name of Object.keys(maps)) drawing.show(`plot-${name}`, map(name, limited, source, answer.network));
    return { network: answer.network, options: isShown() && limited.length && !answer.why.length ? options : "" };
  }

  return { update, onFrontier };
})();
