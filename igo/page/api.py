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


def _value(parameter: dict[str, Any]) -> str:
    if parameter["component"] == "Image":
        return 'handle_file("me.png")'
    return repr(parameter["parameter_default"])
