"""`python -m sweep layers`: one network, layer by layer."""

from __future__ import annotations

from typing import Annotated

import typer

from sweep.cli.console import out, write_json
from sweep.cli.options import AsJson
from sweep.settings.config import GridSettings, SettingsError
from sweep.settings.registry import find


def layers(
    alpha: Annotated[float, typer.Option(help="Width multiplier, above 0.")] = 1.0,
    resolution: Annotated[int, typer.Option(help="Side of the input in pixels.")] = 224,
    kind: Annotated[str, typer.Option(help="separable, standard or shallow.")] = "separable",
    classes: Annotated[int, typer.Option(help="Outputs of the classifier.")] = 1000,
    as_json: AsJson = False,
) -> None:
    """The layers of one network: shapes, mult-adds, weights, and the share of each layer type."""
    from sweep.cli import json_answers
    from sweep.report.terminal import answers
    from sweep.settings.grid import point_at

    family = find("family", "mobilenet_v1")()
    if kind not in family.kinds:
        raise SettingsError(f'--kind = "{kind}": must be one of {", ".join(family.kinds)}')
    point = point_at(GridSettings(), family.name, kind, alpha, resolution)
    try:
        rows = family.layers(point, num_classes=classes)
    except ValueError as error:
        raise SettingsError(f"--{error}".replace("--num_classes", "--classes")) from None
    if as_json:
        write_json(json_answers.layers(rows))
    else:
        printed = (kind, alpha, resolution, classes) == ("separable", 1.0, 224, 1000)
        title = f"MobileNetV1 {point.label}"
        out.print(answers.layers(rows, title=title, beside_the_paper=printed))
