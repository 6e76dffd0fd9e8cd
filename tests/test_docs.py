"""What the documents say, runs and is complete: blocks, commands, chain files, pictures, links, hooks, public names."""

import inspect
import re
from importlib import import_module

import pytest

import igo
from igo import hookspecs
from tests.pages import DOCS, FOLLOWED, PAGES, ROOT, blocks, pictures, run

LONG = [ROOT / "README.md", *(DOCS / f"{name}.md" for name in ("chains", "exactness", "index", "mini", "replay"))]
"""Pages that paint for long."""


def each(pages):
    return pytest.mark.parametrize("page", pages, ids=lambda page: str(page.relative_to(ROOT)))


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(
            page,
            id=str(page.relative_to(ROOT)),
            marks=pytest.mark.pictures if pictures(page) else pytest.mark.slow if page in LONG else (),
        )
        for page in PAGES
        if page != FOLLOWED
    ],
)
def test_a_page_runs_from_top_to_bottom(page, tmp_path, monkeypatch, capsys):
    """And the pictures that it shows are those that its commands make, but for what WebP and another machine lose."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    run(page, output=lambda: "".join(capsys.readouterr()))
    for shown, made in pictures(page).items():
        assert difference(shown, made) < 4, f"{shown.name} is not what {page.name} makes: make pictures, and look at it"


def difference(one, other):
    """How many levels two pictures of one size differ by, on average."""
    from PIL import Image, ImageChops, ImageStat

    first, second = (Image.open(path).convert("RGB") for path in (one, other))
    assert first.size == second.size
    return sum(ImageStat.Stat(ImageChops.difference(first, second)).mean) / 3


@each(PAGES)
def test_make_targets_and_linked_files_exist(page):
    text, makefile = page.read_text("utf-8"), (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"^make (?:\w+=\S+ )?(\w+)", text, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"make {target}"
    for link in re.findall(r"\]\(([^)#]+)", text):
        if not link.startswith("http"):
            assert (page.parent / link).exists(), link


@pytest.mark.parametrize("hook", hookspecs.RESULT_TYPES)
def test_every_hook_is_documented_with_its_signature_and_an_example(hook):
    text = (DOCS / "hooks.md").read_text("utf-8")
    signature = f"{hook}({', '.join(inspect.signature(getattr(hookspecs, hook)).parameters)})"
    section = re.search(rf"^## `{re.escape(signature)}`\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    assert section, f"docs/hooks.md has no section `{signature}`"
    example = rf"^```python\n(?:(?!^```).)*@igo\.hookimpl\n    def {hook}\("
    assert re.search(example, section[1], re.DOTALL | re.MULTILINE), f"docs/hooks.md has no example of {hook}"


@pytest.mark.parametrize(
    ("module", "page"),
    [
        ("igo", "igo"),
        ("igo.hookspecs", "hookspecs"),
        ("igo.images", "images"),
        ("igo.images.compositing", "compositing"),
        ("igo.measures", "measures"),
        ("igo.licensing", "licensing"),
        ("igo.errors", "errors"),
        ("igo.batch", "batch"),
        ("igo.testing", "testing"),
        ("igo_plugins", "plugins"),
    ],
)
def test_every_public_signature_is_documented(module, page):
    """By name in docs/api/, or with its whole module; what has no docstring is left out there."""
    text = (DOCS / "api" / f"{page}.md").read_text("utf-8")
    documented = re.findall(r"^::: (\S+)$", text, re.MULTILINE)
    for name, thing in public(import_module(module)).items():
        assert {module, f"{module}.{name}"} & set(documented), f"docs/api/{page}.md has no ::: {module}.{name}"
        assert inspect.getdoc(thing), f"{module}.{name}"
        for member, value in vars(thing).items() if inspect.isclass(thing) else ():
            if not member.startswith("_") and (inspect.isfunction(value) or isinstance(value, property)):
                assert inspect.getdoc(value), f"{module}.{name}.{member}"


def public(module):
    """The classes and functions that a module offers: its ``__all__``, hooks, or what it defines."""
    names = getattr(module, "__all__", None) or [
        name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__
    ]
    if module is hookspecs:
        names = list(hookspecs.RESULT_TYPES)
    found = {name: getattr(module, name) for name in names if not name.startswith("_")}
    return {name: thing for name, thing in found.items() if inspect.isclass(thing) or inspect.isfunction(thing)}


def test_every_setting_of_the_bundled_plugins_is_documented():
    """In the class itself, from where `igo plugins NAME` and the reference take it; a setting that stands in the
    signature alone is one that only its author understands."""
    import igo_plugins
    from igo.chains.settings import settings_of

    for cls in (igo.TextToImage, *(getattr(igo_plugins, name) for name in igo_plugins.__all__)):
        for setting in settings_of(cls):
            assert setting.help, f"{cls.__name__}.{setting.name}"


def test_the_command_reference_has_every_command_and_option():
    import typer

    from igo.cli import app
    from mkdocs_hooks import PLACE, commands, on_page_markdown

    text = commands()
    assert on_page_markdown(f"before {PLACE}") == f"before {text}"
    assert PLACE in (DOCS / "cli.md").read_text("utf-8")

    def look(command, path):
        assert f"# `{path}`\n" in text
        for option in (option for parameter in command.params for option in parameter.opts):
            assert option in text or not option.startswith("-"), f"{path} {option}"
        for name, inner in getattr(command, "commands", {}).items():
            look(inner, f"{path} {name}")

    look(typer.main.get_command(app), "igo")


def test_every_page_is_in_the_navigation():
    navigation = (ROOT / "mkdocs.yml").read_text("utf-8")
    for page in DOCS.glob("*.md"):
        assert f": {page.name}\n" in navigation, f"{page.name} is not in mkdocs.yml"


def test_fences_are_ones_that_run_or_say_that_they_do_not():
    """A misspelt language would leave a block out in silence."""
    for page in PAGES:
        for block in blocks(page):
            assert block.language in ("python", "toml", "sh", "console", "text", "json") or (
                block.language == "csv" and block.title
            ), f"{page}: {block.language}"
