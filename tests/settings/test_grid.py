"""Knob values -> points."""

from hypothesis import given
from hypothesis import strategies as st

from sweep.settings.config import ExtraPoint, GridSettings
from sweep.settings.grid import measures_of, points

EVERY = ("cost", "latency", "accuracy")


def test_the_default_grid_is_the_papers_sixteen_points():
    made = points(GridSettings(), family="mobilenet_v1")
    assert len(made) == 16
    assert [point.label for point in made[:5]] == [
        "1.0-224",
        "1.0-192",
        "1.0-160",
        "1.0-128",
        "0.75-224",
    ]
    # The paper gives rho = 1, 6/7, 5/7, 4/7 for 224, 192, 160, 128.
    assert [round(7 * point.rho, 9) for point in made[:4]] == [7, 6, 5, 4]


def test_extra_points_come_last_and_repeat_nothing():
    extra = (
        ExtraPoint(kind="standard", measures=("cost",)),
        ExtraPoint(kind="separable", alpha=1.0, resolution=224, measures=("cost",)),
        ExtraPoint(kind="shallow", measures=("accuracy",)),
        ExtraPoint(kind="shallow", measures=("cost",)),
    )
    settings = GridSettings(extra=extra)
    made = points(settings, family="mobilenet_v1")
    assert [point.label for point in made[16:]] == ["standard 1.0-224", "shallow 1.0-224"]
    # A point of the product has every measure, though an extra point asks for less.
    assert measures_of(settings, made[0], EVERY) == EVERY
    assert measures_of(settings, made[16], EVERY) == ("cost",)
    assert measures_of(settings, made[17], EVERY) == ("cost", "accuracy")


@given(st.lists(st.floats(0.01, 4) | st.sampled_from([0.3, 0.1 * 3, 1 / 3]), min_size=1))
def test_names_are_as_unique_as_keys(alphas):
    try:
        settings = GridSettings(alpha=tuple(alphas))
    except ValueError:
        return  # two of one name
    made = points(settings, family="mobilenet_v1")
    assert len({point.label for point in made}) == len({point.key for point in made}) == len(made)


def test_keys_are_unique():
    settings = GridSettings(kind=("separable", "shallow"))
    made = points(settings, family="mobilenet_v1")
    assert len({point.key for point in made}) == len(made) == 32
