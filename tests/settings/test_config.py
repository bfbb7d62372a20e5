"""Settings: what is accepted, and the words with which the rest is refused."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.settings import grid
from sweep.settings.config import Settings, SettingsError, digest_of, load, parse
from sweep.settings.registry import make_dataset
from sweep.training.sources import DRAWN_TEST, DRAWN_TRAIN


def test_an_empty_file_is_the_papers_grid():
    settings = parse("", source="sweep.toml")
    assert settings.grid.alpha == (1.0, 0.75, 0.5, 0.25)
    assert settings.grid.resolutions() == (224, 192, 160, 128)


def test_the_default_experiment_is_valid_and_spells_out_the_defaults():
    settings = load(Path(__file__).parents[2] / "sweep.toml")
    assert settings.latency == Settings().latency
    # What it says beside the defaults is what they come to for its own data set.
    patches = {"train_images": DRAWN_TRAIN, "test_images": DRAWN_TEST, "symmetry": "square"}
    patches |= {"seeds": 2}  # twice the time, for knowing what is told apart
    assert settings.accuracy == Settings().accuracy.model_copy(update=patches)
    assert [extra.kind for extra in settings.grid.extra] == ["standard", "shallow"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[grid]\nalpha = [1.0, 9.0]", "grid.alpha[1] = 9.0: must be at most 4  (x.toml)"),
        ("[grid]\nalpha = [0]", "grid.alpha[0] = 0: must be above 0  (x.toml)"),
        ("[grid]\nalpha = []", "grid.alpha = []: must not be empty  (x.toml)"),
        ("[grid]\nresolution = [7]", "grid.resolution[0] = 7: must be at least 8  (x.toml)"),
        (
            "[latency]\nround = 3",
            "latency.round: unknown setting; did you mean latency.rounds?  (x.toml)",
        ),
        (
            "[accuracy]\noptimizer = 'lion'",
            "accuracy.optimizer = \"lion\": must be 'sgd', 'adamw' or 'rmsprop'  (x.toml)",
        ),
        ("name = '../up'", 'name = "../up": must be a plain folder name  (x.toml)'),
        (
            "[grid]\nresolution = [224]\nrho = [1.0]",
            "grid: give either resolution (pixels) or rho (shares), not both  (x.toml)",
        ),
        (
            "[accuracy]\nbatch_size = 64\ntrain_images = 10",
            "accuracy: batch_size = 64: must be at most train_images = 10  (x.toml)",
        ),
        (
            "measures = ['cost']\n[[grid.extra]]\nmeasures = ['latency']",
            "grid.extra[0].measures: 'latency' is not among measures = ['cost']: name it there, or "
            "leave it out here  (x.toml)",
        ),
        (
            "[grid]\nresolution = ['128', 96]",
            'grid.resolution[0] = "128": must be a whole number  (x.toml)',
        ),
        (
            "[[grid.extra]]\nresolution = true",
            "grid.extra[0].resolution = true: must be a whole number  (x.toml)",
        ),
        ("[grid]\nalpha = ['1']", 'grid.alpha[0] = "1": must be a number  (x.toml)'),
        ("[accuracy]\nepochs = true", "accuracy.epochs = true: must be a whole number  (x.toml)"),
        ("[latency]\nrounds = 25.0", "latency.rounds = 25.0: must be a whole number  (x.toml)"),
        ("[cost]\nxla = 1", "cost.xla = 1: must be true or false  (x.toml)"),
        ("name = 2017", "name = 2017: must be a text, in quotes  (x.toml)"),
        (
            "[grid]\nalpha = [0.3, 0.30000000000000004]",
            "grid: alpha = 0.3 and 0.30000000000000004 both come to 0.3: leave one away  (x.toml)",
        ),
        (
            "[grid]\nalpha = [0.123456]\n[[grid.extra]]\nalpha = 0.1234561",
            "grid: alpha = 0.123456 and 0.1234561 both come to 0.123456: leave one away  (x.toml)",
        ),
        (
            "[grid]\nrho = [0.5, 0.501]",
            "grid: rho = 0.5 and 0.501 both come to 112 pixels: leave one away  (x.toml)",
        ),
    ],
)
def test_a_wrong_setting_is_named_with_its_value_and_what_is_allowed(text, message):
    with pytest.raises(SettingsError) as refused:
        parse(text, source="x.toml")
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("grid.alpha=[1, 0.5]", (1.0, 0.5)),
        ("grid.alpha=[1.0, 1, 0.5]", (1.0, 1.0, 0.5)),  # one point, named twice
    ],
)
def test_a_number_may_be_given_without_its_point_and_twice(change, found):
    settings = parse("", source="x.toml", changes=[change])
    assert settings.grid.alpha == found
    assert all(type(alpha) is float for alpha in settings.grid.alpha)
    made = grid.points(settings.grid, family="mobilenet_v1")
    assert len(made) == len({point.label for point in made}) == 8


def test_a_text_among_changes_is_no_number():
    with pytest.raises(SettingsError, match=r'epochs = "3": must be a whole number'):
        parse("", source="x.toml", changes=['accuracy.epochs="3"'])


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        ("epochs=3", "did you mean accuracy.epochs?"),
        ("latency.epochs=3", "did you mean accuracy.epochs?"),
        ("seed=3", "did you mean latency.seed or accuracy.seed?"),
        ("acuracy.epochs=3", "did you mean accuracy?"),
        ("accuracy.learning-rate=3", "did you mean accuracy.learning_rate?"),
        ("accuracy.num_classes=3", "did you mean num_classes?"),
        ("accuracy.path=x", "did you mean accuracy.data.path?"),
        ("grid.extra=[{}, {alhpa = 1}]", "did you mean grid.extra[1].alpha?"),
        ("cost.torch=true", "must be one of fvcore, xla"),
        ("unlike_anything.at_all=1", "must be one of name, family, num_classes, measures, "),
    ],
)
def test_an_unknown_key_says_what_may_have_been_meant(change, hint):
    with pytest.raises(SettingsError) as refused:
        parse("", source="x.toml", changes=[change])
    assert f": unknown setting; {hint}" in str(refused.value)


def test_every_wrong_setting_is_told_at_once():
    with pytest.raises(SettingsError) as refused:
        parse("num_classes = 0\n[latency]\nrounds = 1", source="x.toml")
    assert str(refused.value).splitlines() == [
        "num_classes = 0: must be at least 1  (x.toml)",
        "latency.rounds = 1: must be at least 3  (x.toml)",
    ]


def test_files_that_are_no_settings_are_named(tmp_path):
    with pytest.raises(SettingsError, match=r"none\.toml: there is no such file"):
        load(tmp_path / "none.toml")
    (tmp_path / "broken.toml").write_text("alpha = = 1")
    with pytest.raises(SettingsError, match=r"broken\.toml: not valid TOML: .*line 1"):
        load(tmp_path / "broken.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match=r"binary\.toml: can't be read"):
        load(tmp_path / "binary.toml")


def test_rho_is_a_share_of_the_base_resolution():
    # 0.714 * 224 = 159.9, the paper's rho for 160.
    settings = parse("[grid]\nrho = [1, 0.857, 0.714, 0.571]", source="x.toml")
    assert settings.grid.resolutions() == (224, 192, 160, 128)


@given(st.dictionaries(st.text(), st.integers() | st.floats(allow_nan=False, allow_infinity=False)))
def test_a_digest_depends_on_the_values_and_not_on_their_order(values):
    backwards = dict(reversed(values.items()))
    assert digest_of(values) == digest_of(backwards)
    assert digest_of(values) != digest_of({**values, "one more": 1})


def test_changes_take_the_place_of_keys():
    text = "[grid]\nalpha = [1.0]\n[accuracy]\nepochs = 5\n"
    changes = ["grid.alpha=[0.5, 0.25]", "accuracy.data.path=/a b/c", "accuracy.epochs = 7"]
    settings = parse(text, source="x.toml", changes=changes)
    assert settings.grid.alpha == (0.5, 0.25)
    assert settings.accuracy.data == {"path": "/a b/c"}
    assert settings.accuracy.epochs == 7


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("accuracy.epochs", "--set accuracy.epochs: must be KEY=VALUE, such as accuracy.epochs=3"),
        ("=3", "--set =3: must be KEY=VALUE, such as accuracy.epochs=3"),
        ("name.x=3", "--set name.x=3: name is no section"),
        (
            "accuracy.epochs=0",
            "accuracy.epochs = 0: must be at least 1  (x.toml, accuracy.epochs=0)",
        ),
        (
            "accuracy.epoch=1",
            "accuracy.epoch: unknown setting; did you mean accuracy.epochs?  "
            "(x.toml, accuracy.epoch=1)",
        ),
    ],
)
def test_a_wrong_change_is_refused_in_words(change, message):
    with pytest.raises(SettingsError) as caught:
        parse('name = "n"', source="x.toml", changes=[change])
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ('source = "checkpoints"', 'checkpoints is missing; source = "checkpoints" needs a path'),
        ('checkpoints = "a"', 'checkpoints is for source = "checkpoints" alone'),
        (
            'source = "checkpoints"\ncheckpoints = "{alpha.x}"',
            "checkpoints: {alpha.x} must be {alpha}, {resolution} or {kind}",
        ),
        ("crop_area = [0.9, 0.1]", "crop_area = [0.9, 0.1]: the smaller one first"),
    ],
)
def test_settings_that_do_not_go_together(section, message):
    with pytest.raises(SettingsError) as caught:
        parse(f"[accuracy]\n{section}\n", source="x.toml")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("dataset", "data", "message"),
    [
        ("imagefolder", {}, "accuracy.data.path: must be given"),
        (
            "imagefolder",
            {"path": "a", "pth": "b"},
            "accuracy.data.pth: unknown setting; did you mean accuracy.data.path?",
        ),
        (
            "imagefolder",
            {"path": "a", "epochs": 3},
            "accuracy.data.epochs: unknown setting; did you mean accuracy.epochs?",
        ),
        ("parquet", {"path": "a", "split_seed": -1}, "accuracy.data.split_seed = -1: must be at"),
        ("photo-patches", {"path": "a"}, "accuracy.data.path: is none of accuracy.dataset"),
    ],
)
def test_what_a_data_set_is_told_is_checked(dataset, data, message):
    with pytest.raises(SettingsError) as caught:
        make_dataset(dataset, data)
    assert message in str(caught.value)
    assert dataset in str(caught.value)
