"""What a person is told of a run's time."""

import pytest

from sweep.cli.progress import duration


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (185, "3 min 05 s"),
        (2 * 3600 + 5 * 60, "2 h 05 min"),
        (86_400 - 1, "23 h 59 min"),
        (53 * 86_400 + 4 * 3600, "53 d 04 h"),
    ],
)
def test_a_duration_in_its_two_largest_units(seconds, words):
    assert duration(seconds) == words
