"""Numbers with SI suffixes, as people type them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.settings import quantities


@pytest.mark.parametrize(
    ("parse", "text", "expected"),
    [
        (quantities.seconds, "5ms", 0.005),
        (quantities.seconds, "0.7ms", 0.0007),
        (quantities.seconds, "800us", 0.0008),
        (quantities.seconds, "800µs", 0.0008),  # the micro sign
        (quantities.seconds, "800μs", 0.0008),  # the Greek letter, which looks the same
        (quantities.seconds, "0.01s", 0.01),
        (quantities.seconds, "1e-2 s", 0.01),
        (quantities.seconds, "3.10\u00a0ms", 0.0031),  # as the report prints it
        (quantities.seconds, " 250ns ", 2.5e-7),
        (quantities.count, "2M", 2_000_000),
        (quantities.count, "569e6", 569_000_000),
        (quantities.count, "150k", 150_000),
        (quantities.count, "1.5G", 1_500_000_000),
        (quantities.count, "4231976", 4_231_976),
        (quantities.count, "+.5M", 500_000),
        (quantities.size, "20MB", 20_000_000),
        (quantities.size, "20MiB", 20_971_520),  # 20 * 1024 * 1024
        (quantities.size, "1.5kB", 1_500),
        (quantities.size, "512 KiB", 524_288),
        (quantities.size, "100B", 100),
    ],
)
def test_what_people_type(parse, text, expected):
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("parse", "text", "allowed"),
    [
        *((quantities.seconds, text, "5ms, 800us or 0.01s") for text in (
            "5", "5 furlongs", "ms", "", "-5ms", "0ms", "5m", "5MS", "nan s", "infs", "1e999s",
            "0x5ms", "5,5ms", "\u0665ms", "5ms5ms", "5ms\n6", "1" * 50 + "ms",
        )),
        *((quantities.count, text, "2M, 150k or 569e6") for text in (
            "2m", "2MB", "two", "", "0", "-2M", "0.5", "inf", "1e400", "1_000", "2 M M", "M",
        )),
        *((quantities.size, text, "20MB or 20MiB") for text in (
            "20", "20M", "20mb", "20Mb", "0MB", "-1B", "1e999MB", "",
        )),
    ],
)  # fmt: skip
def test_what_is_not_understood_says_what_is_allowed(parse, text, allowed):
    with pytest.raises(ValueError, match=r"must be a \w+ from 1.*such as ") as error:
        parse(text)
    assert allowed in str(error.value)


@given(st.text(max_size=60), st.sampled_from([quantities.seconds, quantities.count]))
def test_any_text_is_a_finite_number_above_0_or_refused(text, parse):
    try:
        value = parse(text)
    except ValueError as error:
        assert str(error).startswith("must be ")  # noqa: PT017 -- most texts are refused
    else:
        assert 0 < value < float("inf")


@given(st.integers(1, 10**6), st.sampled_from(["", "e3", "e-2"]))
def test_milliseconds_are_a_thousandth_to_the_last_bit(number, exponent):
    # The float nearest to the decimal number, as Python's own parser finds it.
    power = {"": -3, "e3": 0, "e-2": -5}[exponent]
    assert quantities.seconds(f"{number}{exponent}ms") == float(f"{number}e{power}")
