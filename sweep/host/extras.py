"""Which extra of this project brings a library that is not installed.

A library of an extra is imported where it is used. Where it is not there the import fails as any
other does; whoever shows that error to a person, as the command line and a failed point do, asks
here for the words. So nobody who imports has to know of extras.
"""

from __future__ import annotations

# Extra -> what needs it, and the modules that it brings. `pyproject.toml` has the distributions.
EXTRAS: dict[str, tuple[str, tuple[str, ...]]] = {
    "images": (
        "images in files",
        ("PIL", "cv2", "fsspec", "grain", "pooch", "requests", "simplejpeg"),
    ),
    "checkpoints": (
        "files of trained networks",
        ("flatbuffers", "h5py", "tflite"),
    ),
    "figures": ("figures as files", ("choreographer", "kaleido")),
    "torch": ("fvcore's counts, and the network in PyTorch", ("fvcore", "torch")),
    "keras": ("Keras's own checkpoints", ("keras",)),
    "ray": ("runs on a cluster", ("fsspec", "ray")),
    "runtimes": (
        "ONNX and TFLite files",
        ("ai_edge_litert", "flatbuffers", "litert_quantizer", "onnx", "onnxruntime", "openvino"),
    ),
}


def told(error: BaseException) -> str:
    """What to install where a library of an extra is missing; empty of any other error."""
    missing = (error.name or "").partition(".")[0] if isinstance(error, ImportError) else ""
    for extra, (what, modules) in EXTRAS.items():
        if missing in modules:
            return f"{what}: needs pip install 'mobilenet-sweep[{extra}]' (there is no {missing})"
    return ""
