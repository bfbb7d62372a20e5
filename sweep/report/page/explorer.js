// The switches of the frontier, the budget panel, and the cards that a click opens.
// The budget's rule is that of budget.py, word for word; all numbers come written from the view.
(() => {
  "use strict";
  const { plots, candidates, cautions, names, command } = JSON.parse(
    document.getElementById("explorer-data").textContent,
  );
  const axes = document.getElementById("axes");
  const budget = document.getElementById("budget");
  const picked = document.getElementById("picked");
  const element = (id) => document.getElementById(id);
  const FADED = 0.12;

  const source = () => axes.elements.source.value;
  const batch = () => budget.elements.batch?.value ?? names.batch;

  function read(candidate, quantity) {
    return quantity === "latency_s" ? candidate.latency_s[batch()] : candidate[quantity];
  }

  function limits() {
    return [...budget.querySelectorAll("input")]
      .filter((input) => input.valueAsNumber > 0)
      .map((input) => ({
        name: input.name,
        // Multiplied in decimals: 1.3 times a million is a whole number.
        value: Number((input.valueAsNumber * Number(input.dataset.factor)).toPrecision(12)),
        text: `${input.value} ${input.nextElementSibling.textContent}`,
      }));
  }

  // Highest accuracy first, of equals the fewest mult-adds, then by name.
  function ranked() {
    const accuracy = (each) => each.accuracies[source()].value;
    return candidates
      .filter((each) => source() in each.accuracies)
      .sort(
        (a, b) =>
          accuracy(b) - accuracy(a) ||
          (a.mult_adds?.value ?? Infinity) - (b.mult_adds?.value ?? Infinity) ||
          (a.label < b.label ? -1 : 1),
      );
  }

  function judge() {
    const limited = limits();
    const all = ranked();
    const whole = all.filter((each) => limited.every(({ name }) => read(each, name)));
    const excess = (each) =>
      Math.max(...limited.map(({ name, value }) => read(each, name).value / value - 1));
    const over = (each) => limited.filter(({ name, value }) => read(each, name).value > value);
    const fitting = whole.filter((each) => over(each).length === 0);
    const better = fitting.filter((each) => !each.accuracies[source()].guessing);
    let closest = null;
    if (!fitting.length) {
      for (const each of whole) if (!closest || excess(each) < excess(closest)) closest = each;
    }
    return { limited, all, fitting, better, closest, over };
  }

  // A missing interval is the value alone.
  function overlap(one, other) {
    const [a, b] = [one, other].map((each) => each.accuracies[source()]);
    return (a.low ?? a.value) <= (b.high ?? b.value) && (b.low ?? b.value) <= (a.high ?? a.value);
  }

  // "a, b and c", "a, b, c and 2 more".
  function listed(labels, longest) {
    const cut = labels.length > longest;
    const shown = cut ? [...labels.slice(0, longest), `${labels.length - longest} more`] : labels;
    return shown.length < 2 ? shown.join("") : `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}`;
  }

  // What bears on an answer that names this point first, as bearing.py has it.
  function bearing(first, limited) {
    const about = (each) =>
      each.about === "accuracy" ? source() === "measured" : limited.some(({ name }) => name === each.about);
    return cautions.filter(
      (each) => about(each) && ["", first.label].includes(each.label) && [0, Number(batch())].includes(each.batch),
    );
  }

  function described(candidate) {
    const parts = [candidate.accuracies[source()].text];
    for (const quantity of Object.keys(names.quantities)) {
      const found = read(candidate, quantity);
      if (found) parts.push(`${found.text} ${names.quantities[quantity]}`);
    }
    return parts.join(", ");
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

  function line(title, candidate) {
    const paragraph = document.createElement("p");
    const link = document.createElement("a");
    link.href = "#each";
    link.textContent = candidate.label;
    link.addEventListener("click", (event) => {
      event.preventDefault();
      open(candidate.label);
    });
    paragraph.append(`${title}: `, link, ...prose(`, ${described(candidate)}.`));
    return paragraph;
  }

  function said(text, className = "") {
    const paragraph = document.createElement("p");
    paragraph.append(...prose(text));
    paragraph.className = className;
    return paragraph;
  }

  // By how much a limit is exceeded, as budget.py says it.
  function beyond(excess) {
    if (excess >= 9) return `${(1 + excess).toFixed(0)} times`;
    if (excess < 0.001) return "less than 0.1 % over";
    return `${(100 * excess).toFixed(excess < 0.0995 ? 1 : 0)} % over`;
  }

  function tell({ limited, all, fitting, better, closest, over }) {
    const lines = [...budget.querySelectorAll("input")]
      .filter((input) => input.validity.badInput || (input.value !== "" && !(input.valueAsNumber > 0)))
      .map((input) => said(`${names.quantities[input.name]}: must be a number above 0; not held against it.`, "bad"));
    if (!all.length) lines.push(said("No point has such an accuracy."));
    else if (limited.length) {
      lines.push(said(`${fitting.length} of ${all.length} points fit. The others are all but invisible.`));
    }
    const first = better[0] ?? fitting[0] ?? closest;
    if (better.length) {
      lines.push(line("Best", better[0]));
      if (better[1]) lines.push(line("Runner-up", better[1]));
      const near = fitting.filter((each) => each !== better[0] && overlap(each, better[0]));
      if (near.length) lines.push(said(together(better[0], near)));
      const also = fitting.filter((each) => each !== better[0] && each !== better[1]);
      if (limited.length && also.length) {
        lines.push(said(`Also: ${also.map((each) => each.label).join(", ")}.`));
      }
      const guessing = fitting.filter((each) => !better.includes(each));
      if (guessing.length) {
        const than = guessing[0].accuracies[source()].guessing;
        lines.push(said(`No better than ${than}: ${listed(guessing.map((each) => each.label), 12)}.`));
      }
    } else if (fitting.length) {
      const none = fitting.length === 1 ? "It is no" : "None is";
      const than = fitting[0].accuracies[source()].guessing;
      lines.push(said(`${none} better than ${than}, as far as the test images tell: there is no best.`));
      lines.push(line("The highest", fitting[0]));
    } else if (closest) {
      lines.push(line("Nothing fits. Closest", closest));
      const broken = over(closest).map(({ name, value, text }) => {
        const found = read(closest, name);
        return `${names.quantities[name]} ${found.text}, ${beyond(found.value / value - 1)} ${text}`;
      });
      lines.push(said(`Over the limit: ${broken.join("; ")}.`));
    } else if (all.length) {
      lines.push(said("No point has a reading of all that is limited."));
    }
    if (first) lines.push(...bearing(first, limited).map(({ text }) => said(text, "caution")));
    const code = document.createElement("code");
    code.textContent = terminal(limited);
    const same = said("The same in a terminal: ", "muted");
    same.append(code);
    picked.replaceChildren(...lines, same);
  }

  function together(best, near) {
    const labels = near.map((each) => each.label);
    if (best.accuracies[source()].low === null) return `As accurate, and without intervals: ${listed(labels, 12)}.`;
    return `${best.label} is not told apart from ${listed(labels, names.neighbours)} by these test images: their 95 % intervals overlap.`;
  }

  function terminal(limited) {
    const flags = { latency_s: "ms", params: "M", mult_adds: "M", peak_memory_bytes: "MB" };
    const options = limited.map(
      ({ name, text }) => `${names.options[name]} ${text.split(" ")[0]}${flags[name]}`,
    );
    if (source() !== "measured") options.push(`--accuracy ${source()}`);
    if (batch() !== "1" && limited.some(({ name }) => name === "latency_s")) {
      options.push(`--batch ${batch()}`);
    }
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
    const mine = !plot.batch || plot.batch === batch() || plot.quantity !== "latency_s";
    const limit = mine && limited.find(({ name }) => name === plot.quantity);
    const shapes = limit
      ? [{ type: "line", x0: limit.value, x1: limit.value, yref: "paper", y0: 0, y1: 1, line: { dash: "dot", width: 1.5, color: "#8A8F98" } }]
      : [];
    return { data, layout: { ...plot.layout, shapes } };
  }

  function update() {
    const plot = plots[source()][axes.elements.cost.value];
    const judged = judge();
    element("explorer-title").textContent = plot.title;
    element("explorer-y").textContent = plot.y;
    element("explorer-bars").textContent = plot.bars;
    element("explorer-words").textContent = plot.words;
    element("explorer-absent").textContent = plot.absent;
    element("explorer-absent").hidden = !plot.absent;
    const place = element("plot-explorer");
    place.hidden = Boolean(plot.absent);
    place.setAttribute("aria-label", plot.words);
    if (!plot.absent) drawing.show("plot-explorer", marked(plot, judged));
    tell(judged);
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
