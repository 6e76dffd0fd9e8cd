"""torch's compiler is imported by who compiles something, and treats what was marked before as if it had been there."""

import subprocess
import sys
from types import ModuleType

import pytest

from igo.cli import compiler

LATER = "from igo.cli import compiler; compiler.import_later()"
MARKED = """
import sys, torch

@torch.compiler.disable
def left_alone(x):
    return x + 1

@torch.compiler.allow_in_graph
def kept_whole(x):
    return x * 2

assert left_alone(torch.ones(1)).item() == 2
"""
NOT_YET = "assert 'torch._dynamo.utils' not in sys.modules"
COMPILED = """
graphs = []

def backend(graph, inputs):
    graphs.append([node.target.__name__ for node in graph.graph.nodes if node.op == "call_function"])
    return graph

@torch.compile(backend=backend)
def compiled(x):
    return kept_whole(left_alone(x * 3)) - 1

assert compiled(torch.ones(1)).item() == 7
assert graphs == [["mul"], ["kept_whole", "sub"]], graphs
package = torch._dynamo
assert package.utils is sys.modules["torch._dynamo.utils"]
assert type(package.__loader__) is type(package.__spec__.loader) is type(package.utils.__spec__.loader)
"""


def run(*lines: str) -> str:
    return subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True, capture_output=True, text=True).stdout


def test_a_command_that_compiles_nothing_imports_no_compiler(tmp_path):
    command = f"['generate', 'a coat', '--steps', '1', '--quiet', '--output', {str(tmp_path / 'look.png')!r}]"
    told = run(
        "import sys, igo.cli",
        "sys.exit = lambda code: print(code, 'torch._dynamo' in sys.modules, 'torch._dynamo.utils' in sys.modules)",
        f"igo.cli.main({command})",
    )
    assert told.splitlines()[-1] == "0 True False"
    assert (tmp_path / "look.png").exists()


@pytest.mark.parametrize(
    "first",
    [
        "",
        pytest.param("from torch._dynamo.eval_frame import OptimizedModule", marks=pytest.mark.slow),
        pytest.param("import torch._inductor.compile_fx", marks=pytest.mark.slow),
    ],
    ids=["compile", "name", "inductor"],
)
def test_what_was_marked_before_is_marked_whoever_asks_first(first):
    run(LATER, MARKED, NOT_YET, first, COMPILED)


@pytest.mark.slow
def test_nothing_is_compiled_before_there_is_a_compiler():
    run(
        LATER,
        "import sys, torch",
        "from diffusers.utils.torch_utils import is_compiled_module",
        "layer = torch.nn.Linear(1, 1)",
        "assert not is_compiled_module(layer)",
        NOT_YET,
        "assert torch.compiler.disable(layer)(torch.ones(1)).equal(layer(torch.ones(1)))",
        "assert 'torch._dynamo.utils' in sys.modules",
        "assert is_compiled_module(torch.compile(layer, backend='eager'))",
        "assert not is_compiled_module(layer)",
        "assert not hasattr(torch._dynamo, 'nothing')",
    )


@pytest.mark.slow
def test_who_asks_while_another_thread_imports_it_waits():
    run(
        LATER,
        MARKED,
        NOT_YET,
        "from threading import Thread",
        "found = []",
        "threads = [Thread(target=lambda: found.append(torch._dynamo.reset)) for _ in range(4)]",
        "[thread.start() for thread in threads]",
        "calls = 0",
        "while any(thread.is_alive() for thread in threads):",
        "    calls += left_alone(torch.ones(1)).item() == 2",
        "assert calls > 1, calls",
        "assert found == [torch._dynamo.reset] * 4",
    )


def test_a_compiler_that_has_been_imported_stays_as_it_is(monkeypatch):
    monkeypatch.setitem(sys.modules, compiler.PACKAGE, ModuleType(compiler.PACKAGE))
    found = list(sys.meta_path)
    compiler.import_later()
    assert sys.meta_path == found
