"""What is computed on several devices, in a process of its own: JAX tells their number once.

python -m tests.support.on_devices 8     # one JSON object on the last line
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
BATCH, SIDE, CLASSES, ALPHA = 48, 32, 10, 0.25


def told(count: int, *, wide: bool = False) -> dict[str, Any]:
    """Of a machine that shows so many devices. wide: in float64."""
    environment = {
        **os.environ,
        "XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} "
        f"--xla_force_host_platform_device_count={count}",
        "JAX_PLATFORMS": "cpu",
        "JAX_ENABLE_X64": str(int(wide)),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "tests.support.on_devices", str(count)]
    ended = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise AssertionError(ended.stderr[-3000:])
    return json.loads(ended.stdout.splitlines()[-1])


class Small:
    """A network, and images that it learns from."""

    def __init__(self) -> None:
        import jax
        import numpy as np

        from sweep.contracts import Network
        from sweep.settings.registry import find
        from sweep.types import Images, Point

        self.wide = bool(jax.config.jax_enable_x64)  # type: ignore[attr-defined]
        rng = np.random.default_rng(0)
        labels = rng.integers(0, CLASSES, 3 * BATCH).astype(np.int32)
        pixels = rng.random((3 * BATCH, SIDE, SIDE, 3), np.float32) * 2 - 1
        pixels += labels[:, None, None, None] / CLASSES
        self.images = Images(pixels, labels)
        point = Point("mobilenet_v1", "separable", ALPHA, 1.0, SIDE)
        self.network = Network(point, find("family", "mobilenet_v1")(), CLASSES)

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
        state = jax.tree.map(
            lambda each: each.astype(dtype) if each.dtype == "float32" else each, state
        )
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

    def trained(self, devices: int, folder: Path, *, stop_at: int = 0) -> dict[str, Any]:
        """Of a training that goes on from what is in the folder, and is broken off there."""
        import jax

        from sweep.training.checkpointing import Checkpoint
        from sweep.training.evaluation import evaluate
        from sweep.training.feeds import TestImages
        from sweep.training.learner import make_ready
        from sweep.training.loop import train
        from sweep.types import Images

        settings = self.settings(devices)
        if stop_at:
            settings = settings.model_copy(update={"max_steps": stop_at})
        ready = make_ready(self.network, self.feed(devices), CLASSES, settings)
        checkpoint = Checkpoint(folder / "training", {}, 1e-9)
        steps, losses = train(ready, lambda *_: None, checkpoint), []
        while True:
            try:
                losses.append(next(steps).loss)
            except StopIteration as ended:
                module = ended.value
                break
        # One image less than batches of 50 have: no multiple of the devices either.
        some = Images(self.images.images[:-1], self.images.labels[:-1])
        score = evaluate(module, TestImages(some, SIDE, settings, batch=50))
        return {
            "losses": losses,
            "images": score.images,
            "right": score.top1,
            "went_on_at": checkpoint.went_on_at,
            "lies_on": max(len(each.sharding.device_set) for each in jax.tree.leaves(module)),
        }


def main(count: int) -> None:
    import tempfile

    import jax
    import numpy as np

    small = Small()
    one = small.gradients(1)
    apart = {
        devices: [
            float(np.abs(ours - theirs).max() / np.abs(ours).max())
            for ours, theirs in zip(one, small.gradients(devices), strict=True)
        ]
        for devices in (2, count)
    }
    answer: dict[str, Any] = {"devices": len(jax.devices()), "apart": apart}
    if not small.wide:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            answer["whole"] = small.trained(1, folder / "one")
            answer["shared_out"] = small.trained(count, folder / "all")
            small.trained(count, folder / "changed", stop_at=3)
            answer["changed"] = small.trained(1, folder / "changed")
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
