"""Results folders in which every text that somebody could choose means harm."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import tomli_w

from tests.fuzz.results import write_sound

TERMINAL = "\x1b]0;owned\x07\x1b[31mred\x9b31m\x00\r\u202egnp.exe\u2066\u2028"
MARKUP = "[bold red]rich[/bold red][link=file:///etc/passwd]here[/link]"
HTML = "<script>alert(1)</script><img src=x onerror=alert(2)><!--</script><svg onload=alert(3)>"
PLOTLY = '<a href="javascript:alert(4)">click</a><b>bold</b>%{x}'
TEMPLATE = "{{ 7 * 191 }}{% raw %}"
PARTS = (TERMINAL, MARKUP, HTML, PLOTLY, TEMPLATE)
HOSTILE = "".join(PARTS)
READERS = ("report", "show", "compare", "pick", "check")


def shuffled(seed: int) -> str:
    """Pieces of the hostile texts in random order."""
    drawn = random.Random(seed)  # noqa: S311 - no secret
    whole = "".join(drawn.sample(PARTS, len(PARTS)))
    cuts = sorted(drawn.sample(range(len(whole)), 6))
    pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, None], strict=True)]
    drawn.shuffle(pieces)
    return "".join(pieces)


def poisoned(folder: Path, text: str = HOSTILE) -> Path:
    """A sound run of three points, but for its texts."""
    write_sound(folder)
    table = pq.read_table(folder / "readings.parquet")
    rows = table.to_pylist()
    for row in rows:
        row["commit"] = row["time"] = row["versions"] = row["unit"] = text
        if not row["metric"].startswith("layer"):
            row["title"] = row["note"] = text
            row["artefacts"] = [text, "../run.json"]
        if row["dataset"]:
            row["dataset"] = text
        if row["runtime"]:
            row["runtime"] = row["precision"] = text
        if row["layer"] == "conv_0":
            row["layer"] = text
        if row["metric"] == "mult_adds_fvcore":
            row["value"], row["reason"] = None, text
    extra = [dict(row, metric=text, variant="") for row in rows if row["metric"] == "weights"]
    pq.write_table(pa.Table.from_pylist(rows + extra, table.schema), folder / "readings.parquet")
    # JSON and TOML of a run have no zero characters: `sweep.settings.toml_data` refuses them.
    text = text.replace("\x00", "")
    facts = dict.fromkeys(("cpu", "system", "device", "python", text), text)
    change(folder / "machine.json", facts | {"versions": {text: text}})
    run = {"command": text, "commit": text, "started": text, "stage_s": {text: 1.0}}
    change(folder / "run.json", run)
    settings = {"name": text, "grid": {"alpha": [text]}, text: {text: text}}
    (folder / "settings.toml").write_text(tomli_w.dumps(settings), "utf-8")
    return folder


def change(path: Path, values: Mapping[str, object]) -> None:
    """Puts values into a JSON object."""
    path.write_text(json.dumps(json.loads(path.read_text()) | dict(values)))
