"""``igo doctor``: what this installation can do, and what is wrong with it."""

from __future__ import annotations

import typer

LIBRARIES = ("torch", "diffusers", "transformers", "accelerate", "safetensors", "numpy", "pillow", "pluggy")


def register(app: typer.Typer) -> None:
    app.command()(doctor)


def doctor() -> None:
    """Print versions, the device, the plugins that fail to load and why, and the checkpoints found.

    Exit code 1 if something is wrong.
    """
    problems = [*_stack(), *_plugins(), *_checkpoints()]
    for problem in problems:
        typer.echo(f"wrong: {problem}")
    if problems:
        raise typer.Exit(1)
    typer.echo("all is well")


def _stack() -> list[str]:
    import platform
    from importlib.metadata import PackageNotFoundError, version

    import igo

    typer.echo(f"igo {igo.__version__}, Python {platform.python_version()}, {platform.platform()}")
    problems = []
    for name in LIBRARIES:
        try:
            typer.echo(f"{name} {version(name)}")
        except PackageNotFoundError:
            problems.append(f"{name} is not installed; install it with: pip install {name}")
    runtime = igo.Runtime()
    try:
        typer.echo(f"device {runtime.device}, dtype {str(runtime.dtype).removeprefix('torch.')}")
    except Exception as error:
        problems.append(f"torch can't be used ({type(error).__name__}: {' '.join(str(error).split())})")
    return problems


def _plugins() -> list[str]:
    from igo import registry
    from igo.errors import RegistryError

    found = registry.installed()
    problems = [
        f"two distributions offer '{name}': {' and '.join(f'{p.distribution} {p.version}' for p in claimants)}; "
        "uninstall one of them"
        for name, claimants in registry.conflicts(found).items()
    ]
    for plugin in found:
        try:
            registry.load(plugin.target)
        except RegistryError:
            pass
        else:
            typer.echo(f"plugin {plugin.name} ({plugin.distribution} {plugin.version})")
            continue
        try:
            registry.load(plugin.name)
        except RegistryError as error:
            problems.append(str(error))
    return problems


def _checkpoints() -> list[str]:
    from igo import mini
    from igo.errors import CheckpointError

    problems = []
    try:
        typer.echo(f"checkpoint mini ({_megabytes(sum(f.stat().st_size for f in mini.path('base').rglob('*.*')))})")
    except CheckpointError as error:
        problems.append(str(error))
    for name, size in _cached():
        typer.echo(f"checkpoint {name} ({_megabytes(size)}, in the hub's cache)")
    return problems


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


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
