"""Merging of a results folder, looked at after each of its steps, or broken off."""

from pathlib import Path

from sweep.host import files
from sweep.results.store import Store


class BrokenOffError(Exception):
    """A run that ended here."""


def steps_of_merging(folder, monkeypatch, stop=10**6, look=lambda: None):
    """Merges, and looks after each step; ends after `stop` of them. Returns their names."""
    names = []

    def watched(real, name):
        def called(path, *arguments, **named):
            result = real(path, *arguments, **named) if stop else None
            names.append(f"{name} {Path(path).name[:9]}")
            look()
            if len(names) >= stop:
                raise BrokenOffError
            return result

        return called

    with monkeypatch.context() as patched:
        replaced = watched(files.replace_file, "replace")
        for module in ("writing", "run_file"):
            patched.setattr(f"sweep.results.{module}.replace_file", replaced)
        patched.setattr(Path, "unlink", watched(Path.unlink, "unlink"))
        opened = Store(folder)
        try:
            opened.merge()
        except BrokenOffError:
            pass
        finally:
            opened.close()
    return names
