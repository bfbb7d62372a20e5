"""The house as its imports draw it: rooms, arrows, circles, and where the size is.

    python -m tests.rooms [ROOT]     # of this checkout, or of another

A room is a folder of `sweep/` (each folder of `sweep/report/` is one), a file beside these folders,
or `mnv1_flax`; the files that hold the words of all rooms are one room. An arrow goes from the room
that imports to the room that is imported, wherever in a file the import stands and also where it is
for types alone. Statements are those of Python's grammar, docstrings left out.
`tests/test_rooms.py` says which arrows there may be.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PRODUCT = ("sweep", "mnv1_flax")
TESTS = ("tests", "benchmarks")
BESIDE = {  # files beside the folders of sweep/, and the room that they belong to
    "types": "words", "contracts": "words", "metrics": "words",
    "__main__": "cli", "__init__": "notebook",
}  # fmt: skip
LONGEST = 10  # files and functions that are named


@dataclass(frozen=True)
class File:
    """A Python file of the project. imports: the product's modules that it imports."""

    module: str
    path: str
    lines: int
    statements: int
    imports: frozenset[str]
    functions: tuple[tuple[str, int], ...]  # (name, lines)


@dataclass(frozen=True)
class House:
    """Every Python file of some folders of a checkout, by its module's name."""

    files: Mapping[str, File]

    def room(self, module: str) -> str:
        """The room that a module is in: "results", "report.page", "words", "mnv1_flax"."""
        package, first, *deeper = module.split(".")
        if package != "sweep":
            return package
        second = f".{deeper[0]}" if self._holds_rooms(f"sweep.{first}.") else ""
        return BESIDE.get(first, first) + second

    def _holds_rooms(self, prefix: str) -> bool:
        """Whether a folder has folders in it and no file beside them: each is a room then."""
        inside = [name.removeprefix(prefix) for name in self.files if name.startswith(prefix)]
        return any("." in name for name in inside) and not any(
            "." not in name and name != "__init__" for name in inside
        )

    def arrows(self) -> dict[str, set[str]]:
        """Room -> the rooms that it imports, of every room."""
        # The docstring of a folder of rooms is none.
        rooms = {self.room(name) for name, file in self.files.items() if file.statements}
        arrows: dict[str, set[str]] = {room: set() for room in rooms}
        for source, targets in self.imports().items():
            if targets:
                arrows[self.room(source)] |= {self.room(each) for each in targets}
        return {room: targets - {room} for room, targets in sorted(arrows.items())}

    def imports(self) -> dict[str, set[str]]:
        """Module -> the modules of these files that it imports."""
        return {name: set(file.imports & self.files.keys()) for name, file in self.files.items()}


def read(root: Path, folders: Iterable[str] = PRODUCT) -> House:
    """The Python files of some folders of a checkout."""
    paths = [path for folder in folders for path in sorted((root / folder).rglob("*.py"))]
    names = {_module(path.relative_to(root)): path for path in paths}
    return House({name: _file(root, name, path, names.keys()) for name, path in names.items()})


def _module(path: Path) -> str:
    """The dotted name of a file; that of a package ends in `__init__`."""
    return ".".join(path.with_suffix("").parts)


def _file(root: Path, module: str, path: Path, known: Iterable[str]) -> File:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    return File(
        module=module,
        path=path.relative_to(root).as_posix(),
        lines=text.count("\n"),
        statements=_statements(tree),
        imports=frozenset(_known(imported(tree), set(known))),
        functions=tuple(_functions(tree)),
    )


def imported(tree: ast.AST) -> set[str]:
    """Every dotted name that a file imports, wherever in it. Raises ValueError for a relative one:
    none of this project is.
    """
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            if node.level or not node.module:
                raise ValueError(f"line {node.lineno}: import it by its whole name")
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _known(names: Iterable[str], known: set[str]) -> Iterator[str]:
    """The modules behind dotted names: `sweep.types.Point` is of `sweep.types`."""
    for name in names:
        parts = name.split(".")
        for end in range(len(parts), 0, -1):
            module = ".".join(parts[:end])
            if module in known or f"{module}.__init__" in known:
                yield module if module in known else f"{module}.__init__"
                break


def _statements(tree: ast.AST) -> int:
    docstrings = sum(
        isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and ast.get_docstring(node, clean=False) is not None
        for node in ast.walk(tree)
    )
    return sum(isinstance(node, ast.stmt) for node in ast.walk(tree)) - docstrings


def _functions(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def circles(arrows: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Those that reach each other, largest first: strongly connected components of two and more."""
    reached = {name: _reached(arrows, name) for name in arrows}
    groups = {
        frozenset(each for each in reached[name] if name in reached[each]) | {name}
        for name in arrows
    }
    return sorted((sorted(group) for group in groups if len(group) > 1), key=len, reverse=True)


def _reached(arrows: Mapping[str, Iterable[str]], start: str) -> set[str]:
    seen: set[str] = set()
    waiting = list(arrows[start])
    while waiting:
        if (name := waiting.pop()) not in seen:
            seen.add(name)
            waiting += arrows[name]
    return seen


def loaded(modules: str) -> set[str]:
    """The packages that importing some modules, as "json, sys", brings with it."""
    code = f"import sys, {modules}; print(*{{name.split('.')[0] for name in sys.modules}})"
    return set(subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True).split())


def report(root: Path) -> Iterator[str]:
    """The lines that `python -m tests.rooms` prints."""
    house = read(root)
    arrows = house.arrows()
    yield f"{'room':<24}{'files':>6}{'lines':>8}{'statements':>12}   imports"
    for room, targets in arrows.items():
        files = [file for name, file in house.files.items() if house.room(name) == room]
        yield f"{room:<24}{_sums(files)}   {' '.join(sorted(targets))}"
    yield f"{'product':<24}{_sums(house.files.values())}"
    tests = read(root, TESTS)
    for folder in TESTS:
        files = [file for file in tests.files.values() if file.path.startswith(f"{folder}/")]
        yield f"{folder:<24}{_sums(files)}"
    yield ""
    yield f"rooms: {len(arrows)}, arrows: {sum(map(len, arrows.values()))}"
    beside = sorted(path.name for path in (root / "sweep").iterdir() if path.is_file())
    yield f"files beside the folders of sweep/: {len(beside)} ({', '.join(beside)})"
    for what, graph in (("rooms", arrows), ("files", house.imports())):
        found = circles(graph)
        yield f"circles of {what}: {len(found)}"
        yield from (f"  {' '.join(circle)}" for circle in found)
    for what, each in (("product", house), ("tests", tests)):
        yield from ("", *_longest(what, each.files.values()))


def _sums(files: Iterable[File]) -> str:
    files = list(files)
    lines, statements = (sum(getattr(file, name) for file in files) for name in _COUNTED)
    return f"{len(files):>6}{lines:>8}{statements:>12}"


_COUNTED = ("lines", "statements")


def _longest(what: str, files: Iterable[File]) -> Iterator[str]:
    files = list(files)
    yield f"longest files of {what}:"
    for file in sorted(files, key=lambda file: -file.lines)[:LONGEST]:
        yield f"{file.lines:>6}  {file.path}"
    yield f"longest functions of {what}:"
    functions = [(lines, name, file.path) for file in files for name, lines in file.functions]
    for lines, name, path in sorted(functions, reverse=True)[:LONGEST]:
        yield f"{lines:>6}  {path}: {name}"


if __name__ == "__main__":
    root = Path(sys.argv[1]) if sys.argv[1:] else ROOT
    print("\n".join(report(root)))  # noqa: T201
