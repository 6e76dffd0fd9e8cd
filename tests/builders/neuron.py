"""A stand-in for AWS's ``torch_neuronx``: it traces by torch.jit, and what it has traced takes one shape alone."""

import sys
from types import ModuleType


def trace(module, example, compiler_args=()):
    """``module`` as TorchScript that fails on tensors of any other shape than the example's, as compiled parts do."""
    import torch

    assert all(argument.startswith("--") for argument in compiler_args)
    shapes = [tuple(tensor.shape) for tensor in example]

    class OfOneShape(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.module = module

        def forward(self, *tensors):
            return self.module(*[tensor.view(shape) for tensor, shape in zip(tensors, shapes, strict=True)])

    return torch.jit.trace(OfOneShape(), example, check_trace=False)


class DataParallel:
    """One traced module on several cores: a batch is cut evenly."""

    def __init__(self, module, device_ids, set_dynamic_batching=True):
        assert not set_dynamic_batching
        self.module, self.count = module, len(device_ids)
        self.calls = 0

    def __call__(self, *tensors):
        import torch

        self.calls += 1
        assert all(len(tensor) == self.count for tensor in tensors), "each core takes a batch of one"
        return torch.cat(
            [self.module(*one) for one in zip(*(tensor.chunk(self.count) for tensor in tensors), strict=True)]
        )


def use(monkeypatch):
    """Let ``import torch_neuronx`` find this."""
    module = ModuleType("torch_neuronx")
    module.trace, module.DataParallel = trace, DataParallel
    monkeypatch.setitem(sys.modules, "torch_neuronx", module)
