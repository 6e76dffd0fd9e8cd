"""The judge, progress that shows nothing, and one thread: on so little work more of them only wait for each other."""

import pytest
import torch
from rich.progress import Progress

from benchmarks.judge.verdicts import Judge


@pytest.fixture(scope="package", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def judge():
    return Judge()


@pytest.fixture
def silent():
    return Progress(disable=True)
