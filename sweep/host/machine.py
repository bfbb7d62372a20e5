"""Facts of this machine as plain data. Latencies are comparable only where these agree."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from sweep.host import allocator
from sweep.host.failures import storable
from sweep.types import Machine, SettingsError

# Told of every reading, whether it depends on them or not.
PACKAGES = ("python", "jax", "jaxlib", "flax", "optax", "numpy")
UNKNOWN = "unknown"
NOT_INSTALLED = "not installed"
GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")

_before_pinning: tuple[int, ...] = ()  # the cores that this process had


@dataclass(frozen=True)
class Cpu:
    """The processor under a name that tells its generation, and how many of its cores are lent."""

    name: str
    cores: int


def this_cpu() -> Cpu:
    """Reads the facts; starts nothing. The cores are those that the process had before `pin`."""
    return Cpu(_cpu_name(), len(_before_pinning or cores()))


def cores() -> tuple[int, ...]:
    """The numbers of the cores that this process may use now."""
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


def pin(to: Iterable[int]) -> None:
    """Keeps this process, and the threads that it will start, on these cores, where the system can.
    The machine stays the one that it is.
    """
    global _before_pinning  # noqa: PLW0603 - a fact of the process, as its cores are
    if hasattr(os, "sched_setaffinity"):
        _before_pinning = _before_pinning or cores()
        os.sched_setaffinity(0, to)


def jax_device() -> Any:
    """The device that JAX computes on; starts JAX's backend. Raises SettingsError where JAX was
    asked for one that isn't here, or not to compile.
    """
    try:
        import jax
    except ValueError as error:  # such as JAX_ENABLE_X64=maybe
        raise SettingsError(f"JAX: {error}") from None
    config: Any = jax.config
    if config.jax_disable_jit:
        raise SettingsError(
            "JAX_DISABLE_JIT is set: what is trained and timed here are compiled programs; unset it"
        )
    try:
        return jax.devices()[0]
    except (RuntimeError, AssertionError) as error:  # the latter is JAX's word for no GPU
        asked = config.jax_platforms
        if not asked:
            raise
        why = str(error).partition(" (set JAX_PLATFORMS")[0] or "there is none, or no plugin for it"
        raise SettingsError(
            f'JAX_PLATFORMS = "{asked}": JAX finds no such device here ({why}). {_instead()}'
        ) from None


def _instead() -> str:
    """What JAX would use if it were not asked for anything; and that it can be."""
    import jax

    jax.config.update("jax_platforms", None)
    try:
        there = jax.devices()[0].platform
    except (RuntimeError, AssertionError):
        return "Unset it"
    return f'This machine has "{there}": set it to that, or unset it'


def this_machine() -> Machine:
    """Reads the facts; starts JAX's backend. Raises SettingsError as `jax_device` does."""
    device, cpu = jax_device(), this_cpu()
    return Machine(
        cpu=cpu.name,
        cores=cpu.cores,
        memory_bytes=memory_bytes(),
        system=f"{platform.system()} {platform.machine()}",
        platform=device.platform,
        device=storable(device.device_kind),
        governor=text_of(GOVERNOR) or UNKNOWN,
        xla_flags=storable(os.environ.get("XLA_FLAGS", "")),
        allocator=allocator.state(),
    )


def versions_of(packages: Iterable[str]) -> dict[str, str]:
    """The installed versions, by the package's name; "python" is Python's own."""
    return {name: _version(name) for name in sorted(set(packages))}


def cpu_facts() -> dict[str, str]:
    """What Linux tells of the processor; nothing elsewhere."""
    pairs = (line.partition(":") for line in text_of(Path("/proc/cpuinfo")).splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _cpu_name() -> str:
    """The model's name. A virtual machine may hide which: "AMD EPYC" is many generations with very
    different vector units, so its family and model numbers are told as well where Linux has them.
    """
    facts = cpu_facts()
    name = facts.get("model name") or platform.processor() or platform.machine() or UNKNOWN
    if "cpu family" in facts and "model" in facts:
        name += f" (family {facts['cpu family']}, model {facts['model']})"
    return name


def memory_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return 0


def device_bytes() -> int:
    """Memory that JAX may use on its first device; 0 where the device doesn't say."""
    import jax

    stats = jax.devices()[0].memory_stats() or {}
    return int(stats.get("bytes_limit", 0))


def text_of(path: Path) -> str:
    """What the system tells in a file; empty where it doesn't."""
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return ""


@cache
def _version(name: str) -> str:
    if name == "python":
        return platform.python_version()
    try:
        return version(name)
    except PackageNotFoundError:
        return NOT_INSTALLED
