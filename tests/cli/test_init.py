"""How one begins: `init` and `--version`."""

import tomllib

import pytest

from tests.support.commands import ROOT, flat

OURS = (ROOT / "sweep.toml").read_text(encoding="utf-8")


def test_init_writes_the_default_experiment_as_the_repository_has_it(tmp_path, command):
    status, out, _ = command("init", inside=tmp_path)
    assert status == 0
    assert (tmp_path / "sweep.toml").read_text(encoding="utf-8") == OURS
    assert flat(out).endswith("Next: python -m sweep run --dry-run")


def test_init_writes_a_file_of_another_name_and_says_how_it_is_run(tmp_path, command):
    status, out, _ = command("init", "my own.toml", inside=tmp_path)
    assert status == 0
    assert (tmp_path / "my own.toml").read_text(encoding="utf-8") == OURS
    assert "python -m sweep run 'my own.toml' --dry-run" in flat(out)


@pytest.mark.parametrize("there", ["a file", "a folder", "a link to nowhere"])
def test_init_leaves_what_is_there_as_it_is(tmp_path, command, there):
    file = tmp_path / "sweep.toml"
    match there:
        case "a file":
            file.write_text("name = 'mine'")
        case "a folder":
            file.mkdir()
        case "a link to nowhere":
            file.symlink_to(tmp_path / "nowhere")
    status, _, error = command("init", inside=tmp_path)
    assert status == 2
    assert "sweep.toml: is there already, and stays as it is" in flat(error)
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.toml"]
    if there == "a file":
        assert file.read_text() == "name = 'mine'"


def test_a_run_without_an_experiment_says_how_to_begin(tmp_path, command):
    status, _, error = command("run", inside=tmp_path)
    assert status == 2
    assert "there is no such file; python -m sweep init writes one" in flat(error)


def test_the_version_is_that_of_the_project(command):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    status, out, error = command("--version")
    assert (status, out, error) == (0, f"mobilenet-sweep {project['version']}\n", "")
