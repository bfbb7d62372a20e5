"""What is computed on several devices, in a process of its own: JAX tells their number once.

python -m tests.support.on_devices 8     # one JSON object on the last line
python -m tests.support.on_devices 2 --host 0 --of 2 --at 127.0.0.1:4000 --folder F     # and host 1
"""

import argparse
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
BATCH, SIDE, CLASSES, ALPHA = 48, 32, 10, 0.25


def told(count: int, *, wide: bool = False) -> dict[str, Any]:
    """Of a machine that shows so many devices. wide: in float64."""
    return answer_of(_begun(count, [], wide=wide))


def of_hosts(
    count: int, devices: int, folder: Path, *, wide: bool = False, **more: Any
) -> list[dict[str, Any]]:
    """What each of so many hosts of so many devices has of one training of all. more: as of
    `Small.trained`.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    options = [f"--{name.replace('_', '-')}={value}" for name, value in more.items()]
    hosts = [
        _begun(
            devices,
            [f"--host={n}", f"--of={count}", f"--at={address}", *options, f"--folder={folder}"],
            wide=wide,
        )
        for n in range(count)
    ]
    return [answer_of(each) for each in hosts]


def _begun(count: int, arguments: list[str], *, wide: bool = False) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} "
        f"--xla_force_host_platform_device_count={count}",
        "JAX_PLATFORMS": "cpu",
        "JAX_ENABLE_X64": str(int(wide)),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "tests.support.on_devices", str(count), *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def answer_of(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, error = process.communicate(timeout=400)
    if process.returncode:
        raise AssertionError(error[-3000:])
    return json.loads(out.splitlines()[-1])


def _in_float64() -> None:
    """Trainings keep what they move in float64, in this process."""
    import jax

    from sweep.training import learner

    of_float32 = learner.learner_of

    def learner_of(*given: Any) -> Any:
        found, state = of_float32(*given)
        wider = jax.tree.map(
            lambda each: each.astype("float64") if each.dtype == "float32" else each, state
        )
        return found, wider

    learner.learner_of = learner_of


class Small:
    """A network, and images that it learns from."""

    def __init__(self) -> None:
        import jax
        import numpy as np

        from sweep.contracts import Network
        from sweep.types import Images, Point
        from tests.support.short import Short

        self.wide = bool(jax.config.jax_enable_x64)  # type: ignore[attr-defined]
        if self.wide:
            _in_float64()
        rng = np.random.default_rng(0)
        labels = rng.integers(0, CLASSES, 3 * BATCH).astype(np.int32)
        pixels = rng.random((3 * BATCH, SIDE, SIDE, 3), np.float32) * 2 - 1
        pixels += labels[:, None, None, None] / CLASSES
        self.images = Images(pixels, labels)
        point = Point("short", "separable", ALPHA, 1.0, SIDE)
        self.network = Network(point, Short(), CLASSES)

    def settings(self, devices: int) -> Any:
        from sweep.settings.config import AccuracySettings

        own = AccuracySettings(
            batch_size=BATCH, epochs=2, symmetry="mirror", warmup_share=0.5, devices=devices
        )
        return own.model_copy(update={"dtype": "float64"}) if self.wide else own

    def feed(self, devices: int) -> Any:
        from sweep.training.feeds import ResidentFeed

        return ResidentFeed(self.images, SIDE, self.settings(devices))

    def gradients(self, devices: int) -> list[Any]:
        """The loss of a batch, and its gradients, packed."""
        import jax
        import numpy as np

        from sweep.training.learner import gradients_of, learner_of

        settings = self.settings(devices)
        learner, state = learner_of(self.network, self.feed(devices), CLASSES, settings)
        dtype = "float64" if self.wide else "float32"
        lying = learner.devices

        @jax.jit
        def found(state: Any, images: Any, labels: Any) -> Any:
            parameters = learner.params.unpack(state.params)
            statistics = learner.statistics.unpack(state.statistics)
            outcome, gradients = gradients_of(
                learner.graph, parameters, statistics, state.rest, images, labels, settings
            )
            return outcome[0], learner.params.pack(gradients)

        pixels, labels = self.images.images[:BATCH].astype(dtype), self.images.labels[:BATCH]
        batch = jax.device_put((pixels, labels), lying.shared_out())
        loss, packed = found(jax.device_put(state, lying.everywhere), *batch)
        return [np.asarray(loss), *map(np.asarray, jax.tree.leaves(packed))]

    def trained(self, devices: int, folder: Path | None, *, stop_at: int = 0) -> dict[str, Any]:
        """Of a training that goes on from what is in the folder, and is broken off there."""
        import jax
        from flax import nnx

        from sweep.training.checkpointing import Checkpoint
        from sweep.training.evaluation import evaluate
        from sweep.training.evaluation_images import TestImages
        from sweep.training.learner import make_ready
        from sweep.training.loop import train
        from sweep.types import Images

        settings = self.settings(devices)
        if stop_at:
            settings = settings.model_copy(update={"max_steps": stop_at})
        ready = make_ready(self.network, self.feed(devices), CLASSES, settings)
        checkpoint = Checkpoint(folder / "training", {}, 1e-9) if folder else None
        steps, losses = train(ready, lambda *_: None, checkpoint), []
        while True:
            try:
                losses.append(next(steps).loss)
            except StopIteration as ended:
                module = ended.value
                break
        # One image less than batches of 50 have: no multiple of the devices either.
        some = Images(self.images.images[:-1], self.images.labels[:-1])
        test, own, lying = TestImages(some, SIDE, settings, batch=50), [], ready.learner.devices
        score = evaluate(module, test.over(lying), progress=own.append)
        return {
            "evaluated": own[-1],
            "right_alone": evaluate(module, test).top1,
            "numbers": lying.all_of([7] if jax.process_index() else [0, 1]),
            "losses": losses,
            "images": score.images,
            "right": score.top1,
            "went_on_at": checkpoint.went_on_at if checkpoint else None,
            "weights": float(
                sum(abs(each).sum() for each in jax.tree.leaves(nnx.state(module, nnx.Param)))
            ),
            "lies_on": max(len(each.sharding.device_set) for each in jax.tree.leaves(module)),
        }

    def shared(self, devices: int) -> dict[str, Any]:
        """Of a training that two networks share, on images of two sides, for some steps."""
        from dataclasses import replace

        import jax

        from sweep.training.loop import train
        from sweep.training.shared import Cell, Sandwich, compiled, make_ready

        settings = self.settings(devices).model_copy(update={"max_steps": 3})
        feed = self.feed(devices)
        thin = replace(self.network, point=replace(self.network.point, alpha=ALPHA / 2))
        cells = Cell(self.network, SIDE, feed), Cell(thin, SIDE - 8, feed)
        sandwich = Sandwich(cells[0], cells[1:], (), 0, 0)
        programs = compiled(sandwich, CLASSES, settings, lambda *_: None)
        ready = make_ready(sandwich, CLASSES, settings, programs)
        steps, losses = train(ready, lambda *_: None), []
        while True:
            try:
                losses.append(next(steps).loss)
            except StopIteration as ended:
                lies = (len(each.sharding.device_set) for each in jax.tree.leaves(ended.value))
                return {"losses": losses, "lies_on": max(lies)}


def on_one_of_several(options: argparse.Namespace) -> dict[str, Any]:
    """The first has the folder, as it would have in a run."""
    import jax

    jax.distributed.initialize(options.at, options.of, options.host)
    small = Small()
    folder = Path(options.folder) if not options.host else None
    if options.shared:
        return small.shared(0)
    own = small.trained(0, folder, stop_at=options.stop_at)
    return own | {"devices": len(jax.devices()), "here": len(jax.local_devices())}


def main(options: argparse.Namespace) -> None:
    if options.of:
        sys.stdout.write(json.dumps(on_one_of_several(options)) + "\n")
        return
    import tempfile

    import jax
    import numpy as np

    small, count = Small(), options.count
    one = small.gradients(1)
    apart = {
        devices: [
            float(np.abs(ours - theirs).max() / np.abs(ours).max())
            for ours, theirs in zip(one, small.gradients(devices), strict=True)
        ]
        for devices in (2, count)
    }
    answer: dict[str, Any] = {"devices": len(jax.devices()), "apart": apart}
    if small.wide:
        answer["trained"] = [small.trained(each, None) for each in (1, count)]
    else:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            answer["whole"] = small.trained(1, folder / "one")
            answer["shared_out"] = small.trained(count, folder / "all")
            small.trained(count, folder / "changed", stop_at=3)
            answer["shared"] = [small.shared(1), small.shared(count)]
            answer["changed"] = small.trained(1, folder / "changed")
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("count", type=int)
    parser.add_argument("--folder")
    parser.add_argument("--at")
    for name in ("--host", "--of", "--stop-at", "--shared"):
        parser.add_argument(name, type=int, default=0)
    main(parser.parse_args())
