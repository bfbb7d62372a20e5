"""The transfer of one file: what is asked for, what is kept, and when it gives up."""

import hashlib

import pytest

from sweep.datasets.fetch import ATTEMPTS, BLOCK, FetchError, Source, fetch
from tests.support.loopback import serving

# Bytes that are nowhere periodic: a part joined at the wrong place would show.
CONTENT = b"".join(hashlib.sha256(n.to_bytes(2)).digest() for n in range(2500))


@pytest.fixture(autouse=True)
def waited(monkeypatch):
    """Seconds that were to be waited between tries; nobody does."""
    seconds = []
    monkeypatch.setattr("time.sleep", seconds.append)
    return seconds


@pytest.fixture
def server():
    with serving(CONTENT) as loopback:
        yield loopback


def fetch_it(server, target, progress=lambda done, total: None) -> None:
    fetch(Source(server.url, hashlib.sha256(server.content).hexdigest()), target, progress)


def whole_blocks(size: int) -> int:
    """Of what had come, less than a block is lost."""
    return size // BLOCK * BLOCK


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_cut_transfer_continues_and_at_most_a_block_comes_twice(server, tmp_path):
    half = len(CONTENT) // 2
    server.cuts = [half, 10_000]
    fetch_it(server, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == CONTENT
    first = whole_blocks(half)
    second = first + whole_blocks(10_000)
    assert server.requested == [None, f"bytes={first}-", f"bytes={second}-"]
    assert server.served < len(CONTENT) + 2 * BLOCK
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_an_interruption_keeps_what_had_come(server, tmp_path):
    server.cuts = [50_000]
    with pytest.raises(KeyboardInterrupt):
        fetch_it(server, tmp_path / "a", _interrupt)
    kept = (tmp_path / "a.part").read_bytes()
    assert 0 < len(kept) <= 50_000
    assert kept == CONTENT[: len(kept)]
    told = []
    fetch_it(server, tmp_path / "a", lambda done, total: told.append((done, total)))
    assert server.requested == [None, f"bytes={len(kept)}-"]
    assert told[0][0] > len(kept)
    assert told[-1] == (len(CONTENT), len(CONTENT))


def test_a_redirection_is_followed_and_asked_for_the_rest_only(server, tmp_path):
    server.url = server.url.replace("/archive", "/moved/archive")
    server.cuts = [2 * BLOCK]
    fetch_it(server, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert server.requested == [None, f"bytes={2 * BLOCK}-"]


def test_a_server_without_ranges_starts_over(server, tmp_path):
    server.ranges = False
    server.cuts = [len(CONTENT) // 2]
    fetch_it(server, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert server.served == len(CONTENT) // 2 + len(CONTENT)


@pytest.mark.parametrize("longer", [b"", b"more"])
def test_a_file_that_changed_meanwhile_is_fetched_afresh(server, tmp_path, longer):
    server.cuts = [len(CONTENT) // 2]
    with pytest.raises(KeyboardInterrupt):
        fetch_it(server, tmp_path / "a", _interrupt)
    server.content = CONTENT[::-1] + longer
    fetch_it(server, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == server.content


def test_a_server_that_always_breaks_off_is_given_up_and_the_part_kept(server, tmp_path):
    server.ranges = False
    server.cuts = [2 * BLOCK] * 100
    with pytest.raises(FetchError, match=f"broke off: .* {2 * BLOCK:,} bytes are kept"):
        fetch_it(server, tmp_path / "a")
    # The first brought something; then so many in a row brought nothing new.
    assert len(server.requested) == 1 + ATTEMPTS
    assert (tmp_path / "a.part").read_bytes() == CONTENT[: 2 * BLOCK]


def test_a_passing_trouble_of_the_server_is_waited_out(server, tmp_path):
    server.statuses = [503, 429]
    fetch_it(server, tmp_path / "a")
    assert len(server.requested) == 3


def test_the_wait_doubles_while_nothing_comes(server, tmp_path, waited):
    server.statuses = [503] * 5
    with pytest.raises(FetchError, match="the server answers 503"):
        fetch_it(server, tmp_path / "a")
    assert waited == [1, 2, 4, 8]
    assert list(tmp_path.iterdir()) == []


def test_a_part_longer_than_the_file_starts_over(server, tmp_path):
    (tmp_path / "a.part").write_bytes(CONTENT + b"more")
    fetch_it(server, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert server.requested[-1] is None


def test_what_is_whole_needs_no_server(server, tmp_path):
    (tmp_path / "a.part").write_bytes(CONTENT)  # of a process that died before its last step
    fetch_it(server, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == CONTENT
    fetch_it(server, tmp_path / "a")
    assert server.requested == []
