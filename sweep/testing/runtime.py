"""What a runtime keeps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sweep.contracts import Network, Program, Runtime
from sweep.measures.agreement import FLOATS_AGREE, INTEGERS_AGREE, Floats, agreed, logits_of
from sweep.measures.timing_files import weighted
from sweep.settings.registry import find
from sweep.types import Point

if TYPE_CHECKING:
    from flax import nnx

SIDE = 32


class RuntimeContract:
    """Derive, and say which runtime is to be tested."""

    def runtime(self) -> Runtime:
        """A new one."""
        raise NotImplementedError

    def network(self) -> Network:
        """That it is tried on: at 32 px, with ten classes."""
        family = find("family", "mobilenet_v1")()
        return Network(Point(family.name, "separable", 0.25, SIDE / 224, SIDE), family, 10)

    def made(self, folder: Path, precision: str, batch: int = 1) -> tuple[Path, nnx.Module]:
        """A file of the network, and the network."""
        network, runtime = self.network(), self.runtime()
        module = weighted(network, "", 0)
        file = folder / f"{precision}-{batch}{runtime.suffixes[0]}"
        shown = [_images(batch, seed) for seed in range(4)]
        runtime.make(network, module, file, batch=batch, precision=precision, images=shown)
        return file, module

    def test_it_says_what_it_is(self) -> None:
        runtime = self.runtime()
        assert isinstance(runtime, Runtime)
        assert runtime.name
        assert runtime.suffixes
        assert all(each.startswith(".") for each in runtime.suffixes)
        assert set(runtime.precisions) <= {"float32", "bfloat16", "float16", "int8"}

    def test_its_float32_programs_compute_what_flax_does(self, tmp_path: Path) -> None:
        if "float32" not in self.runtime().precisions:
            return
        for batch in (1, 3):
            file, module = self.made(tmp_path, "float32", batch)
            program, images = self.runtime().open(file, threads=1), _images(batch, 9)
            assert (program.resolution, program.num_classes) == (SIDE, 10)
            assert program.batch in (0, batch)
            agreed(program(images), logits_of(module, images), "Flax's", FLOATS_AGREE)

    def test_its_int8_programs_compute_what_their_files_say(self, tmp_path: Path) -> None:
        if "int8" not in self.runtime().precisions:
            return
        file, _ = self.made(tmp_path, "int8")
        program, plain = self.runtime().open(file, threads=1), self.runtime().reference(file)
        assert program.quantised
        assert plain is not None, "there is nothing that its integers could be held against"
        images = _images(1, 9)
        agreed(program(images), plain(images), "the reference's", INTEGERS_AGREE)

    def test_what_is_timed_is_the_whole_network_and_leaves_nothing_behind(
        self, tmp_path: Path
    ) -> None:
        file, _ = self.made(tmp_path, self.runtime().precisions[0])
        program = self.runtime().open(file, threads=1)
        images, others = _images(1, 1), _images(1, 2)
        before = program(images)
        run = program.ready(others)
        for _ in range(3):
            run()
        assert _same(program, images, before)

    def test_a_file_that_is_none_is_named(self, tmp_path: Path) -> None:
        runtime = self.runtime()
        file = tmp_path / f"none{runtime.suffixes[0]}"
        file.write_bytes(b"nothing of the kind")
        said = ""
        try:
            runtime.open(file)
        except ValueError as error:
            said = str(error)
        assert str(file) in said, f"{runtime.name} opened what is no network"


def _images(count: int, seed: int) -> Floats:
    drawn = np.random.default_rng(seed).random((count, SIDE, SIDE, 3), np.float32)
    return 2 * drawn - 1


def _same(program: Program, images: Floats, before: Floats) -> bool:
    return bool(np.array_equal(program(images), before))
