"""The plan of docs/decisions/0002, held against the imports that `tests/rooms.py` reads."""

import ast

import pytest

from tests.rooms import ROOT, circles, imported, loaded, read

# Each room, and the rooms that it may import: all of them stand above it, so nothing runs in a
# circle. A new arrow is a decision: write down why in docs/decisions/, then name it here.
MAY_IMPORT = {
    "mnv1_flax": "",
    "words": "",
    "maths": "",
    "settings": "words",
    "host": "words",
    "paper": "words maths",
    "results": "words maths settings host paper",
    "predict": "words maths paper results",
    "report.values": "words paper",
    "report.content": "words maths settings paper results predict report.values",
    "report.page": "words host report.values report.content",
    "report.print": "words host report.values report.page",
    "report.terminal": "words report.values report.content",
    "families": "words mnv1_flax",
    "runtimes": "words host",
    "loading": "words host",
    "datasets": "words settings host loading",
    "training": "words settings host loading datasets",
    "measures": "words settings host training",
    # These join rooms.
    "running": "words maths settings host results report.content report.page datasets training"
    " measures",
    "testing": "words settings host measures running",
    "notebook": "results report.values report.content report.print",
    "cli": "words maths settings host paper results predict report.values report.content"
    " report.page report.print report.terminal datasets running",
}
WITHOUT_JAX = {
    "words", "maths", "settings", "paper", "results", "predict", "loading",
    "report.values", "report.content", "report.page", "report.print", "report.terminal",
}  # fmt: skip
MOST_FILES_BESIDE_THE_FOLDERS = 8

HOUSE = read(ROOT)


@pytest.mark.parametrize("room", sorted({*MAY_IMPORT, *HOUSE.arrows()}))
def test_a_room_imports_what_the_plan_says_and_no_more_is_allowed_than_is_used(room):
    assert room in MAY_IMPORT, "a new room: give it a row"
    imports, allowed = HOUSE.arrows().get(room, set()), set(MAY_IMPORT[room].split())
    assert not imports - allowed, "arrows that are not in the plan"
    assert not allowed - imports, "arrows that the plan has for nothing"


def test_every_arrow_runs_up_the_plan():
    above: set[str] = set()
    for room, allowed in MAY_IMPORT.items():
        assert set(allowed.split()) <= above, room
        above.add(room)


def test_no_files_import_each_other_in_a_circle():
    assert not circles(HOUSE.imports())


def test_few_files_stand_beside_the_folders():
    files = [path.name for path in (ROOT / "sweep").iterdir() if path.is_file()]
    assert len(files) <= MOST_FILES_BESIDE_THE_FOLDERS, files


@pytest.mark.parametrize("room", sorted(WITHOUT_JAX))
def test_a_room_that_works_without_jax_imports_it_nowhere(room):
    for module, file in HOUSE.files.items():
        if HOUSE.room(module) == room:
            names = imported(ast.parse((ROOT / file.path).read_text(encoding="utf-8")))
            assert not [name for name in names if name.split(".")[0] == "jax"], file.path


def test_decoding_needs_no_jax():
    # sweep.loading.stream imports Grain, which imports JAX's profiler where there is a JAX.
    decoding = (
        "sweep.loading.reading, sweep.datasets.imagefolder, sweep.datasets.parquet,"
        " sweep.datasets.numpy_archive"
    )
    assert not {"jax", "flax"} & loaded(decoding)
