// The switches of the frontier, the budget panel, and the cards that a click opens.
// What decides an answer and every word of it come from panel.py. Left to do here is what waits for
// the reader's limits: which values are at most theirs, and by how much others are above.
(() => {
  "use strict";
  const { plots, fields, batches, ranked, read, bearing, words, measured, command } = JSON.parse(
    document.getElementById("explorer-data").textContent,
  );
  const axes = document.getElementById("axes");
  const budget = document.getElementById("budget");
  const picked = document.getElementById("picked");
  const element = (id) => document.getElementById(id);
  const FADED = 0.12;

  const source = () => axes.elements.source.value;
  const batch = () => budget.elements.batch?.value ?? batches[0] ?? "";
  const inputOf = (field) => budget.elements[`limit-${fields.indexOf(field)}`];
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

  function limits() {
    return fields
      .map((field) => ({ field, input: inputOf(field) }))
      .filter(({ input }) => input.valueAsNumber > 0)
      .map(({ field, input }) => ({
        field,
        name: field.names[batch()] ?? field.names[""],
        // Multiplied in decimals: 1.3 times a million is a whole number.
        value: Number((input.valueAsNumber * field.factor).toPrecision(12)),
        typed: input.value,
        text: `${input.value} ${field.unit}`.trim(),
      }));
  }

  // The points stand in the order that they answer in.
  function judge() {
    const limited = limits();
    const all = ranked[source()];
    const at = ({ label }, { name }) => read[label][name];
    const over = (point) => limited.filter((limit) => at(point, limit).value > limit.value);
    const excess = (point, limit) => at(point, limit).value / limit.value - 1;
    const worst = (point) => Math.max(...limited.map((limit) => excess(point, limit)));
    const whole = all.filter((point) => limited.every((limit) => at(point, limit)));
    const fitting = whole.filter((point) => !over(point).length);
    const better = fitting.filter((point) => !point.guessing);
    const least = fitting.length ? NaN : Math.min(...whole.map(worst));
    const closest = whole.find((point) => worst(point) === least);
    const broken = closest && over(closest).map((limit) => ({
      limit, text: at(closest, limit).text, excess: excess(closest, limit),
    }));
    return { limited, all, fitting, better, closest, broken, worst };
  }

  function listed(labels, longest) {
    const rest = labels.length - longest;
    const shown = rest > 0 ? [...labels.slice(0, longest), fill(words.more, { n: rest })] : labels;
    return new Intl.ListFormat("en-GB", { type: "conjunction" }).format(shown);
  }

  // What stands with an answer that names this point first.
  function cautions(first, limited) {
    return [source(), ...limited.map(({ name }) => name)]
      .filter((about) => Object.hasOwn(bearing, about))
      .flatMap((about) => [...bearing[about].every, ...(bearing[about].of[first.label] ?? [])]);
  }

  // Names such as 0.75-192, and intervals, don't break at their dash.
  function prose(text) {
    return text.split(/( )/).map((word) => {
      if (!/.[-\u2013]./.test(word) || word.length > 23) return word;
      const whole = document.createElement("span");
      whole.className = "whole";
      whole.textContent = word;
      return whole;
    });
  }

  function line(title, point) {
    const paragraph = document.createElement("p");
    const link = document.createElement("a");
    link.href = "#each";
    link.textContent = point.label;
    link.addEventListener("click", (event) => {
      event.preventDefault();
      open(point.label);
    });
    const others = limits()
      .filter(({ field, name }) => field.other && read[point.label][name])
      .map(({ field, name }) => `, ${read[point.label][name].text} ${field.noun}`);
    paragraph.append(`${title}: `, link, ...prose(`, ${point.described[batch()]}${others.join("")}.`));
    return paragraph;
  }

  function said(text, className = "") {
    const paragraph = document.createElement("p");
    paragraph.append(...prose(text));
    paragraph.className = className;
    return paragraph;
  }

  function told({ limit, text, excess }) {
    const how = words.excesses.find(({ below }) => excess < below);
    const n = Number((how.scale * excess + how.offset).toFixed(how.digits));
    const value = `${limit.typed} ${limit.field.unit}`.trim();
    return fill(words.broken, { called: limit.field.noun, value: text, by: fill(how.text, { n }), limit: value });
  }

  function wrong() {
    return fields
      .map((field) => [field, inputOf(field)])
      .filter(([, input]) => input.validity.badInput || (input.value !== "" && !(input.valueAsNumber > 0)))
      .map(([field]) => said(fill(words.bad, field), "bad"));
  }

  // Of points that are not told apart; without limits by the cost that stands for all.
  function cheapest(points, limited, worst) {
    const by = limited.length ? limited.map(({ name }) => name) : [words.cheap_by];
    const known = points.filter(({ label }) => by.every((name) => read[label][name]));
    const cost = (point) => (limited.length ? worst(point) : read[point.label][by[0]].value);
    const least = Math.min(...known.map(cost));
    const found = known.find((point) => cost(point) === least);
    const noun = (name) => fields.find(({ names }) => Object.values(names).includes(name)).noun;
    const costs = by.map((name) => found && `${read[found.label][name].text} ${noun(name)}`);
    return found && { label: found.label, costs: listed(costs, words.longest) };
  }

  // Limits that lie inside the interval of one of the points that are named.
  function crossing(named, limited) {
    return named.filter(Boolean).flatMap(({ label }) =>
      limited
        .map((limit) => ({ ...limit, of: read[label][limit.name] }))
        .filter(({ of, value }) => of && of.low !== null && of.low < value && value < of.high)
        .map(({ field, of, text }) => fill(words.crosses, { noun: field.noun, label, interval: of.interval, limit: text })),
    );
  }

  function best({ limited, all, fitting, better, worst }) {
    const [first, second] = better;
    const lines = [line(words.best, first)];
    if (second) lines.push(line(words.runner_up, second));
    const labels = (points) => points.map(({ label }) => label);
    const places = new Map(all.map((point, place) => [point, place]));
    const near = fitting.filter((point) =>
      first.ties.some(([from, to]) => from <= places.get(point) && places.get(point) <= to),
    );
    if (near.length) lines.push(said(fill(first.tied, { names: listed(labels(near), first.most_tied) })));
    const least = first.cheapest && near.length && cheapest([first, ...near], limited, worst);
    if (least) lines.push(said(fill(first.cheapest, least)));
    if (first.worth) lines.push(said(first.worth));
    if (first.chosen && fitting.length > 1) lines.push(said(fill(first.chosen, { of: fitting.length })));
    const also = fitting.filter((point) => point !== first && point !== second);
    lines.push(...crossing([first, second], limited).map((text) => said(text)));
    if (limited.length && also.length) lines.push(said(fill(words.also, { names: labels(also).join(", ") })));
    const guesses = fitting.filter(({ guessing }) => guessing);
    if (guesses.length) {
      const names = listed(labels(guesses), words.longest);
      lines.push(said(fill(words.guessing, { guessing: guesses[0].guessing, names })));
    }
    return lines;
  }

  function tell(judged, more) {
    const { limited, all, fitting, better, closest, broken } = judged;
    const lines = wrong();
    if (!all.length) lines.push(said(words.unranked));
    else if (limited.length) {
      const all_fit = all.length === 1 ? words.one_fits : words.all_fit;
      const text = fitting.length === all.length ? all_fit : words.fit;
      lines.push(said(fill(text, { fit: fitting.length, all: all.length })));
    }
    if (better.length) lines.push(...best(judged));
    else if (fitting.length) {
      lines.push(said(fill(fitting.length === 1 ? words.one_not_better : words.none_better, fitting[0])));
      lines.push(line(words.highest, fitting[0]));
    } else if (closest) {
      lines.push(line(words.closest, closest));
      lines.push(said(fill(words.over, { broken: broken.map(told).join("; ") })));
    } else if (all.length) lines.push(said(words.unread));
    const first = better[0] ?? fitting[0] ?? closest;
    if (first) lines.push(...cautions(first, limited).map((text) => said(text, "caution")));
    const code = document.createElement("code");
    code.textContent = terminal(limited, more);
    const same = said(words.same, "muted");
    same.append(code);
    picked.replaceChildren(...lines, same);
  }

  function terminal(limited, more) {
    const options = limited.map(({ field, typed }) => fill(field.option, { typed }));
    if (source() !== measured) options.push(`--accuracy ${source()}`);
    const other = batch() !== (batches[0] ?? "");
    if (other && limited.some(({ field }) => batch() in field.names)) options.push(`--batch ${batch()}`);
    if (more) options.push(more);
    return [command, ...options].join(" ");
  }

  // Some points of a trace: every list in it that has an entry for each point is cut alike.
  function some(trace, keep) {
    const length = trace.customdata.length;
    const cut = (value) => {
      if (Array.isArray(value)) return value.length === length ? value.filter((_, i) => keep[i]) : value;
      if (value === null || typeof value !== "object") return value;
      return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, cut(each)]));
    };
    return cut(trace);
  }

  // What does not fit is all but invisible, and a line stands at the limit of the axis in sight.
  function marked(plot, { limited, fitting }) {
    if (!limited.length) return plot;
    const fits = new Set(fitting.map((each) => each.label));
    const data = plot.data.flatMap((trace) => {
      if (!trace.customdata) return [trace];
      const inside = trace.customdata.map((label) => fits.has(label));
      const kept = some(trace, inside);
      if (trace.mode === "text") return [kept];
      const rest = some(trace, inside.map((each) => !each));
      return [kept, { ...rest, opacity: FADED * (trace.opacity ?? 1) }];
    });
    const limit = limited.find(({ name }) => name === axes.elements.cost.value);
    const shapes = limit
      ? [{ type: "line", x0: limit.value, x1: limit.value, yref: "paper", y0: 0, y1: 1, line: { dash: "dot", width: 1.5, color: "#8A8F98" } }]
      : [];
    return { data, layout: { ...plot.layout, shapes } };
  }

  function update() {
    const plot = plots[source()][axes.elements.cost.value];
    const judged = judge();
    const best = judged.better[0] ?? judged.fitting[0];
    const { network, options } = between.update(source(), judged.limited, best?.label);
    element("explorer-title").textContent = plot.title;
    element("explorer-y").textContent = plot.y;
    element("explorer-bars").textContent = plot.bars;
    element("explorer-words").textContent = plot.words;
    element("explorer-absent").textContent = plot.absent;
    element("explorer-absent").hidden = !plot.absent;
    const place = element("plot-explorer");
    place.hidden = Boolean(plot.absent);
    place.setAttribute("aria-label", plot.words);
    const cost = axes.elements.cost.value;
    if (!plot.absent) {
      drawing.show("plot-explorer", between.onFrontier(marked(plot, judged), source(), cost, network));
    }
    tell(judged, options);
  }

  function open(label) {
    const card = [...document.querySelectorAll("#cards details.card")].find(
      (each) => each.dataset.label === label,
    );
    if (!card) return;
    card.open = true;
    card.scrollIntoView({ block: "start" });
    card.querySelector("summary").focus({ preventScroll: true });
  }

  axes.addEventListener("change", update);
  budget.addEventListener("input", update);
  budget.addEventListener("submit", (event) => event.preventDefault());
  budget.addEventListener("reset", () => setTimeout(update)); // after the fields are empty
  document.addEventListener("point", (event) => open(event.detail));
  update();
})();
