"""What a reader of a run is warned of."""

from sweep.report.content.build import view
from tests.support import fake_results


def test_warnings_name_the_noisy_point_alone(shown):
    (wide,) = [each for each in shown.warnings if "wider" in each]
    assert "0.25-128" in wide
    assert "0.25-160" not in wide


def test_warnings_say_what_a_proxy_can_tell(shown):
    (proxy,) = [each for each in shown.warnings if "proxy for ImageNet" in each]
    assert "rank" in proxy
    assert "can't tell" in proxy
    real = view(fake_results.results(dataset="imagenet"))
    assert not any("proxy" in each for each in real.warnings)


def test_warnings_say_that_another_data_set_is_another_task():
    shown = view(fake_results.results(dataset="CIFAR-10"))
    assert not any("proxy" in each for each in shown.warnings)
    (task,) = [each for each in shown.warnings if "another task" in each]
    assert "CIFAR-10" in task


def test_warnings_tell_where_a_network_trained_smaller_than_it_is_deployed():
    key = ("separable", 0.25, 128)
    told = "on images of another size, trained at 18\u00a0px for 128."
    for side, tells in ((18, True), (128, False)):
        top1 = fake_results.reading(
            key, "top1", 0.5, measure="accuracy", dataset="mine",
            note=f"trained at {side} px; 1.0 s to prepare",
        )  # fmt: skip
        shown = view(fake_results.results(points=[key], without=("top1",), more=[top1]))
        assert any(told in each for each in shown.warnings) == tells


def test_warnings_name_the_eight_accuracies_that_are_not_the_papers(shown):
    (borrowed,) = [each for each in shown.warnings if "does not print" in each]
    # 0.5-160 is printed (Table 9), as are all of alpha 1 (Table 7) and all of 224 (Table 6).
    assert (
        "0.75-192, 0.75-160, 0.75-128, 0.5-192, 0.5-128, 0.25-192, 0.25-160 and 0.25-128."
    ) in borrowed


def test_a_run_that_only_guesses_says_so():
    # One of 20 is 5 %. Of 100 images, 7 right: Wilson's interval begins at 3.4 %; 20: at 13.3 %.
    guessing = view(fake_results.guessing(0.05, 0.07))
    assert guessing.title == "2 networks, none of them better than guessing yet"
    (said,) = [each for each in guessing.warnings if "guessing" in each]
    assert "one of 20 classes (5\u00a0%)" in said
    assert "0.5-128 and 0.25-128" in said
    one = view(fake_results.guessing(0.05, 0.20))
    assert "guessing" not in one.title
    (said,) = [each for each in one.warnings if "guessing" in each]
    assert said.endswith("0.25-128. Train longer, or on more images.")
