"""Numbers with SI suffixes, as people type them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.settings.quantities import of_unit


@pytest.mark.parametrize(
    ("unit", "text", "expected"),
    [
        ("s", "5ms", 0.005),
        ("s", "0.7ms", 0.0007),
        ("s", "800us", 0.0008),
        ("s", "800µs", 0.0008),  # the micro sign
        ("s", "800μs", 0.0008),  # the Greek letter, which looks the same
        ("s", "0.01s", 0.01),
        ("s", "1e-2 s", 0.01),
        ("s", "3.10\u00a0ms", 0.0031),  # as the report prints it
        ("s", " 250ns ", 2.5e-7),
        ("1", "2M", 2_000_000),
        ("1", "569e6", 569_000_000),
        ("1", "150k", 150_000),
        ("1", "1.5G", 1_500_000_000),
        ("1", "4231976", 4_231_976),
        ("1", "+.5M", 500_000),
        ("B", "20MB", 20_000_000),
        ("B", "20MiB", 20_971_520),  # 20 * 1024 * 1024
        ("B", "1.5kB", 1_500),
        ("B", "512 KiB", 524_288),
        ("B", "100B", 100),
    ],
)
def test_what_people_type(unit, text, expected):
    assert of_unit(text, unit) == expected


@pytest.mark.parametrize(
    ("unit", "text", "allowed"),
    [
        *(("s", text, "5ms, 800us or 0.01s") for text in (
            "5", "5 furlongs", "ms", "", "-5ms", "0ms", "5m", "5MS", "nan s", "infs", "1e999s",
            "0x5ms", "5,5ms", "\u0665ms", "5ms5ms", "5ms\n6", "1" * 50 + "ms",
        )),
        *(("1", text, "2M, 150k or 0.5") for text in (
            "2m", "2MB", "two", "", "0", "-2M", "inf", "1e400", "1_000", "2 M M", "M",
        )),
        *(("B", text, "20MB or 20MiB") for text in (
            "20", "20M", "20mb", "20Mb", "0MB", "-1B", "1e999MB", "",
        )),
    ],
)  # fmt: skip
def test_what_is_not_understood_says_what_is_allowed(unit, text, allowed):
    with pytest.raises(ValueError, match=r"must be a .*such as ") as error:
        of_unit(text, unit)
    assert allowed in str(error.value)


@given(st.text(max_size=60), st.sampled_from(["s", "1", "J"]))
def test_any_text_is_a_finite_number_above_0_or_refused(text, unit):
    try:
        value = of_unit(text, unit)
    except ValueError as error:
        assert str(error).startswith("must be ")  # noqa: PT017 -- most texts are refused
    else:
        assert 0 < value < float("inf")


@given(st.integers(1, 10**6), st.sampled_from(["", "e3", "e-2"]))
def test_milliseconds_are_a_thousandth_to_the_last_bit(number, exponent):
    # The float nearest to the decimal number, as Python's own parser finds it.
    power = {"": -3, "e3": 0, "e-2": -5}[exponent]
    assert of_unit(f"{number}{exponent}ms", "s") == float(f"{number}e{power}")
