"""What may import what: the layers of the core, and plugins that get no more than an outsider."""

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CORE = sorted((ROOT / "igo").rglob("*.py"))
PLUGINS = sorted((ROOT / "plugins").rglob("*.py"))

LAYERS = ("errors", "values", "hookspecs", "step", "run", "chain", "config", "replaying", "cli")
"""Each may import those before it."""
ONLY = {
    "errors": set(),
    "registry": {"errors"},
    "runtime": {"errors"},
    "images": {"errors", "images"},
    "compositing": {"errors"},
    "mini": {"errors", "mini", "training", "networks", "prompts"},
    "networks": {"errors", "networks"},
    "hookspecs": {"errors", "values", "runtime"},
    "testing": {"errors", "values", "hookspecs", "step", "run", "chain", "config", "settings", "testing"},
}
HEAVY = {"torch", "diffusers", "transformers", "accelerate", "peft", "cv2", "numpy", "safetensors", "pydantic"}
LIGHT = ("errors", "values", "hookspecs", "step", "run", "chain", "config", "replaying", "look", "registry", "runtime")
FOR_PLUGINS = {"igo", "igo.errors", "igo.images", "igo.compositing", "igo.testing", "igo.values", "igo.hookspecs"}
FOR_PLUGINS |= {"igo.mini"}  # which is light, and says where embedded weights lie
FOR_PLUGINS |= {"igo.networks"}  # which training and plugins share


def imports(path, everywhere=True):
    """The modules that a file imports: all of them, or those that are imported with it."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        node.checked = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if node.checked or (not everywhere and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda))
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports are not used"
            yield node.module
            if node.module == "igo":
                yield from (f"igo.{alias.name}" for alias in node.names)


def part(module):
    """``igo.images.reading`` → ``images``."""
    return module.split(".")[1] if module.startswith("igo.") else None


def own_part(path):
    return path.relative_to(ROOT / "igo").with_suffix("").parts[0]


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_core_keeps_its_layers(path):
    mine, found = own_part(path), {part(module) for module in imports(path, everywhere=False)} - {None}
    if mine in ONLY:
        assert found <= ONLY[mine]
    if mine in LAYERS:
        assert not found & set(LAYERS[LAYERS.index(mine) + 1 :])
    if mine in ("chain", "run", "step"):
        assert "text_to_image" not in {part(module) for module in imports(path)}
    assert not any(module.split(".")[0] == "igo_plugins" for module in imports(path)), "plugins come by entry points"


@pytest.mark.parametrize("name", LIGHT)
def test_light_modules_import_nothing_heavy(name):
    found = {module.split(".")[0] for module in imports(ROOT / "igo" / f"{name}.py", everywhere=False)}
    assert not found & (HEAVY | {"PIL"} if name not in ("replaying",) else HEAVY)


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(ROOT)))
def test_cli_and_plugin_modules_import_what_is_heavy_inside_functions(path):
    if own_part(path) in ("cli", "text_to_image", "progress", "settings", "provenance", "checkpoint"):
        assert not {module.split(".")[0] for module in imports(path, everywhere=False)} & HEAVY


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: path.name)
def test_plugins_import_what_an_outsider_may(path):
    every = {other.stem for other in (ROOT / "plugins").glob("*.py")} - {"__init__"}
    found = {module for module in imports(path) if module.split(".")[0] == "igo"}
    theirs = {module.split(".")[1] for module in imports(path) if module.startswith("igo_plugins.")}
    if path.name != "__init__.py":
        assert not theirs & every, "plugins never import each other; what a plugin is made of is a package beside it"
    assert {module if module in FOR_PLUGINS else module.rpartition(".")[0] for module in found} <= FOR_PLUGINS


@pytest.mark.parametrize("path", CORE + PLUGINS, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_can_be_read_in_one_sitting(path):
    assert len(path.read_text("utf-8").splitlines()) <= 350


def test_every_package_is_in_the_distribution():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    here = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "igo").rglob("__init__.py")}
    here |= {
        ".".join(("igo_plugins", *path.parent.relative_to(ROOT / "plugins").parts))
        for path in (ROOT / "plugins").rglob("__init__.py")
    }
    assert set(listed) == here
