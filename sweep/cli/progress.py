"""What a person sees while a run goes on: one bar, weighted by the tasks' estimates."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from rich.console import Console, Group
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn
from rich.progress import Task as BarTask
from rich.table import Column as BarText
from rich.text import Text

from sweep.host.failures import shortened
from sweep.host.interrupts import ends
from sweep.report.terminal.rendering import printed, rendered
from sweep.report.values.printable import visible
from sweep.report.values.tables import Column, Table, Value
from sweep.report.values.units import Form
from sweep.running.plan import Plan, Task

PLANNED = (
    Column("measure", Form.TEXT),
    Column("points to do", Form.EXACT),
    Column("estimate", Form.WRITTEN),
)
ROOMY = 120  # columns of a terminal that has room for a long bar
UNTIL_OVER = 0.99  # of the bar, that what is still going on can fill
# Of all that there is to do, how much has to be done before the time that it took counts as much as
# the estimate.
TRUSTED = 0.1


def plan_table(plan: Plan, folder: Path) -> Group:
    """What a run would do: points and estimated time of each measure, and where it all goes."""
    rows = []
    for measure in plan.measures:
        tasks = [task for task in plan.tasks if task.measure is measure]
        points = {point for task in tasks for point in task.points}
        seeds = {network.seed for task in tasks for network in task.networks}
        name = measure.name + (f", {len(seeds)} seeds" if len(seeds) > 1 else "")
        estimate = duration(sum(task.estimate_s for task in tasks))
        rows.append((Value(name), Value(len(points)), Value(estimate)))
    rows.append((Value("all"), Value(""), Value(duration(plan.estimate_s))))
    notes = list(plan.notes)
    if plan.done:
        are = "reading of a point is" if plan.done == 1 else "readings of points are"
        notes.append(f"{plan.done} {are} stored already: nothing of it is done again.")
    return rendered(Table(f"Plan for {folder}", "", PLANNED, tuple(rows)), *notes)


def duration(seconds: float) -> str:
    """The two largest units, as a person says them: "3 min 05 s", "2 d 04 h"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours:02d} h"
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def left_s(estimate_s: float, done_s: float, took_s: float) -> float:
    """Seconds until all is done, at the pace so far, which counts the more the more is done.

    estimate_s: of all; done_s: of the estimate, what is done; took_s: how long that has taken.
    """
    trusted = TRUSTED * estimate_s or 1.0
    return max(0.0, estimate_s - done_s) * (trusted + took_s) / (trusted + done_s)


class _Left(ProgressColumn):
    """The time left as a clock; it goes on while nothing is heard of a task."""

    max_refresh = 0.5

    def render(self, task: BarTask) -> Text:
        free = task.fields["free_s"]
        left = left_s((task.total or 0) - free, task.completed - free, task.elapsed or 0.0)
        minutes, seconds = divmod(round(left), 60)
        hours, minutes = divmod(minutes, 60)
        return Text(
            f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes:02d}:{seconds:02d}"
        )


class _Doing(TextColumn):
    """What is going on; after Ctrl-C, while it is put down, that."""

    def render(self, task: BarTask) -> Text:
        return (
            Text("interrupted: putting down what is under way") if ends() else super().render(task)
        )


class ProgressBar:
    """An observer of a run that draws to a terminal, or prints a line a task elsewhere."""

    def __init__(self, plan: Plan, console: Console) -> None:
        self._console = console
        self._left = len(plan.tasks)
        self._done_s = 0.0
        self._failed: dict[str, str] = {}  # the first task of each reason: told in full once
        # Tasks under way: the share of each that is done, and what it last said.
        self._under_way: dict[str, tuple[float, str]] = {}
        self._bar = Progress(
            TextColumn("{task.fields[left]:>3} to go"),
            BarColumn(bar_width=28 if console.width >= ROOMY else 8),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            TextColumn("left:"),
            _Left(),
            # Cut on the right where the line is full: the figures on the left stay.
            _Doing(
                "{task.description}",
                markup=False,
                table_column=BarText(ratio=1, no_wrap=True, overflow="ellipsis"),
            ),
            console=console,
            expand=True,
            disable=not console.is_terminal,
        )
        self._total = plan.estimate_s or 1.0
        self._free_s = 0.0  # of the estimate, what turned out to be done already
        self._task = self._bar.add_task("", total=self._total, left=self._left, free_s=0.0)

    def __enter__(self) -> ProgressBar:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def started(self, task: Task) -> None:
        self._under_way[task.label] = (0.0, task.label)
        self._draw()

    def progressed(self, task: Task, share: float, text: str) -> None:
        """Moves the bar by the task's share of the whole estimate."""
        done_s = min(1.0, share) * task.estimate_s
        self._under_way[task.label] = (done_s, f"{task.label}: {text}")
        self._draw()

    def finished(self, task: Task, seconds: float, failure: str) -> None:
        """Prints a line that stays."""
        self._under_way.pop(task.label, None)
        self._left -= 1
        self._done_s += task.estimate_s
        self._free_s += 0.0 if seconds else task.estimate_s
        self._draw()
        mark = "failed" if failure else "stored"
        why = f"as {self._failed[failure]}" if failure in self._failed else shortened(failure)
        if failure:
            self._failed.setdefault(failure, task.label)
        told = f"{mark} {task.label}  {seconds:.1f} s  {why}".rstrip()
        self._console.print(printed(told), soft_wrap=True)

    def _draw(self) -> None:
        done_s = self._done_s + sum(done_s for done_s, _ in self._under_way.values())
        self._bar.update(
            self._task,
            description=visible("; ".join(text for _, text in self._under_way.values())),
            completed=min(done_s, UNTIL_OVER * self._total) if self._left else self._total,
            left=self._left,
            free_s=self._free_s,
        )
