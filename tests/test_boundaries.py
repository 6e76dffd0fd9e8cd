"""What may import what: folders in one downward order, no circle, and plugins that get no more than an outsider."""

import ast
import tomllib
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CORE = sorted((ROOT / "igo").rglob("*.py"))
PLUGINS = sorted((ROOT / "plugins").rglob("*.py"))
MODULES = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in CORE}

FLOORS = (
    ("errors",),
    ("files", "hub", "notebooks"),
    ("licensing",),
    ("values", "networks", "embedded", "wardrobe", "runtime", "images"),
    ("compositing", "hookspecs", "measures"),
    ("records",),
    ("chains",),
    ("painting",),
    ("testing", "training.data"),
    ("training.loop",),
    ("training.tasks",),
    ("training.adapters",),
    ("training",),
    ("mini",),
    ("serving",),
    ("batch",),
    ("page",),
    ("cli",),
    ("__main__",),
)
"""From the ground up. What stands on one floor may import what lies below it, and its own folder; the package ``igo``
itself, which only lends names, may be imported from everywhere but by what it lends."""
HEAVY = {"torch", "diffusers", "transformers", "accelerate", "peft", "cv2", "numpy", "safetensors", "pydantic"}
HEAVY |= {"pandas", "pyarrow", "ray"}
LIGHT = ("errors", "files", "licensing", "notebooks", "values", "hookspecs", "runtime", "chains", "records")
LIGHT += ("batch", "cli")
"""What is imported with these is light; all that is heavy, they import inside functions."""
ONE_BY_ONE = ("painting.text_to_image", "painting.checkpoints.checkpoint")
"""The same for these files of folders that are not."""
FOR_PROGRAMS = {"igo", "igo.errors", "igo.images"}
FOR_PROGRAMS |= {"igo.chains.config", "igo.chains.settings"}  # chain files, and the settings of steps
FOR_PROGRAMS |= {"igo.chains.registry"}  # what is installed
FOR_PROGRAMS |= {"igo.files", "igo.notebooks"}  # texts in, files out whole, and quantities as people read them
"""What batches and the page may import beside their own folders: what any program may that is built on chains."""
FOR_BATCHES = FOR_PROGRAMS | {"igo.records.look", "igo.records.paths"}  # pictures' names, and the files a chain names
FOR_PAGES = FOR_PROGRAMS | {"igo.batch", "igo.chains.chain", "igo.painting.prompts.reading"}
FOR_PLUGINS = {"igo", "igo.errors", "igo.images", "igo.compositing", "igo.testing", "igo.values", "igo.hookspecs"}
FOR_PLUGINS |= {"igo.embedded"}  # which says where embedded weights lie
FOR_PLUGINS |= {"igo.painting.prompts"}  # which read prompts as the base does
FOR_PLUGINS |= {"igo.painting.samplers", "igo.painting.schedulers"}  # by which a pipeline gets another scheduler
FOR_PLUGINS |= {"igo.hub"}  # which fetches what isn't here
FOR_PLUGINS |= {"igo.licensing"}  # which fetches it with its card
FOR_PLUGINS |= {"igo.files"}  # which tell what is no file
FOR_PLUGINS |= {"igo.networks"}  # which training and plugins share
FOR_PLUGINS |= {"igo.painting.previews"}  # which make what is being painted a picture
FOR_PLUGINS |= {"igo.painting.engines"}  # which compute what a chain paints by
FOR_PLUGINS |= {"igo.painting.checkpoints"}  # which read the models of a checkpoint, safely
FOR_PLUGINS |= {"igo.chains.gathering"}  # by which what paints makes one batch of what several calls want
FOR_PLUGINS |= {"igo.serving.protocol"}  # which a server and its clients share


def imports(path, everywhere=True):
    """The modules that a file imports: all of them, those for type checkers too, or those that come with it."""
    tree = ast.parse(path.read_text("utf-8"))
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if not everywhere
        and (
            (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
            or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        )
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports are not used"
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in MODULES else node.module for name in inner)


def floor(module):
    """How high the folder of a module lies, and its name: the longest that is listed."""
    parts = module.split(".")[1:]
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        for height, names in enumerate(FLOORS):
            if name in names:
                return height, name
    raise AssertionError(f"{module} stands on no floor; give it one in FLOORS")


@pytest.mark.parametrize("module", sorted(MODULES.keys() - {"igo"}))
def test_imports_lead_downward(module):
    height, own = floor(module)
    for name in set(imports(MODULES[module])):
        assert name.split(".")[0] != "igo_plugins", "plugins come by entry points"
        if name.startswith("igo."):
            below, other = floor(name)
            assert below < height or other == own, f"{module} imports {name}, which is not below it"


def test_no_files_import_each_other_in_a_circle():
    """Through the package ``igo`` neither: it imports whatever it lends names of."""
    graph = {name: {other for other in imports(path) if other in MODULES} for name, path in MODULES.items()}
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"a circle: {' → '.join(reversed(error.args[1]))}")


def test_the_top_is_small():
    assert len([path for path in (ROOT / "igo").iterdir() if path.is_file()]) <= 8


@pytest.mark.parametrize("module", sorted(MODULES))
def test_what_is_light_imports_what_is_heavy_inside_functions(module):
    name = module.removeprefix("igo.")
    if name.split(".")[0] in LIGHT or name in ONE_BY_ONE:
        found = {other.split(".")[0] for other in imports(MODULES[module], everywhere=False)}
        assert not found & HEAVY


@pytest.mark.parametrize("path", sorted((ROOT / "igo" / "cli").rglob("*.py")), ids=lambda path: path.name)
def test_commands_print_in_one_place(path):
    """``igo.cli.printing`` takes out what would steer a terminal."""
    called = {ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text("utf-8"))) if type(node) is ast.Call}
    if path.name != "printing.py":
        assert not called & {"print", "typer.echo", "typer.secho", "sys.stdout.write", "sys.stderr.write"}


@pytest.mark.parametrize(("folder", "may"), [("batch", FOR_BATCHES), ("page", FOR_PAGES)])
def test_batches_and_the_page_import_what_any_program_may(folder, may):
    for path in sorted((ROOT / "igo" / folder).rglob("*.py")):
        theirs = {name for name in imports(path) if name.split(".")[0] == "igo" and name.split(".")[1:2] != [folder]}
        assert {name if name in may else name.rpartition(".")[0] for name in theirs} <= may, path.name


@pytest.mark.parametrize("path", CORE + PLUGINS, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_but_the_page_imports_gradio(path):
    """Which takes seconds, and is an extra."""
    if path.parent.name != "page":
        assert "gradio" not in {module.split(".")[0] for module in imports(path)}


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: path.name)
def test_plugins_import_what_an_outsider_may(path):
    every = {other.stem for other in (ROOT / "plugins").glob("*.py")} - {"__init__"}
    theirs = {module.split(".")[1] for module in imports(path) if module.startswith("igo_plugins.")}
    if path.name != "__init__.py":
        assert not theirs & every, "plugins never import each other; what a plugin is made of is a package beside it"
    found = {module for module in imports(path) if module.split(".")[0] == "igo"}
    assert {module if module in FOR_PLUGINS else module.rpartition(".")[0] for module in found} <= FOR_PLUGINS


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: path.name)
def test_plugins_ask_whether_they_may_load_what_they_fetch(path):
    """``place_of`` and ``fetch`` are given a runtime's ``permit``, and the hub itself is asked for no weights."""
    for call in (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if type(node) is ast.Call):
        called = ast.unparse(call.func)
        assert called != "hub.fetch", "igo.licensing.fetch asks about the licence before"
        if called.rpartition(".")[2] in ("place_of", "fetch"):
            assert "permit" in ast.unparse(call), f"{path.name}: {ast.unparse(call)}"


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
