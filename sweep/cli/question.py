"""What is asked of `pick`, and the answer to it: once of what a run has read, and once more where
networks between the points have been measured since.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from sweep.cli import json_answers
from sweep.cli.budget import at_percentile, deployed, latency_of, offered, over_at_p95, stated
from sweep.cli.console import out, tell, write_json
from sweep.metrics import LATENCY, TOP1, in_int8
from sweep.report.content import between_words
from sweep.report.content.axes import quantities
from sweep.report.content.bearing import bearing, outside
from sweep.report.content.bearing import cautions as all_cautions
from sweep.report.content.between import Guessed, Steps, guessed
from sweep.report.content.budget import Picked
from sweep.report.content.budget import pick as pick_from
from sweep.report.content.candidates import CALLED, candidates
from sweep.report.content.cautions import not_yet
from sweep.report.content.evidence import evidence_of
from sweep.report.content.figures import INT8 as OF_INT8
from sweep.report.content.figures import MEASURED, int8_source, of_the_run, sources
from sweep.report.content.point_rows import kept_networks
from sweep.report.terminal import answers
from sweep.report.values.quantity import Quantity
from sweep.results.writing import NETWORKS
from sweep.settings.config import SettingsError

if TYPE_CHECKING:
    from sweep.results.deployments import Deployed
    from sweep.results.load import Results
    from sweep.types import Metric

INT8 = "int8"
FINEST = Fraction(1, 512)  # of alpha: two channels of the widest layer


@dataclass(frozen=True)
class Question:
    """As it was typed. limits: texts by the name of their option; more: METRIC=VALUE. steps: None
    where nothing between the points is asked for.
    """

    limits: Mapping[str, str | None] = field(default_factory=dict)
    more: Sequence[str] = ()
    batch: int | None = None
    device: str = ""
    runtime: str = ""
    precision: str = ""
    threads: int | None = None
    p95: bool = False
    accuracy: str = ""
    steps: Steps | None = None


@dataclass(frozen=True)
class Answer:
    """called: the accuracies inside a sentence. cautions: what bears on it. costs: what a budget
    can limit.
    """

    picked: Picked
    called: str
    cautions: tuple[str, ...]
    costs: tuple[Quantity, ...]
    guessed: Guessed | None

    @property
    def axes(self) -> tuple[Quantity, ...]:
        """What is told of a point, limited or not."""
        return tuple(each for each in self.costs if each.is_axis)


def answered(asked: Question, results: Results) -> Answer:
    """Raises SettingsError naming what is wrong with the question."""
    costs = offered(quantities(results), asked.batch)
    executed = deployed(asked.runtime, asked.precision, asked.threads, results)
    latency = latency_of(asked.device, results, executed.metric if executed else LATENCY)
    source, caution = _ranked_by(asked.accuracy, executed, results)
    tail = at_percentile(costs, results, latency) if asked.p95 else None
    costs = (*costs, tail) if tail else costs
    budget = stated(asked.limits, asked.more, costs, latency)
    if tail and tail not in [each.of for each in budget.limits]:
        raise SettingsError(
            "--p95: says what a limit on latency is held against: --max-latency TIME"
        )
    if asked.steps and not budget.limits:
        raise SettingsError(
            "--between: needs a budget, such as --max-latency 5ms; without one the largest wins"
        )
    called = _called(source, results)
    evidence = evidence_of(results, _metric(source))
    picked = pick_from(candidates(results.points, costs), budget, source, evidence)
    told = *bearing(all_cautions(results), picked), *over_at_p95(results, picked)
    told = *caution, *told, *outside(results), *not_yet(results)
    axes = tuple(each for each in costs if each.is_axis)
    between = guessed(results, budget, source, axes, asked.steps) if asked.steps else None
    return Answer(picked, called, told, costs, between)


def tell_answer(answer: Answer, results: Results, *, as_json: bool = False) -> None:
    """For a person, or as one JSON object."""
    picked, between = answer.picked, answer.guessed
    best, folder = picked.best, results.path / NETWORKS
    names = kept_networks(results.readings, best.label) if best else ()
    paths = [folder / name for name in names if picked.source == MEASURED]
    files = [str(path) for path in paths if path.is_file()]
    if as_json:
        more = {"between": between_words.as_json(between, answer.costs)} if between else {}
        told = json_answers.picked(picked, answer.called, answer.cautions, answer.costs)
        write_json(told | {"networks": files} | more)
        return
    out.print(answers.picked(picked, answer.called, answer.cautions, answer.axes))
    if between:
        out.print(answers.guessed(between, picked, answer.axes))
    if files:
        tell(f"Trained: {', '.join(files)}")
        tell("On other images: python -m sweep evaluate --checkpoint FILE --data DIR")
    elif paths:
        tell(f"The networks that were trained are not in {folder}.")


def steps_of(
    alpha: str | None, resolution: int | None, sure: float | None, *, asked: bool
) -> Steps | None:
    """Raises SettingsError for a step that is none, or where nothing between is asked for."""
    given = {"--alpha-step": alpha, "--resolution-step": resolution, "--sure": sure}
    told = [option for option, value in given.items() if value is not None]
    if told and not asked:
        raise SettingsError(f"{told[0]}: goes together with --between")
    if not asked:
        return None
    steps = Steps()
    try:
        step = steps.alpha if alpha is None else Fraction(alpha)
    except (ValueError, ZeroDivisionError):
        step = Fraction(0)
    if not FINEST <= step <= 1:
        raise SettingsError(
            f'--alpha-step = "{alpha}": must be a fraction of {FINEST} to 1, such as 1/64 or 0.05'
        )
    if sure is not None and not 0 < sure < 1:
        raise SettingsError(f"--sure = {sure:g}: must be above 0 and below 1, such as 0.9")
    return Steps(step, resolution or steps.resolution, steps.sure if sure is None else sure)


def _ranked_by(
    asked: str, executed: Deployed | None, results: Results
) -> tuple[str, tuple[str, ...]]:
    """The accuracies that rank the points, by their source's name; and what to know of them."""
    if asked or executed is None or executed.deployment.precision != INT8:
        return asked or MEASURED, ()
    name = int8_source(executed.deployment.runtime)
    if name in _sources(results):
        return name, ()
    return MEASURED, (
        "Latencies are in int8, and accuracies in float32: this run has not counted what int8 "
        f'leaves by {executed.deployment.runtime} (measures = [.., "int8"], int8.runtimes = '
        f'[.., "{executed.deployment.runtime}"]).',
    )


def _metric(source: str) -> Metric:
    """Of accuracies that the run has measured."""
    return in_int8(source.removeprefix(OF_INT8)) if source.startswith(OF_INT8) else TOP1


def _sources(results: Results) -> dict[str, str]:
    """What the accuracies of each source are called in a sentence, by the source's name."""
    rows = results.points.to_dict(orient="records")
    own = {each.name: each.called for each in sources(rows) if each.called} if rows else {}
    return CALLED | own


def _called(source: str, results: Results) -> str:
    """The accuracies inside a sentence. Raises SettingsError for a source that there isn't."""
    called = _sources(results)
    if source not in called:
        raise SettingsError(f'--accuracy = "{source}": must be one of {", ".join(called)}')
    points = results.points
    datasets = (
        dict.fromkeys(points.loc[points[TOP1.name].notna(), "dataset"]) if len(points) else {}
    )
    own = of_the_run(source) and datasets
    of = f" on {', '.join(map(str, datasets))}" if own else ""
    return f"accuracy {called[source]}{of}"
