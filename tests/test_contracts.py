"""The base classes: what is refused where a class is defined, and what does nothing by itself."""

import pytest

from sweep.contracts import Dataset, Measure, Network
from sweep.contracts.hooks import unknown_names
from tests.support.toys import Brightness, Perimeter, point, quiet


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("estimates_s", "estimate_s"),
        ("byte_of", "bytes_of"),
        ("check_point", "check_points"),
        ("thread", "threads"),
        ("machinebound", "machine_bound"),
    ],
)
def test_a_misspelt_hook_is_told_where_the_class_is_defined(name, meant):
    with pytest.raises(TypeError, match=f"Odd.{name}: .* did you mean {meant}"):
        type("Odd", (Perimeter,), {name: lambda self, networks: 1.0, "__qualname__": "Odd"})


def test_a_misspelt_hook_of_a_data_set_is_told_too():
    with pytest.raises(TypeError, match=r"Odd\.class_name: Dataset knows no class_name"):
        type("Odd", (Brightness,), {"class_name": (), "__qualname__": "Odd"})


def test_names_of_ones_own_are_no_hooks():
    class Own(Perimeter):
        settings = 1

        def reload(self):
            """Public, like no hook."""

        def _estimates_s(self):
            """Private."""

    assert unknown_names(Own) == ("settings", "reload")


@pytest.mark.parametrize("lacking", ["identity", "__call__"])
def test_a_measure_without_its_two_methods_can_not_be_made(lacking):
    members = {"identity": lambda self: {}, "__call__": lambda self, networks, progress: ()}
    del members[lacking]
    with pytest.raises(TypeError, match=lacking):
        type("Half", (Measure,), members)()


def test_hooks_do_nothing_by_themselves():
    measure, networks = Perimeter(), [Network(point(), None)]  # type: ignore[arg-type]
    assert not measure.together
    assert measure.threads == 0
    assert measure.identity_of(networks[0]) == {}
    assert (measure.describe(networks), measure.look(), measure.bridge(networks)) == ((), (), ())
    assert measure.bytes_of(networks) == 0
    assert measure.check_points(networks) is None
    # Reading none of an earlier call's networks again is a call as any other.
    bridged = measure.measure_bridged(networks, {}, quiet)
    assert list(bridged) == list(measure(networks, quiet))


def test_a_data_set_is_in_files_where_it_has_records():
    class InFiles(Dataset):
        name = "in files"

        def identity(self):
            return {}

        def records(self, split):
            raise NotImplementedError

    assert InFiles().in_files
    assert not Brightness().in_files
    with pytest.raises(NotImplementedError, match="in files has no load"):
        InFiles().load(32, train=1, test=1, seed=0)
