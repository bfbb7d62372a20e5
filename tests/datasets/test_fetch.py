"""The transfer of one file: what is asked for, what is kept, and when it gives up."""

import hashlib

import pytest

from sweep.datasets.fetch import FetchError, Patience, Source, fetch
from tests.support.loopback import serving

# Bytes that are nowhere periodic: a part joined at the wrong place would show.
CONTENT = b"".join(hashlib.sha256(bytes([n])).digest() for n in range(250))
AT_ONCE = Patience(attempts=3, wait_s=0.0, timeout_s=10.0)


@pytest.fixture(autouse=True)
def _direct(monkeypatch):
    """The loopback is never behind a proxy."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def server():
    with serving(CONTENT) as loopback:
        yield loopback


def fetch_it(server, target, progress=lambda done, total: None) -> bool:
    source = Source(server.url, hashlib.sha256(server.content).hexdigest())
    return fetch(source, target, progress, AT_ONCE)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_cut_transfer_continues_and_no_byte_comes_twice(server, tmp_path):
    half = len(CONTENT) // 2
    server.cuts = [half, 100]
    assert fetch_it(server, tmp_path / "a") is True
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert server.requested == [None, f"bytes={half}-", f"bytes={half + 100}-"]
    assert server.served == len(CONTENT)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_an_interruption_keeps_what_had_come(server, tmp_path):
    server.cuts = [5000]
    with pytest.raises(KeyboardInterrupt):
        fetch_it(server, tmp_path / "a", _interrupt)
    kept = (tmp_path / "a.part").read_bytes()
    assert 0 < len(kept) <= 5000
    assert kept == CONTENT[: len(kept)]
    held = []
    assert fetch_it(server, tmp_path / "a", lambda done, total: held.append((done, total))) is True
    assert server.requested == [None, f"bytes={len(kept)}-"]
    assert held[0][0] > len(kept)
    assert held[-1] == (len(CONTENT), len(CONTENT))


def test_a_redirection_is_followed_and_asked_for_the_rest_only(server, tmp_path):
    server.url = server.url.replace("/archive", "/moved/archive")
    server.cuts = [1000]
    assert fetch_it(server, tmp_path / "a") is True
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert server.requested == [None, "bytes=1000-"]


def test_a_server_without_ranges_starts_over(server, tmp_path):
    server.ranges = False
    server.cuts = [len(CONTENT) // 2]
    assert fetch_it(server, tmp_path / "a") is True
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert server.served == len(CONTENT) // 2 + len(CONTENT)


@pytest.mark.parametrize(
    ("before", "after", "asked"),
    [('"first"', '"second"', 1), ("", "", 2)],
    ids=["by its tag, in one request", "by its size, in two"],
)
def test_a_file_that_changed_meanwhile_is_fetched_afresh(server, tmp_path, before, after, asked):
    server.etag = before
    server.cuts = [len(CONTENT) // 2]
    with pytest.raises(KeyboardInterrupt):
        fetch_it(server, tmp_path / "a", _interrupt)
    server.etag = after
    server.content = CONTENT[::-1] + b"more"
    assert fetch_it(server, tmp_path / "a") is True
    assert (tmp_path / "a").read_bytes() == server.content
    assert len(server.requested) == 1 + asked


def test_a_server_that_always_breaks_off_is_given_up_and_the_part_kept(server, tmp_path):
    server.ranges = False
    server.cuts = [700] * 100
    with pytest.raises(FetchError, match=r"broke off after 700 of .* 700 bytes are kept"):
        fetch_it(server, tmp_path / "a")
    # The first brought something; then three in a row brought nothing new.
    assert len(server.requested) == 1 + AT_ONCE.attempts
    assert (tmp_path / "a.part").read_bytes() == CONTENT[:700]


def test_a_passing_trouble_of_the_server_is_waited_out(server, tmp_path):
    server.statuses = [503, 429]
    assert fetch_it(server, tmp_path / "a") is True
    assert len(server.requested) == 3


def test_the_wait_doubles_while_nothing_comes(server, tmp_path, monkeypatch):
    waited = []
    monkeypatch.setattr("time.sleep", waited.append)
    server.statuses = [503] * 5
    source = Source(server.url, "0" * 64)
    with pytest.raises(FetchError, match="the server answers 503"):
        fetch(source, tmp_path / "a", lambda done, total: None)
    assert waited == [1.0, 2.0, 4.0, 8.0]
    assert list(tmp_path.iterdir()) == []


def test_a_part_longer_than_the_file_starts_over(server, tmp_path):
    (tmp_path / "a.part").write_bytes(CONTENT + b"more")
    assert fetch_it(server, tmp_path / "a") is True
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert server.requested[-1] is None


def test_a_whole_part_needs_no_server(server, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        fetch_it(server, tmp_path / "a", lambda done, total: _interrupt() if done == total else 0)
    assert fetch_it(server, tmp_path / "a") is True
    assert len(server.requested) == 1
