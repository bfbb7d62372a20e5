"""What tests share stands in one place: tests/support."""

import ast
from pathlib import Path

TESTS = Path(__file__).parent
# Programs that are run on their own, too.
SHARED = ("tests.support", "tests.faults", "tests.fuzz", "tests.rooms")


def test_no_file_of_tests_imports_another():
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [f"{node.module}.{each.name}" for each in node.names]
            elif isinstance(node, ast.Import):
                names = [each.name for each in node.names]
            else:
                continue
            for name in names:
                assert not name.startswith("tests.") or name.startswith(SHARED), (path, name)
