"""The packages that the project is built with have no known holes, as far as that can be told."""

import pytest

from tests import audit


def test_no_package_has_a_known_hole():
    found = audit.audit()
    assert found.holes == ()
    if not found.complete:
        pytest.skip(str(found))  # told, never green


HOLE = {"id": "PYSEC-1", "fix_versions": ["2.0"], "aliases": ["CVE-1"], "description": ""}
OPEN = {"id": "PYSEC-2", "fix_versions": [], "aliases": [], "description": ""}


def report(*packages):
    return {"dependencies": list(packages), "fixes": []}


def test_holes_are_named_with_the_release_that_mends_them(monkeypatch):
    sound = {"name": "a", "version": "1", "vulns": []}
    holed = {"name": "b", "version": "1.0", "vulns": [HOLE, OPEN]}
    found = audit.understood(report(sound, holed))
    assert found.complete
    assert str(found) == (
        "2 of 2 packages audited: b 1.0: PYSEC-1, mended in 2.0; "
        "b 1.0: PYSEC-2, mended in no release yet"
    )
    monkeypatch.setattr(audit, "ACCEPTED", {"CVE-1": "a server's", "PYSEC-2": "never called"})
    assert audit.understood(report(sound, holed)).holes == ()


def test_what_was_not_looked_at_is_no_success(monkeypatch, capsys):
    skipped = {"name": "a", "skip_reason": "not found on PyPI"}
    found = audit.understood(report(skipped, {"name": "b", "version": "1", "vulns": []}))
    assert not found.complete
    assert "1 of 2 packages audited: no known hole. Not audited: a: not found" in str(found)
    monkeypatch.setattr(audit, "audit", lambda: found)
    assert audit.main() == 2
    monkeypatch.setattr(audit, "audit", lambda: audit.understood(report()))
    assert audit.main() == 2


def test_where_no_index_is_reached_the_reason_is_told(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    found = audit.audit()
    assert not found.complete
    assert found.audited == 0
    assert str(found).startswith("nothing was audited: ")
    assert "PyPI" in str(found) or "connect" in str(found)
