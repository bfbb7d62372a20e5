"""What a person sees while a run goes on: one bar, weighted by the tasks' estimates."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from sweep.run import Plan, Task


def plan_table(plan: Plan) -> Table:
    """What a run would do: points and estimated time of each measure."""
    table = Table(title="Plan", title_justify="left", caption_justify="left")
    for heading in ("measure", "points to do", "estimate"):
        table.add_column(heading, justify="left" if heading == "measure" else "right")
    for measure in plan.measures:
        tasks = [task for task in plan.tasks if task.measure is measure]
        points = sum(len(task.networks) for task in tasks)
        table.add_row(measure.name, str(points), duration(sum(task.estimate_s for task in tasks)))
    table.add_row("all", "", duration(plan.estimate_s), style="bold")
    if plan.done:
        table.caption = f"{plan.done} readings of a point are stored already and stay as they are."
    return table


def duration(seconds: float) -> str:
    """Minutes and seconds, as a person says them."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


class ProgressBar:
    """An observer of a run that draws to a terminal, or prints a line a task elsewhere."""

    def __init__(self, plan: Plan, console: Console) -> None:
        self._console = console
        self._left = len(plan.tasks)
        self._done_s = 0.0
        self._bar = Progress(
            TextColumn("{task.fields[left]:>3} to go"),
            BarColumn(bar_width=28),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            TextColumn("left:"),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.description}", markup=False),
            console=console,
            disable=not console.is_terminal,
            speed_estimate_period=120,
        )
        self._task = self._bar.add_task("", total=plan.estimate_s or 1.0, left=self._left)

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
        """Names the task."""
        self._bar.update(self._task, description=task.label, left=self._left)

    def progressed(self, task: Task, share: float, text: str) -> None:
        """Moves the bar by the task's share of the whole estimate."""
        self._bar.update(
            self._task,
            description=f"{task.label}: {text}",
            completed=self._done_s + min(1.0, share) * task.estimate_s,
        )

    def finished(self, task: Task, seconds: float, failure: str) -> None:
        """Prints a line that stays."""
        self._left -= 1
        self._done_s += task.estimate_s
        self._bar.update(self._task, completed=self._done_s, left=self._left)
        mark = "failed" if failure else "stored"
        self._console.print(
            f"{mark} {task.label}  {seconds:.1f} s  {failure}".rstrip(),
            markup=False,
            soft_wrap=True,
        )
