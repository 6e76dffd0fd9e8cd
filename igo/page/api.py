"""How programs use the page: an example of each of its endpoints, by what gradio says of them."""

from __future__ import annotations

from typing import Any


def examples(blocks: Any, address: str) -> str:
    """A Python program that calls each endpoint with its defaults."""
    lines = ["from gradio_client import Client, handle_file", "", f"page = Client({address!r})"]
    for name, endpoint in blocks.get_api_info()["named_endpoints"].items():
        lines += ["", *(f"# {line}" for line in str(endpoint.get("description") or "").split("\n") if line)]
        lines.append("answer = page.predict(")
        for parameter in endpoint["parameters"]:
            lines.append(f"    {parameter['parameter_name']}={_value(parameter)},  # {parameter['label']}")
        lines += [f"    api_name={name!r},", ")"]
    return "\n".join(lines)


FILES = {"Image": "me.png", "File": "batch.zip"}
"""What stands for a file of the user's, by gradio's name of the component."""


def _value(parameter: dict[str, Any]) -> str:
    if name := FILES.get(parameter["component"]):
        return f'handle_file("{name}")'
    return repr(parameter["parameter_default"])
