"""``igo show``: the record that a picture carries."""

import json
from pathlib import Path
from typing import Annotated

import typer

from igo.cli.command import Commands
from igo.cli.printing import echo


def register(app: Commands) -> None:
    app.command()(show)


def show(
    picture: Annotated[Path, typer.Argument(help="A picture that IGO saved.")],
    as_json: Annotated[bool, typer.Option("--json", help="The whole record as JSON.")] = False,
) -> None:
    """Print how a picture was made: its chain, request, seed, models and versions."""
    from igo.images import read_text
    from igo.records.provenance import read_record

    record = read_record(picture)
    if as_json:
        echo(json.dumps(record, indent=2, ensure_ascii=False, sort_keys=True))
        return
    import tomlkit

    echo(read_text(picture).get("parameters", ""))
    echo("\n# chain")
    if record["chain"] is None:
        echo(f"not written down: {record.get('why', '')}")
    else:
        echo(tomlkit.dumps(record["chain"]).strip())
    inputs = {
        name: f"{origin['name'] or 'unnamed'} {origin['width']}x{origin['height']} sha256:{origin['sha256']}"
        for name, origin in record["inputs"].items()
    }
    for title, table in (("inputs", inputs), ("models", record["models"]), ("stack", record["stack"])):
        if table:
            echo(f"\n# {title}")
        for name, value in table.items():
            echo(f"{name}: {value}")
