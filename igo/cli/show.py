"""``igo show``: the record that a picture carries."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from igo.cli.command import Commands
from igo.cli.printing import echo, escaped, one_line

LONGEST_CHAIN = 20_000
"""Characters of a chain that is printed as a chain file; a longer one is no chain that anybody wrote."""


def register(app: Commands) -> None:
    app.command()(show)


def show(
    picture: Annotated[Path, typer.Argument(help="A picture that IGO saved, or another tool.")],
    as_json: Annotated[bool, typer.Option("--json", help="The whole record as JSON.")] = False,
) -> None:
    """Print how a picture was made: its chain, request, seed, models and versions; of another tool, what is there."""
    from igo.errors import ProvenanceError
    from igo.images import read_text
    from igo.records.provenance import parse_record

    text = read_text(picture)
    if not text:
        raise ProvenanceError(f"{picture} carries no record of IGO, nor another tool's; expected a picture with one")
    found: Mapping[str, Any] = text
    if "igo" in text:
        try:
            found = parse_record(text["igo"])
        except ProvenanceError as error:
            raise ProvenanceError(f"{picture}{error}") from None
    if as_json:
        echo(escaped(json.dumps(found, indent=2, ensure_ascii=False, sort_keys=True)))
    elif "igo" in text:
        echo(text.get("parameters", ""))
        _show(found)
    else:
        echo("# no record of IGO; what another tool left:")
        for name, value in text.items():
            echo(f"\n# {one_line(name)}\n{_readable(value)}")


def _show(record: Mapping[str, Any]) -> None:
    echo("\n# chain")
    chain = record.get("chain")
    echo(_as_toml(chain) if isinstance(chain, dict) else f"not written down: {one_line(str(record.get('why', '')))}")
    references = record.get("references", [])
    inputs = {
        name: f"{'reference ' * (name in references)}{origin['name'] or 'unnamed'} "
        f"{origin['width']}x{origin['height']} sha256:{origin['sha256']}"
        for name, origin in record["inputs"].items()
    }
    licenses = record.get("licenses", {})
    told = {name: f" (licence: {licenses[name]})" if name in licenses else "" for name in record["models"]}
    models = {name: f"{identity}{told[name]}" for name, identity in record["models"].items()}
    lossy = {str(entry.get("step")): str(entry["lossy"]) for entry in record["history"] if "lossy" in entry}
    tables = {"inputs": inputs, "models": models, "given up for speed": lossy}
    for title in ("inputs", "models", "given up for speed", "files", "stack"):
        table = tables[title] if title in tables else record.get(title, {})
        if table:
            echo(f"\n# {title}")
        for name, value in table.items():
            echo(one_line(f"{name}: {value}"))
    for name, made in record.get("made_from", {}).items():
        echo(f"\n# how the input '{one_line(name)}' was made")
        _show_earlier(made)


def _show_earlier(made: Any) -> None:
    """What a record keeps of how an input was made, and of how its inputs were. Nobody has checked it."""
    while isinstance(made, dict):
        request, chain = made.get("request"), made.get("chain")
        if isinstance(request, dict) and request.get("prompt"):
            echo(str(request["prompt"]))
        echo(f"Seed: {made['seed']}, Version: IGO {made.get('igo')}" if "seed" in made else made.get("parameters", ""))
        if isinstance(chain, dict):
            echo(_as_toml(chain))
        earlier = made.get("made_from")
        made = next(iter(earlier.values()), None) if isinstance(earlier, dict) else None
        if made is not None:
            echo("\n# from what was made so")


def _as_toml(chain: Mapping[str, Any]) -> str:
    """A chain as a chain file, the plugin's name first in each step; as JSON what no such file can hold."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    steps = chain.get("step")
    if isinstance(steps, list) and all(isinstance(step, dict) for step in steps):
        named = [{"use": step["use"], **step} if "use" in step else step for step in steps]
        chain = {**chain, "step": named}
    document = json.dumps(chain, indent=2, ensure_ascii=False)
    if len(document) > LONGEST_CHAIN:
        return document
    try:
        return tomlkit.dumps(chain).strip()
    except (TOMLKitError, TypeError, ValueError):
        return document


def _readable(value: str) -> str:
    """Text as it is, and JSON, which other tools write without a line end, in lines."""
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return json.dumps(found, indent=2, ensure_ascii=False) if isinstance(found, dict | list) else value
