"""A new plugin's package, written from the templates in ``igo/cli/templates``."""

from __future__ import annotations

import importlib.util
import json
import keyword
import re
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from string import Template

from igo.chains import registry
from igo.errors import SettingsError, did_you_mean
from igo.files import write_folder

TEMPLATES = Path(__file__).parent / "templates"
HOOKS = {
    "postprocess": "A colour laid over the picture",
    "preprocess": "Words added to every prompt",
    "provide": "A mask of what has a colour",
    "generate": "The best of several pictures",
    "base": "Pictures from a service",
    "prepare": "FreeU for the base's UNet",
    "condition": "A guidance that doesn't overexpose",
}
"""The hooks that there is a template for, and what it does; ``base`` is a ``generate`` that asks nobody else."""
BASE = {"python": 'igo.TextToImage("mini"), ', "toml": '[[step]]\nuse = "text-to-image"\ncheckpoint = "mini"\n\n'}
"""What stands before a plugin that is no base."""
LONGEST = 40
"""Characters of a plugin's name; the templates' lines are short enough for as many."""
LICENSES = ("Apache-2.0", "BSD-3-Clause", "MIT")
PACKAGE = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "LICENSE": "licenses/$license",
    ".gitignore": "gitignore",
    ".github/workflows/test.yml": "workflow.yml",
    "conftest.py": "conftest.py",
    "src/$module/__init__.py": "hooks/$hook/plugin.py",
    "src/$module/py.typed": "",
    "tests/test_$module.py": "hooks/$hook/test_plugin.py",
}
"""Each file of a package, and its template; an empty file has none."""


@dataclass(frozen=True)
class Names:
    """What a plugin is called: ``igo-film-look``, ``igo_film_look``, ``film-look``, ``FilmLook``."""

    distribution: str
    module: str
    plugin: str
    class_name: str


def names_of(name: str) -> Names:
    """The names of a plugin's parts, from any of ``film-look``, ``film_look`` and ``igo-film-look``.

    Raises ``SettingsError`` for a name that PyPI or Python wouldn't take, and for one that is taken here.
    """
    plugin = re.sub(r"[-_.]+", "-", name).lower().removeprefix("igo-")
    class_name = "".join(part.capitalize() for part in plugin.split("-"))
    if not re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", plugin) or len(plugin) > LONGEST:
        raise SettingsError(
            f"the name is {name!r}; expected up to {LONGEST} letters, digits and '-', a letter first and no '-' last, "
            "such as film-look"
        )
    if keyword.iskeyword(class_name) or class_name in _imported():
        raise SettingsError(
            f"the class of a plugin '{plugin}' would be {class_name}, which is taken; use a longer name"
        )
    module = f"igo_{plugin.replace('-', '_')}"
    if plugin in {offered.name for offered in registry.installed()} or importlib.util.find_spec(module) is not None:
        raise SettingsError(f"a plugin '{plugin}', or its module {module}, is installed already; choose another name")
    return Names(f"igo-{plugin}", module, plugin, class_name)


def write_plugin(name: str, folder: Path | None, hook: str, license: str, author: str | None) -> Path:  # noqa: A002
    """Write a whole package: one plugin, its tests, and all that is needed to publish it. Returns its folder.

    ``folder`` is made, by default ``igo-NAME`` here; there may be an empty one. All or nothing is written. Raises
    ``SettingsError``.
    """
    for option, value, choices in (("hook", hook, tuple(HOOKS)), ("license", license, LICENSES)):
        if value not in choices:
            raise SettingsError(f"there is no {option} '{value}' to choose; {did_you_mean(value, choices)}")
    names = names_of(name)
    author = (author or f"The {names.distribution} authors").strip()
    if not author.isprintable():
        raise SettingsError(f"the author is {author!r}; expected a name in one line")
    values = {
        **asdict(names),
        "hook": hook,
        "summary": HOOKS[hook],
        "license": license,
        "author": author,
        "author_quoted": json.dumps(author, ensure_ascii=False),
        "requires": fitting(version("igo")),
        **{f"after_{name}": "" if hook == "base" else text for name, text in BASE.items()},
    }
    folder = folder or Path(names.distribution)
    files = {_filled(path, values): _content(template, values) for path, template in PACKAGE.items()}
    write_folder(folder, files, more=" with --output")
    return folder


def fitting(here: str) -> str:
    """The versions that a plugin written today fits: ``">=0.1,<0.2"`` as long as minor versions may break it."""
    major, minor = (int(part) for part in re.match(r"(\d+)\.(\d+)", here).groups())  # type: ignore[union-attr]
    return f">={major}.{minor},<{f'0.{minor + 1}' if major == 0 else major + 1}"


def _content(template: str, values: dict[str, str]) -> str:
    if not template:
        return ""
    return _filled((TEMPLATES / f"{_filled(template, values)}.template").read_text("utf-8"), values)


def _filled(text: str, values: dict[str, str]) -> str:
    return Template(text).substitute(values)


def _imported() -> set[str]:
    """The names that the templates of Python files import."""
    texts = [path.read_text("utf-8") for path in TEMPLATES.rglob("*.py.template")]
    lines = [
        line.rpartition("import")[2] for text in texts for line in text.splitlines() if re.match("from|import", line)
    ]
    return {name.strip() for line in lines for name in line.split(",")}
