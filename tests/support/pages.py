"""Whether what a page names is there: files, modules, classes, functions, commands, options,
settings.

What a page says below a line that begins with "Superseded" is of the past, and passed over.
"""

import ast
import importlib.util
import re
import shlex
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache

import typer

from sweep.cli.main import app
from sweep.settings.config import Section, Settings, SettingsError, parse
from sweep.settings.mistakes import keys
from sweep.settings.registry import BUILT_IN, find
from tests.rooms import ROOT

PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("README.md", "docs/**/*.md", "sweep/**/*.md")
    for path in ROOT.glob(pattern)
)
PACKAGES = ("sweep", "mnv1_flax", "benchmarks", "tests")
CODE = ("py", "js", "css", "jinja", "csv", "toml", "md", "txt")
# Words in code's letters that are other people's.
FOREIGN = {
    "ClassLabel", "ProcessPoolExecutor", "argmax", "bfloat16", "cond", "details", "flock", "lax",
    "memfd", "vmap", "mobilenetv1_100", "val2017", "code", "uint8", "write_images",
    "xla_cpu_multi_thread_eigen",
}  # fmt: skip
# The page on libraries is full of their names: of it, paths and what begins with a package of ours.
OF_LIBRARIES = "docs/decisions/0001-libraries.md"
SPAN = re.compile(r"(?<!`)`([^`\n]+(?:\n[^`\n]+)?)`(?!`)")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)


def wrong(page: str) -> list[str]:
    """Every name of a page's text that stands for nothing, and why."""
    page = re.split(r"^(?:Status: s|S)uperseded\b", page, flags=re.MULTILINE)[0]
    blocks = BLOCK.findall(page)
    spans = [re.sub(r"\s+", " ", span) for span in SPAN.findall(BLOCK.sub("", page))]
    # The example files of a page name themselves in their first line.
    own = {name for _, text in blocks for name in re.findall(r"\A# (\w+\.py)$", text, re.M)}
    errors = [error for span in spans if span not in own for error in _wrong_span(span)]
    for language, text in blocks:
        if language == "toml":
            errors += _wrong_settings(text)
        for line in text.splitlines():
            if re.match(r"(?:\$ )?(?:python -m|make) ", line.strip()):
                errors += _wrong_command(line)
    return list(dict.fromkeys(errors))


def _wrong_span(span: str) -> Iterator[str]:
    first, _, rest = span.partition(" ")
    if first in ("python", "make", *commands()) and (rest or first not in commands()):
        yield from _wrong_command(span)
    elif first.startswith("--"):
        yield from _wrong_options([first.partition("=")[0]], {*of_commands(), *of_programs()})
    elif section := re.fullmatch(r"\[+([a-z_.]+)\]+", span):
        yield from _wrong_setting(section[1])
    elif re.fullmatch(r"[\w.*-]+(/[\w.*-]+)*/?", span) and _names_a_file(span):
        yield from wrong_file(span)
    elif setting := re.fullmatch(r"([a-z_]+(?:\.[a-z_]+)+)(?: = .+)?", span):
        yield from wrong_dotted(setting[1])
    elif name := re.match(r"[A-Za-z_]+(?:\.[A-Za-z_]+)+", span):
        yield from wrong_dotted(name[0])
    elif word := re.fullmatch(r"([A-Za-z_]\w*)(?:\(.*\)| = .+)?", span):
        yield from _wrong_word(word[1])


def wrong_dotted(name: str) -> Iterator[str]:
    first, *rest = name.split(".")
    if name in words() or rest[-1] in ("npz", "db"):
        return  # a file that a run leaves; one that a user has
    if first in PACKAGES:
        if not _resolves(name) and name not in (f"sweep.{part}" for part in BUILT_IN):
            yield f"{name}: no module of the project has it"
    elif first in Settings.model_fields:
        yield from _wrong_setting(name)
    else:
        # Of a module, or a class, that is called by its last name; or of another package.
        meant = [each + name.removeprefix(first) for each in modules() if _ends_in(each, first)]
        meant += [f"{each}.{name}" for each, defined in modules().items() if first in defined]
        if not any(map(_resolves, meant)) and (meant or not _is_foreign(first)):
            yield f"{name}: no {first} of the project has it"


def _ends_in(module: str, name: str) -> bool:
    return f".{module}".endswith(f".{name}")


def _is_foreign(package: str) -> bool:
    return package in FOREIGN or importlib.util.find_spec(package) is not None


def _wrong_word(word: str) -> Iterator[str]:
    if word not in words() and not word.isupper() and not _is_foreign(word):
        yield f"{word}: nothing in the product has that name"


def _wrong_setting(key: str) -> Iterator[str]:
    if key not in settings():
        yield f"{key}: is no setting"


def _wrong_settings(text: str) -> Iterator[str]:
    try:
        parse(text, source="page")
        data = tomllib.loads(text).get("accuracy", {}).get("data", {})
    except SettingsError as error:
        yield str(error)
    else:
        for key in data:
            yield from _wrong_setting(f"accuracy.data.{key}")


def _wrong_command(line: str) -> Iterator[str]:
    parts = shlex.split(line.partition(" #")[0].removeprefix("$ "))
    if parts[0] == "make":
        targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        asked = [each for each in parts[1:] if "=" not in each]
        yield from (f"{line}: no target {each}" for each in asked if each not in targets)
        return
    if parts[:2] == ["python", "-m"]:
        module, *parts = parts[2:]
        if module not in ("sweep", "venv", "pip") and not _resolves(module):
            yield f"{line}: no module {module}"
        if module != "sweep":
            yield from _wrong_options(parts, of_programs())
            return
    command = next((each for each in parts if not each.startswith("-")), "")
    group = commands().get(command)
    if command and group is None:
        yield f"{line}: no command {command}"
    else:
        yield from _wrong_options(parts, options(command) if command else of_commands())


def _wrong_options(parts: list[str], known: set[str]) -> Iterator[str]:
    yield from (
        f"{each}: no such option"
        for each in parts
        if each.startswith("--") and each.partition("=")[0] not in known
    )


def _names_a_file(span: str) -> bool:
    first, _, rest = span.partition("/")
    stem, _, ending = span.rpartition(".")
    return (bool(rest) and (ROOT / first).exists()) or (bool(stem) and ending in CODE)


def wrong_file(span: str) -> Iterator[str]:
    """A path from the root, or the end of one; or a file that the product names, as run.json."""
    path = span.rstrip("/")
    there = any(fnmatch(known, path) or fnmatch(known, f"*/{path}") for known in files())
    if not there and (path.partition("/")[0] in PACKAGES or path not in words()):
        yield f"{span}: no such file"


@cache
def files() -> set[str]:
    """Every file of the checkout, and every folder."""
    kept = {
        path.relative_to(ROOT)
        for top in ROOT.iterdir()
        if not top.name.startswith((".venv", ".git")) and top.name != "build"
        for path in (top, *top.rglob("*"))
    }
    return {path.as_posix() for path in kept}


@cache
def words() -> set[str]:
    """Every name of the product, and every text in it that is one word: columns, files, choices."""
    found: set[str] = {"sweep", "mnv1_flax", *commands()}
    for folder in ("sweep", "mnv1_flax"):
        for path in (ROOT / folder).rglob("*.py"):
            found |= {path.stem, path.parent.name}
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                match node:
                    case ast.Name(id=name) | ast.arg(arg=name) | ast.Attribute(attr=name):
                        found.add(name)
                    case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                        found.add(name)
                    case ast.Constant(value=str(text)) if " " not in text:
                        found.add(text)
    return found


@cache
def modules() -> dict[str, dict[str, set[str]]]:
    """Every module's dotted name -> what it defines or imports, of a class with its members."""
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): dict(
            _defined(ast.parse(path.read_text("utf-8")).body)
        )
        for path in paths
    }


def _defined(body: list[ast.stmt]) -> Iterator[tuple[str, set[str]]]:
    for node in body:
        match node:
            case ast.ClassDef(name=name):
                yield name, {member for member, _ in _defined(node.body)}
            case ast.FunctionDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
                yield name, set()
            case ast.Assign(targets=[ast.Name(id=name)]):
                yield name, set()
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] in PACKAGES:
                yield from ((each.asname or each.name, set()) for each in node.names)
            case ast.If():  # of TYPE_CHECKING
                yield from _defined(node.body)


def _resolves(name: str) -> bool:
    """Whether a dotted name is a module, or something in one, or in a class of one."""
    if name in modules():
        return True
    module, _, last = name.rpartition(".")
    package, _, of = module.rpartition(".")
    return last in modules().get(module, ()) or last in modules().get(package, {}).get(of, ())


@cache
def settings() -> set[str]:
    """Every key of sweep.toml, its sections, and what the built-in data sets want to be told."""
    own = {each.replace("[]", "") for each in keys(Settings, "")}
    of_data = {"accuracy.data"}
    for name in BUILT_IN["dataset"]:
        section = getattr(find("dataset", name), "Settings", None) or Section
        of_data |= {f"accuracy.data.{each}" for each in section.model_fields}
    return own | of_data


@cache
def commands() -> dict[str, object]:
    """The commands of `python -m sweep`, by name."""
    return dict(vars(typer.main.get_command(app))["commands"])


@cache
def options(command: str) -> set[str]:
    """The options of one command, and of the commands within it."""
    group = vars(commands()[command])
    inside = [vars(each) for each in group.get("commands", {}).values()]
    params = [param for each in (group, *inside) for param in each["params"]]
    return {"--help", *(text for param in params for text in (*param.opts, *param.secondary_opts))}


@cache
def of_commands() -> set[str]:
    """The options of all commands, and those that come before one."""
    before = {text for param in vars(typer.main.get_command(app))["params"] for text in param.opts}
    return before.union(*map(options, commands()))


@cache
def of_programs() -> set[str]:
    """The options of what else is started with `python -m`: benchmarks and harnesses."""
    return {
        option
        for folder in ("benchmarks", "tests")
        for path in (ROOT / folder).rglob("*.py")
        for option in re.findall(r'"(--[a-z-]+)"', path.read_text("utf-8"))
    }
