"""A run's results -> everything that will be shown, as one frozen value."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from sweep import paper
from sweep.metrics import LATENCY, in_int8
from sweep.paper.published import traps
from sweep.report.content import (
    bearing,
    cautions,
    devices,
    figures,
    findings,
    headline,
    paper_tables,
    tables,
)
from sweep.report.content.beside import agreement, evidence_beside
from sweep.report.content.candidates import candidates
from sweep.report.content.cards import cards
from sweep.report.content.evidence import evidence_of
from sweep.report.content.heatmaps import heat_maps
from sweep.report.content.int8_costs import int8_costs
from sweep.report.content.panel import panel
from sweep.report.content.predictions import predictions
from sweep.report.content.separable import derivation
from sweep.report.content.trends import trends
from sweep.report.values import units
from sweep.report.values.tables import Fact
from sweep.report.values.view import View

if TYPE_CHECKING:
    from sweep.results.load import Results


def view(results: Results) -> View:
    """Everything a report shows. Reads the results alone: no clock, no device, no file.

    Raises ValueError where latencies of several machines would share a frontier.
    """
    _check_one_machine(results)
    compared = paper.compare(results.points, results.readings)
    tau = paper.tau(results.points)
    drawn, measured = figures.figures(results), evidence_of(results)
    scatters = trends(results)
    costs = tuple(dict.fromkeys(each.of for each in drawn if each.of.is_cost))
    ranked = candidates(results.points, costs)
    sources = figures.choices(results.points)
    between = predictions(results, costs, (name for name, _ in sources))
    beware = bearing.cautions(results)
    evidence = {figures.MEASURED: measured, figures.BESIDE_NAME: evidence_beside(results.points)}
    evidence |= {
        figures.int8_source(runtime): evidence_of(results, in_int8(runtime))
        for runtime in results.settings.get("int8", {}).get("runtimes", ())
    }
    return View(
        name=str(results.settings.get("name", results.path.name)),
        title=headline.title(results.points, drawn, measured),
        findings=(
            *findings.findings(results, drawn, tau, measured),
            *devices.agreement(results),
            *int8_costs(results),
            *agreement(results.points),
        ),
        warnings=cautions.warnings(results, compared),
        tau=tau,
        figures=drawn,
        sources=sources,
        key=figures.key(drawn, scatters),
        candidates=ranked,
        panel=panel(ranked, costs, (name for name, _ in sources), beware, evidence),
        cautions=beware,
        cards=cards(results, drawn),
        heat_maps=heat_maps(results, between),
        predictions=between,
        trends=scatters,
        swept=len(results.points),
        points=tables.points(results),
        counts=tables.counts(results),
        derivation=derivation(results),
        body=paper_tables.body(results),
        comparisons=paper_tables.comparisons(compared),
        unmatched=paper_tables.unmatched(results, compared),
        held=sum(row.within is not None for row in compared),
        compared=compared,
        outside=len(paper.outside(compared)),
        traps=traps(),
        machine=_machine(results.machine),
        settings=_settings(results.settings),
        run=_run(results),
        command=f"python -m sweep report {shlex.quote(str(results.path))}",
        pick_command=f"python -m sweep pick {shlex.quote(str(results.path))}",
    )


def _check_one_machine(results: Results) -> None:
    timed = results.readings.loc[results.readings["metric"] == LATENCY.name, "machine_id"]
    machines = sorted(set(timed))
    if len(machines) > 1:
        raise ValueError(
            f"{results.path}: latencies of several machines or versions ({', '.join(machines)}) "
            "can't share a frontier"
        )


def _machine(machine: dict[str, Any]) -> tuple[Fact, ...]:
    """The machine of the readings; ones that ran earlier aren't part of what is shown."""
    facts = []
    for name, value in machine.items():
        if name == "memory_bytes":
            facts.append(Fact("memory", units.size(value) if value else "unknown"))
        elif name != "earlier":
            facts.append(Fact(name.replace("_", " "), _text(value)))
    return tuple(facts)


def _settings(settings: dict[str, Any], prefix: str = "") -> tuple[Fact, ...]:
    """Settings under the names they have in sweep.toml: "grid.alpha"."""
    facts: list[Fact] = []
    for name, value in settings.items():
        if isinstance(value, dict):
            facts += _settings(value, f"{prefix}{name}.")
        else:
            facts.append(Fact(prefix + name, _text(value)))
    return tuple(facts)


def _run(results: Results) -> tuple[Fact, ...]:
    """When and from what the readings were taken. A run continued later has several commits."""
    facts = [
        Fact(name, _text(results.run[name]))
        for name in ("command", "commit", "versions", "started", "finished")
        if name in results.run
    ]
    if results.run.get("stage_s"):
        stages = [f"{name} {seconds:.0f} s" for name, seconds in results.run["stage_s"].items()]
        facts.append(Fact("time by stage", ", ".join(stages)))
    commits = sorted(set(results.readings["commit"]) - {results.run.get("commit")})
    if commits:
        facts.append(Fact("other commits among the readings", ", ".join(commits)))
    times = sorted(results.readings["time"])
    if times:
        facts.append(Fact("readings taken", f"{times[0]} to {times[-1]}"))
    return tuple(facts)


def _text(value: Any) -> str:
    """A value of JSON as a reader wants it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(each)}" for name, each in value.items()) or "none"
    if isinstance(value, list):
        joint = "; " if any(isinstance(each, dict) for each in value) else ", "
        return joint.join(_text(each) for each in value) or "none"
    return "none" if value is None or value == "" else str(value)
