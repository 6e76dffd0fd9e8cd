"""``igo deploy``: a folder from which a server paints by a chain."""

from pathlib import Path
from typing import Annotated

import typer

from igo.cli.command import Commands
from igo.cli.options import command_group
from igo.cli.printing import echo

deploy_app = command_group("Write a folder from which a server paints by a chain, for `Remote` (docs/serving.md).")

Output = Annotated[Path, typer.Argument(metavar="OUT", help="The folder to write.")]
ChainFile = Annotated[
    Path, typer.Option("--chain", metavar="CHAIN.toml", help="The chain to serve: a base, and what goes with it.")
]
Name = Annotated[str, typer.Option(help="What the model is called on the server.")]


def register(app: Commands) -> None:
    deploy_app.command()(triton)
    deploy_app.command()(neuron)
    app.add_typer(deploy_app, name="deploy")


def triton(
    output: Output,
    chain: ChainFile,
    name: Name = "igo",
    batch_size: Annotated[int, typer.Option(help="Requests that are painted together, at most.")] = 4,
    delay: Annotated[int, typer.Option(help="Milliseconds in which they have to come.")] = 20,
    instances: Annotated[int, typer.Option(help="How often the model is loaded, on each GPU.")] = 1,
) -> None:
    """For NVIDIA's Triton Inference Server: a model repository, a start script, requirements."""
    from igo.chains.config import load_chain
    from igo.serving.deploy import write_triton

    named = write_triton(output, load_chain(chain), name, batch_size, delay, instances)
    _tell(output, named)


def neuron(
    output: Output,
    chain: ChainFile,
    name: Name = "igo",
    width: Annotated[
        int | None,
        typer.Option(help="Pixels of all pictures; by default 512, for mini its own.", show_default=False),
    ] = None,
    height: Annotated[int | None, typer.Option(help="Pixels, too.", show_default=False)] = None,
) -> None:
    """For AWS Inferentia2, on which it has not run yet: scripts to compile and serve, requirements, a Dockerfile."""
    from igo.chains.config import load_chain
    from igo.serving.deploy import write_neuron

    _tell(output, write_neuron(output, load_chain(chain), name, width, height))


def _tell(output: Path, named: list[str]) -> None:
    for path in sorted(path for path in output.rglob("*") if path.is_file()):
        echo(path.as_posix())
    for place in named:
        echo(f"note: the chain names {place}, which has to be on the server too")
    echo(f"\nnext: see {(output / 'README.md').as_posix()}")
