import pytest

import igo
from igo.serving.answers import Answers
from igo.serving.kserve import Service
from igo.serving.server import Server
from igo.testing import PaintedBase


class Counting:
    """A base that says how often it has painted, and can be made to wait."""

    def __init__(self):
        self.painted, self.before = [], lambda: None

    @igo.hookimpl
    def generate(self, request):
        self.painted.append(request)
        self.before()
        return PaintedBase().generate(request)


@pytest.fixture
def base():
    return Counting()


@pytest.fixture
def answers(tmp_path):
    return Answers(tmp_path / "answers")


@pytest.fixture
def service(base, answers):
    """A server in this process whose model `igo` paints by ``base``."""
    with Service(Server(igo.Chain(base), answers)).serving() as service:
        yield service
