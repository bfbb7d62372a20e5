"""One training on several devices, as XLA shows them on a CPU: what comes out is one device's.

Gradients in float32 differ by the order of sums; where a value lies at an end of ReLU6 by whether
it is cut, too, so that what is exact is told in float64.
"""

from types import SimpleNamespace

import pytest

from sweep.settings.config import AccuracySettings, SettingsError
from sweep.training.devices import devices_of
from tests.support.on_devices import of_hosts, told


@pytest.fixture(scope="module")
def narrow():
    return told(8)


@pytest.fixture(scope="module")
def wide():
    return told(8, wide=True)


def test_gradients_of_eight_devices_are_those_of_one_in_float64(wide):
    assert wide["devices"] == 8
    for apart in wide["apart"].values():
        assert max(apart) < 1e-9


def test_a_training_on_eight_devices_or_of_two_hosts_is_that_of_one_in_float64(wide, tmp_path):
    one, eight = wide["trained"]
    hosts = of_hosts(2, 2, tmp_path, wide=True)
    for each in (eight, *hosts):
        assert each["losses"] == pytest.approx(one["losses"], rel=1e-9)
        assert each["weights"] == pytest.approx(one["weights"], rel=1e-9)
        assert each["right"] == one["right"]


def test_loss_and_gradients_in_float32_are_as_near_as_their_sums(narrow):
    for apart in narrow["apart"].values():
        loss, *gradients = apart
        assert loss < 1e-5
        # 4e-7 where no value lies at an end of ReLU6: one that is cut on one side alone has more.
        assert max(gradients) < 1e-3


def test_a_training_lies_on_all_devices_and_every_image_is_counted_once(narrow):
    one, eight = narrow["whole"], narrow["shared_out"]
    assert (one["lies_on"], eight["lies_on"]) == (1, 8)
    assert one["images"] == eight["images"] == 143
    assert eight["losses"] == pytest.approx(one["losses"], rel=1e-3)


def test_a_shared_training_lies_on_all_devices_and_of_all_hosts(narrow, tmp_path):
    one, eight = narrow["shared"]
    assert (one["lies_on"], eight["lies_on"]) == (1, 8)
    assert eight["losses"] == pytest.approx(one["losses"], rel=1e-3)
    first, second = of_hosts(2, 2, tmp_path, shared=1)
    assert first["losses"] == second["losses"] == pytest.approx(one["losses"], rel=1e-3)


def test_a_training_goes_on_on_another_number_of_devices(narrow):
    changed = narrow["changed"]
    assert changed["went_on_at"] == 3
    assert changed["lies_on"] == 1
    (whole,), (*_, rest) = narrow["whole"]["losses"], changed["losses"]  # of steps 1 to 6, 4 to 6
    assert rest == pytest.approx(whole, rel=0.2)


def test_more_devices_than_there_are_and_batches_that_do_not_divide_are_refused():
    settings = AccuracySettings(batch_size=66, devices=3)
    with pytest.raises(SettingsError, match=r"accuracy.devices = 3: there are 1 \(cpu\)"):
        devices_of(settings)
    settings = AccuracySettings(batch_size=64, devices=3)
    with pytest.raises(SettingsError, match=r"must be a multiple of accuracy\.devices = 3"):
        devices_of(settings)


def test_all_devices_are_as_many_as_share_a_batch_out_evenly(monkeypatch):
    class Made:
        def __init__(self, sizes, *_, devices):
            assert sizes == (len(devices),)
            self.size = len(devices)

    def found(hosts, batch_size, devices=0):
        there = [SimpleNamespace(process_index=n, device_kind="cpu") for n in hosts]
        monkeypatch.setattr("jax.devices", lambda: there)
        return devices_of(AccuracySettings(batch_size=batch_size, devices=devices)).count

    monkeypatch.setattr("jax.make_mesh", Made)
    assert [found([0] * 6, size) for size in (64, 60, 7)] == [4, 6, 1]
    # Of two hosts each has as many.
    two = [0, 0, 0, 1, 1, 1]
    assert [found(two, size) for size in (64, 60, 8, 2)] == [4, 6, 4, 2]
    assert found(two, 64, devices=2) == 2
    with pytest.raises(SettingsError, match=r"accuracy\.devices = 3: must be a multiple of 2"):
        found(two, 60, devices=3)
    with pytest.raises(SettingsError, match=r"accuracy\.batch_size = 7: must be a multiple of 2"):
        found(two, 7)
    with pytest.raises(SettingsError, match="there are 3 on each host"):
        found(two, 64, devices=8)
    with pytest.raises(SettingsError, match="the hosts have 1 and 2 devices"):
        found([0, 0, 1], 64)


def test_two_hosts_train_one_network_and_go_on_as_the_first_was_broken_off(tmp_path, narrow):
    first, second = of_hosts(2, 2, tmp_path, stop_at=3)
    assert first["devices"] == second["devices"] == 4
    assert first["here"] == second["here"] == 2
    assert first["losses"] == second["losses"]
    # Each evaluates batches of its own, and both have what all of them come to.
    assert (first["evaluated"], second["evaluated"]) == (50 + 43, 50)
    assert first["images"] == second["images"] == 143
    assert first["right"] == second["right"] == first["right_alone"]
    assert first["numbers"] == second["numbers"] == [0, 1, 7]
    # The second has no file: it goes on with what the first has read.
    first, second = of_hosts(2, 2, tmp_path)
    assert (first["went_on_at"], second["went_on_at"]) == (3, None)
    assert first["weights"] == second["weights"]
    (whole,), (*_, rest) = narrow["whole"]["losses"], first["losses"]
    assert rest == pytest.approx(whole, rel=0.2)
