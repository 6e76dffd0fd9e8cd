"""Discovery by entry points: nothing is imported, and whoever is wrong is named with the distribution."""

import subprocess
import sys

import pytest

import igo
from igo import cli
from igo.chains import registry
from igo.chains.config import parse_chain
from igo.cli import doctor
from igo.errors import ConfigError, RegistryError


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put distributions with entry points on the path."""

    def add(distribution, version="1.0", requires=(), **plugins):
        distribution = distribution.replace("_", "-")
        info = tmp_path / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        needed = "".join(f"Requires-Dist: {line}\n" for line in requires)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n{needed}")
        lines = [f"{name.replace('_', '-')} = {target}" for name, target in plugins.items()]
        (info / "entry_points.txt").write_text("\n".join(["[igo.plugins]", *lines]) + "\n")
        return tmp_path

    monkeypatch.syspath_prepend(str(tmp_path))
    return add


@pytest.fixture
def told(capsys):
    """Run ``igo`` and give its exit code, output and errors."""

    def run(*arguments):
        code = cli.run_command(list(arguments))
        return code, *capsys.readouterr()

    return run


PLUGIN = """
from dataclasses import dataclass
import igo

@dataclass(frozen=True)
class Film:
    @igo.hookimpl
    def observe(self, event): ...
"""


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
        "import sys, igo, igo.cli; from igo.chains import registry; registry.installed();"
        "heavy = {'torch', 'diffusers', 'transformers', 'cv2', 'numpy', 'pydantic'} & set(sys.modules);"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("importing", ["film", "igo_film_for_later:Film"])
def test_a_plugin_for_another_igo_is_refused_before_it_is_imported(importing, install, told):
    folder = install("igo-film", "2.1", ["pillow", "igo>=99,<100"], film="igo_film_for_later:Film")
    (folder / "igo_film_for_later.py").write_text("raise SystemExit('imported')")
    message = (
        f"plugin 'film' of igo-film 2.1 needs igo<100,>=99, and this is igo {igo.__version__}; "
        "install versions that fit: pip install --upgrade igo igo-film"
    )
    with pytest.raises(RegistryError) as caught:
        registry.load(importing)
    assert str(caught.value) == message
    with pytest.raises(ConfigError, match=r"^chain:2: plugin 'film' of igo-film 2.1 needs igo<100,>=99, and this is"):
        parse_chain(f'[[step]]\nuse = "{importing}"\n')
    assert told("plugins") == (0, told("plugins")[1], f"igo: {message}\n")
    assert told("plugins", "film") == (2, "", f"igo: {message}\n")
    code, output, _ = told("doctor")
    assert code == 1
    assert f"wrong: {message}\n" in output
    assert output.count("wrong: ") == 1
    assert "imported" not in output


@pytest.mark.parametrize(
    "requires",
    [
        [],
        ["igo"],
        ["IGO >=0.1"],
        [f"igo>={igo.__version__},<99"],
        ["igo>=0.1", "igo<99"],
        ["igo[realesrgan]>=0.1"],
        ["igo>=99; python_version < '3'"],
        ["igo>=99; extra == 'later'"],
        ["igor>=99", "igo-film-grain==7"],
        ["igo at the seaside"],
    ],
    ids=str,
)
def test_a_plugin_that_fits_is_loaded(requires, install):
    folder = install("igo-film", requires=requires, film="igo_film_that_fits:Film")
    (folder / "igo_film_that_fits.py").write_text(PLUGIN)
    assert registry.problems() == []
    assert registry.load("film").__name__ == "Film"


def test_the_next_version_of_igo_counts_before_it_is_released(install, monkeypatch):
    monkeypatch.setattr(registry, "version_of", lambda name: "0.2.0.dev3")
    install("igo-film", requires=["igo>=0.1,<0.3"], film="a:A")
    assert registry.find("film").misfit is None


def test_nobody_takes_a_name_of_igos_own(install, told):
    folder = install("igo-film", **{"text-to-image": "igo_film_in_disguise:Film", "film": "igo_film_in_disguise:Film"})
    (folder / "igo_film_in_disguise.py").write_text(PLUGIN)
    assert registry.load("text-to-image") is igo.TextToImage
    assert registry.name_of(igo.TextToImage) == "text-to-image"
    assert registry.name_of(registry.load("igo_film_in_disguise:Film")) == "film"
    message = "plugin 'text-to-image' of igo-film 1.0 has the name of one of IGO's own, which is used instead"
    assert message in told("plugins")[2]
    assert f"wrong: {message}" in told("doctor")[1]


def test_a_class_whose_name_somebody_else_claims_is_written_by_its_module(install):
    folder = install("igo-film", film="igo_film_twice:Film")
    install("igo-grain", film="igo_grain:Film")
    (folder / "igo_film_twice.py").write_text(PLUGIN)
    cls = registry.load("igo_film_twice:Film")
    assert registry.name_of(cls) == "igo_film_twice:Film"
    assert isinstance(parse_chain(igo.Chain(cls()).to_toml()).chain.steps[0].plugin, cls)


HARMFUL = {
    "raises": "raise RuntimeError('two\\nlines')",
    "hangs": "import subprocess, time; subprocess.Popen(['sleep', '9']); time.sleep(60)",  # its child outlives it
    "ends": "import os; os._exit(7)",
    "exits": "raise SystemExit(0)",
    "chatters": "print('hello'); import sys; print('igo', file=sys.stderr)" + PLUGIN,
    "poisons": "import sys, igo.errors; sys.modules['igo.chains.step'] = igo.errors.IGOError = None" + PLUGIN,
    "fine": PLUGIN,
}


@pytest.mark.slow
def test_a_plugin_that_fails_hangs_or_crashes_harms_nobody_else(install, told, monkeypatch):
    monkeypatch.setattr(doctor, "IMPORT_LIMIT", 10)
    for name, source in HARMFUL.items():
        folder = install(f"igo-{name}", **{name: f"igo_harm_{name}:Film"})
        (folder / f"igo_harm_{name}.py").write_text(source)
    code, output, _ = told("doctor")
    assert code == 1
    wrong = {line.split("'")[1]: line for line in output.splitlines() if line.startswith("wrong: plugin ")}
    assert wrong == {
        name: f"wrong: plugin '{name}' of igo-{name} 1.0 can't be imported ({reason})"
        for name, reason in {
            "raises": "RuntimeError: two lines",
            "hangs": "it takes longer than 10 seconds",
            "ends": "it ends Python with exit code 7",
            "exits": "SystemExit: 0",
        }.items()
    }
    for name in ("fine", "poisons", "chatters", "text-to-image", "virtual-styling"):
        assert f"plugin {name} (ig" in output
    assert not [name for name in sys.modules if name.startswith("igo_harm_")], "none was imported here"
    assert registry.load("fine").__name__ == "Film"
