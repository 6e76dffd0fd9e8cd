"""Discovery by entry points: nothing is imported, and whoever is wrong is named with the distribution."""

import subprocess
import sys

import pytest

from igo import registry
from igo.errors import RegistryError


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put distributions with entry points on the path."""

    def add(distribution, version="1.0", **plugins):
        info = tmp_path / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        lines = [f"{name.replace('_', '-')} = {target}" for name, target in plugins.items()]
        (info / "entry_points.txt").write_text("\n".join(["[igo.plugins]", *lines]) + "\n")
        return tmp_path

    monkeypatch.syspath_prepend(str(tmp_path))
    return add


def test_the_base_is_registered_like_any_plugin():
    assert registry.find("text-to-image").distribution == "igo"
    assert registry.name_of(registry.load("text-to-image")) == "text-to-image"


def test_listing_imports_nothing(install):
    install("igo-broken", "2.1", broken="igo_no_such_module:Broken")
    assert "broken" in [plugin.name for plugin in registry.installed()]
    with pytest.raises(
        RegistryError, match=r"plugin 'broken' of igo-broken 2.1 can't be imported \(ModuleNotFoundError"
    ):
        registry.load("broken")


def test_two_distributions_with_one_name_are_an_error_that_names_both(install):
    install("igo-film", twice="a:A")
    install("igo-grain", "0.2", twice="b:B")
    with pytest.raises(
        RegistryError, match=r"two distributions offer a plugin 'twice': igo-film 1.0 and igo-grain 0.2"
    ):
        registry.load("twice")
    assert list(registry.conflicts(registry.installed())) == ["twice"]


def test_one_distribution_seen_twice_is_no_conflict(install, monkeypatch, tmp_path_factory):
    """An editable installation may stand on the path twice."""
    first = install("igo-film", film="a:A")
    second = tmp_path_factory.mktemp("again")
    for path in first.iterdir():
        target = second / path.name
        target.mkdir()
        for file in path.iterdir():
            (target / file.name).write_text(file.read_text())
    monkeypatch.syspath_prepend(str(second))
    assert registry.find("film").distribution == "igo-film"


def test_unknown_names_get_a_hint():
    with pytest.raises(RegistryError, match=r"no plugin 'text-to-imag' is installed; did you mean 'text-to-image'\?"):
        registry.load("text-to-imag")


def test_a_plugin_may_be_named_by_module_and_class(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text("class Film:\n    pass\nthing = 3\nraise_on_use = None\n")
    (tmp_path / "rude.py").write_text("raise RuntimeError('two\\nlines')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    cls = registry.load("mine:Film")
    assert registry.name_of(cls) == "mine:Film"
    assert registry.distribution_of(cls) is None
    with pytest.raises(RegistryError, match="'mine:thing' is a int; expected a class"):
        registry.load("mine:thing")
    with pytest.raises(RegistryError, match=r"'mine:Nope' can't be imported \(AttributeError"):
        registry.load("mine:Nope")
    with pytest.raises(RegistryError, match="is no installed plugin, and its module is not imported unless you trust"):
        registry.load("rude:Film", importing=False)
    with pytest.raises(RegistryError, match=r"^'rude:Film' can't be imported \(RuntimeError: two lines\)$"):
        registry.load("rude:Film")


def test_a_plugin_that_leaves_the_program_is_an_error_like_others(tmp_path, monkeypatch):
    (tmp_path / "leaves.py").write_text("raise SystemExit('bye')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(RegistryError, match=r"'leaves:Film' can't be imported \(SystemExit: bye\)"):
        registry.load("leaves:Film")


def test_importing_and_listing_leave_heavy_libraries_out():
    code = (
        "import sys, igo, igo.cli; from igo import registry; registry.installed();"
        "heavy = {'torch', 'diffusers', 'transformers', 'cv2', 'numpy', 'pydantic'} & set(sys.modules);"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
