"""``igo show``: the record that a picture carries."""

import json
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command()(show)


def show(
    picture: Annotated[Path, typer.Argument(help="A picture that IGO saved.")],
    as_json: Annotated[bool, typer.Option("--json", help="The whole record as JSON.")] = False,
) -> None:
    """Print how a picture was made: its chain, request, seed, models and versions."""
    from igo.images import read_text
    from igo.provenance import read_record

    record = read_record(picture)
    if as_json:
        typer.echo(json.dumps(record, indent=2, ensure_ascii=False, sort_keys=True))
        return
    import tomlkit

    typer.echo(read_text(picture)["parameters"])
    typer.echo("\n# chain")
    if record["chain"] is None:
        typer.echo(f"not written down: {record.get('why')}")
    else:
        typer.echo(tomlkit.dumps(record["chain"]).strip())
    for title in ("inputs", "models", "stack"):
        if record[title]:
            typer.echo(f"\n# {title}")
        for name, value in record[title].items():
            if isinstance(value, dict):
                value = f"{value['name'] or 'unnamed'} {value['width']}x{value['height']} sha256:{value['sha256']}"
            typer.echo(f"{name}: {value}")
