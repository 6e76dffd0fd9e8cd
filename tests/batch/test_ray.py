"""On a real Ray cluster of two nodes: whoever dies, those that paint or the one that asks, each row is painted once."""

import sys

import pytest

import igo
from igo import batch as batches
from igo.batch import on_ray
from igo.errors import SettingsError, WorkerError
from igo.testing import PaintedBase
from tests.batch.deadly import Deadly
from tests.batch.test_batches import ROWS, lines, pictures
from tests.batch.test_kills import KILLS, killed_often
from tests.pages import ROOT

NODE = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
AHEAD = 200
"""Rows that a cluster may have painted before the journal hears of them: it goes on until it sees that nobody asks."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Two nodes."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIED", str(tmp_path_factory.mktemp("died")))
        patch.setenv("PYTHONPATH", str(ROOT))  # for the workers, which import what is tested
        made = Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
        made.add_node(**NODE)
        yield made
        made.shutdown()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray's own: of what it deprecates itself, and of files that it leaves open
def test_killed_again_and_again(tmp_path, cluster):
    killed_often(tmp_path, int(KILLS or 1), AHEAD, workers=2, ray=cluster.address)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_node_that_is_killed_costs_nothing(tmp_path, cluster):
    rows = [{"id": f"look-{n}", "prompt": f"coat {n}", "seed": 1000 + n} for n in range(40)]
    rows += [{"id": "once", "prompt": "once SIGKILL", "seed": 1}]
    chain = igo.Chain(PaintedBase(), Deadly())
    batch = batches.batch.Batch(rows, chain, tmp_path / "looks", workers=2, ray=cluster.address)
    for number, _ in enumerate(batch.results()):
        if number == 10:
            cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)
    assert (batch.summary.painted, batch.summary.failed) == (41, {})
    assert sorted(line["id"] for line in lines(tmp_path / "looks")) == sorted(row["id"] for row in rows)
    assert batches.run(rows, chain, tmp_path / "looks", strict=True).kept == 41
    batches.run(rows, chain, tmp_path / "here")
    assert pictures(tmp_path / "looks") == pictures(tmp_path / "here")
    assert not list((tmp_path / "looks").glob(".igo-*"))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_an_address_where_nobody_is_is_told_at_once():
    pytest.importorskip("ray")
    with (
        pytest.raises(WorkerError, match=r"there is no Ray cluster at '127\.0\.0\.1:1' \(Connection refused\)"),
        on_ray._connected("127.0.0.1:1"),
    ):
        pass


def test_without_ray_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SettingsError, match=r"pip install 'igo\[ray\]'"):
        batches.run(ROWS, igo.Chain(PaintedBase()), tmp_path / "looks", ray="auto")
