"""``igo doctor``: what this installation can do, and what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from igo.cli import options
from igo.cli.command import Commands
from igo.cli.printing import echo
from igo.notebooks import quantities

if TYPE_CHECKING:
    from igo.chains.registry import Plugin
    from igo.licensing import License
    from igo.runtime import Runtime

LIBRARIES = ("torch", "diffusers", "transformers", "accelerate", "safetensors", "numpy", "pillow", "pluggy")
IMPORT_LIMIT = 20
"""Seconds for one plugin, or for all of a package."""
MARK = "igo can't import it: "
IMPORT = f"""
import json, sys
targets, sys.path[:] = json.loads(sys.argv[1]), sys.argv[2:]
from igo.chains import registry
from igo.errors import RegistryError
try:
    for target in targets:
        registry.load(target)
except RegistryError as error:
    sys.exit({MARK!r} + str(error))
"""


def register(app: Commands) -> None:
    app.command()(doctor)


def doctor(
    checkpoint: Annotated[
        str | None,
        typer.Argument(help="Be told of this checkpoint alone: a folder, a file, or a hub's owner/name."),
    ] = None,
    revision: Annotated[str | None, typer.Option(help="A hub's branch, tag or commit.")] = None,
    variant: Annotated[str | None, typer.Option(help='Which of its files, such as "fp16".')] = None,
    device: options.Device = None,
    dtype: options.Dtype = None,
) -> None:
    """Print versions, the device, the plugins that fail to load and why, and the checkpoints found; or what CHECKPOINT
    is, what it can do here and what it needs, without loading or downloading its weights.

    Exit code 1 if something is wrong.
    """
    if checkpoint is not None:
        _describe(checkpoint, revision, variant, options.runtime_of(device, dtype))
        return
    problems = [*_stack(), *_plugins(), *_checkpoints()]
    _engines()
    for problem in problems:
        echo(f"wrong: {problem}")
    if problems:
        raise typer.Exit(1)
    echo("all is well")


def _describe(checkpoint: str, revision: str | None, variant: str | None, runtime: Runtime) -> None:
    """Five lines on a checkpoint."""
    options.without_advice()
    from igo.painting.checkpoints.inspecting import inspected

    found = inspected(checkpoint, revision=revision, variant=variant, dtype=runtime.dtype)
    parts = ", ".join(f"{part} {_millions(count)}" for part, count in found.parameters.items())
    echo(f"{found.name}: {found.family} ({found.pipeline}) of {_millions(sum(found.parameters.values()))}: {parts}")
    files = found.files
    size = "" if files.size is None else f" of {quantities.size(files.size)}"
    where = "" if files.fetched else ", not downloaded yet"
    echo(f"files: {files.count}{size}, {' and '.join(files.formats)}{where}{f'; {files.note}' if files.note else ''}")
    own = found.defaults
    echo(
        f"paints: {own.width}x{own.height} in {own.num_inference_steps} steps at a guidance of {own.guidance_scale:g}, "
        f"by {found.scheduler}; template: {found.preset or 'none'}"
    )
    echo(f"can: {', '.join(found.tasks)}")
    working = "" if found.working is None else f", and about {quantities.size(found.working)} more to paint"
    kind = str(runtime.dtype).removeprefix("torch.")
    echo(
        f"needs: {quantities.size(found.memory)} for its weights in {kind} on {runtime.device}{working}; "
        f"licence: {_licence(files.license)}"
    )


def _licence(license: License) -> str:  # noqa: A002
    """What a checkpoint states, and what that means for a shop."""
    if not license.name:
        return f"its {license.source} isn't understood" if license.source else "it names none"
    verdicts = {True: "allows", False: "forbids", None: "is not known to allow"}
    return f"{license.name} ({verdicts[license.commercial]} commercial use)"


def _millions(count: int) -> str:
    """A number of weights: "860 M", "12.0 B"."""
    return f"{count / 1e9:.1f} B" if count >= 5e9 else f"{count / 1e6:.{0 if count >= 1e7 else 1}f} M"


def _stack() -> list[str]:
    import platform
    from importlib.metadata import PackageNotFoundError, version

    import igo

    echo(f"igo {igo.__version__}, Python {platform.python_version()}, {platform.platform()}")
    problems = []
    for name in LIBRARIES:
        try:
            echo(f"{name} {version(name)}")
        except PackageNotFoundError:
            problems.append(f"{name} is not installed; install it with: pip install {name}")
    runtime = igo.Runtime()
    try:
        echo(f"device {runtime.device}, dtype {str(runtime.dtype).removeprefix('torch.')}")
    except Exception as error:
        problems.append(f"torch can't be used ({type(error).__name__}: {' '.join(str(error).split())})")
    return problems


def _plugins() -> list[str]:
    from igo.chains import registry

    problems = registry.problems()
    fitting = [plugin for plugin in registry.installed() if not plugin.misfit]  # others: told, and not to be imported
    wrong: dict[Plugin, str] = {}
    for package in {plugin.distribution for plugin in fitting}:
        wrong |= _wrong_of([plugin for plugin in fitting if plugin.distribution == package])
    for plugin in fitting:
        if plugin in wrong:
            problems.append(wrong[plugin])
        else:
            versions = f", for igo{plugin.requires}" if plugin.requires else ""
            echo(f"plugin {plugin.name} ({plugin.distribution} {plugin.version}{versions})")
    return problems


def _wrong_of(plugins: list[Plugin]) -> dict[Plugin, str]:
    """Those of one package's plugins that can't be imported, and why. One process starts for all of them, and one for
    each only where that fails."""
    told = _wrong_with(plugins)
    if not told or len(plugins) == 1:
        return {plugins[0]: told} if told else {}
    return {plugin: why for plugin in plugins if (why := _wrong_with([plugin]))}


def _wrong_with(plugins: list[Plugin]) -> str:
    """Why plugins can't be imported one after the other; empty if they can.

    Tried in a process of its own: one that hangs, crashes or changes what all share must not take other packages along.
    What it prints goes to a file, since a process that it leaves behind would keep a pipe open.
    """
    import json
    import subprocess
    import sys
    from tempfile import TemporaryFile

    targets = json.dumps([plugin.target for plugin in plugins])
    with TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        try:
            done = subprocess.run(  # noqa: S603  our own interpreter and code
                [sys.executable, "-c", IMPORT, targets, *sys.path],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                timeout=IMPORT_LIMIT,
            )
        except subprocess.TimeoutExpired:
            return f"{plugins[0]} can't be imported (it takes longer than {IMPORT_LIMIT} seconds)"
        errors.seek(0)
        told = [line.removeprefix(MARK).strip() for line in errors if line.startswith(MARK)]
    if not done.returncode:
        return ""
    return told[-1] if told else f"{plugins[0]} can't be imported (it ends Python with exit code {done.returncode})"


def _checkpoints() -> list[str]:
    from igo import embedded
    from igo.errors import CheckpointError

    problems = []
    try:
        echo(f"checkpoint mini ({quantities.size(sum(f.stat().st_size for f in embedded.path('base').rglob('*.*')))})")
    except CheckpointError as error:
        problems.append(str(error))
    for name, size in _cached():
        echo(f"checkpoint {name} ({quantities.size(size)}, in the hub's cache)")
    return problems


def _engines() -> None:
    """What ``igo cache`` keeps, where there is something."""
    from igo.painting.engines import cache

    if sizes := cache.sizes():
        echo(f"engines keep {len(sizes)} converted models ({quantities.size(sum(sizes.values()))}; igo cache clear)")


def _cached() -> list[tuple[str, int]]:
    """Pipelines in the hub's local cache, by name, with their size in bytes."""
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        repositories = scan_cache_dir().repos
    except CacheNotFound:
        return []
    return sorted(
        (repository.repo_id, repository.size_on_disk)
        for repository in repositories
        if any(file.file_name == "model_index.json" for revision in repository.revisions for file in revision.files)
    )
