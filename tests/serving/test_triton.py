"""The real server: tritonserver out of the wheel nvidia-pytriton, on a CPU."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from statistics import median

import pytest
from PIL import Image

import igo
from igo.errors import RemoteError, SettingsError
from igo.serving.deploy import write_triton
from igo_plugins import Outpainting, Remote

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("tritonclient") is None, reason="needs tritonclient (igo[remote])"),
    pytest.mark.skipif(
        find_spec("pytriton") is None, reason="needs a tritonserver: pip install --no-deps nvidia-pytriton==0.7.0"
    ),
]
SMALL = {"width": 32, "height": 48, "num_inference_steps": 2}


@pytest.fixture(scope="module")
def chain(tiny_checkpoint):
    return igo.Chain(igo.TextToImage(str(tiny_checkpoint)))


@pytest.fixture(scope="module")
def repository(chain, tmp_path_factory):
    folder = tmp_path_factory.mktemp("triton") / "out"
    write_triton(folder, chain, delay=50)
    return folder


def told(log):
    """What a server says in its log, without the tables of its settings."""
    return "\n".join(line for line in log.read_text().splitlines() if not line.startswith(("|", "+")))[-3000:]


@contextmanager
def started(folder, port=None):
    """The address of a server that is ready, and its process, which leads a group of its own."""
    import torch

    ports = []
    for _ in range(2):
        with socket.create_server(("127.0.0.1", 0)) as free:
            ports.append(free.getsockname()[1])
    http = port or ports[0]
    environment = {**os.environ, "PYTHON": sys.executable, "IGO_ANSWERS": str(folder.parent / "answers")}
    environment["OMP_NUM_THREADS"] = str(torch.get_num_threads())  # on which sums depend
    # As make and pyenv start it: another libpython of the system's must not be loaded beside this one's modules.
    environment["PATH"] = f"{sys.base_prefix}/bin{os.pathsep}{environment['PATH']}"
    with (folder.parent / "log").open("w") as log:
        process = subprocess.Popen(
            [folder / "start.sh", f"--http-port={http}", f"--metrics-port={ports[1]}"],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    remote = Remote(f"http://127.0.0.1:{http}")
    try:
        until = time.monotonic() + 300
        while True:
            try:
                igo.Chain(remote).check()
                break
            except RemoteError:
                assert process.poll() is None, told(folder.parent / "log")
                assert time.monotonic() < until
                time.sleep(0.5)
        yield remote.url, process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture(scope="module")
def server(repository):
    with started(repository) as (url, _):
        yield url


def pixels(look):
    return [frame.image.tobytes() for frame in look]


def test_it_paints_what_the_chain_paints_here(server, chain, photo):
    mask = Image.new("L", photo.size)
    mask.paste(255, (8, 12, 30, 40))
    remote = igo.Chain(Remote(server))
    for asked in (
        {"prompt": "a red coat", "seed": 3, "num_images": 3, **SMALL},
        {"prompt": "a (red:1.3) coat", "seed": 4, "image": photo, "num_inference_steps": 3, "strength": 0.7},
        {"prompt": "a coat", "seed": 5, "image": photo, "layers": {"mask": mask}, "num_inference_steps": 2},
    ):
        here, there = chain.run(**asked), remote.run(**asked)
        assert pixels(there) == pixels(here)
        assert there.making.models == here.making.models
    step = Outpainting(to="1:1", prompt="street")
    asked = {"image": photo, "seed": 6, "num_inference_steps": 2}
    assert pixels(igo.Chain(*remote, step).run(**asked)) == pixels(
        igo.Chain(*chain, step, runtime=chain.runtime).run(**asked)
    )


def test_errors_come_back_as_what_they_are(server, photo):
    with pytest.raises(SettingsError, match=r"strength 0\.01 of 2 steps leaves nothing to paint"):
        igo.Chain(Remote(server)).run("a coat", image=photo, strength=0.01, num_inference_steps=2)


def test_200_requests_of_8_clients(server, chain):
    wrong, lock = [], threading.Lock()
    wanted = {seed: pixels(chain.run("a red coat", seed=seed, **SMALL)) for seed in range(25)}

    def client(number):
        remote = igo.Chain(Remote(server))
        for seed in range(25):
            if pixels(remote.run("a red coat", seed=seed, **SMALL)) != wanted[seed]:
                with lock:
                    wrong.append((number, seed))

    threads = [threading.Thread(target=client, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    assert not any(thread.is_alive() for thread in threads)
    assert not wrong


def test_what_it_costs_beside_painting(repository, tmp_path):
    """Of a picture of 512 x 768 that takes no time to paint; on an idle machine, at most 30 ms."""
    from igo.testing import PaintedBase

    chain = igo.Chain(PaintedBase())
    folder = tmp_path / "out"
    write_triton(folder, chain, batch_size=1, delay=0)
    with started(folder) as (url, _):
        remote, times = igo.Chain(Remote(url)), {"here": [], "there": []}
        for number in range(11):
            for name, one in (("here", chain), ("there", remote)):
                begin = time.perf_counter()
                one.run("a coat", seed=number, width=512, height=768)
                times[name].append(time.perf_counter() - begin)
    beside = median(times["there"]) - median(times["here"])
    print(f"{1000 * beside:.1f} ms beside painting")
    assert beside < 0.3  # machines that test are busy


def test_it_is_killed_in_the_middle(repository, chain):
    with started(repository) as (url, process):
        port, outcomes = int(url.rpartition(":")[2]), {}
        patient = igo.Chain(Remote(url, retry=300))
        hasty = igo.Chain(Remote(url, retry=0))

        def client(number):
            remote = patient if number % 2 else hasty
            asked = {**SMALL, "num_inference_steps": 60}
            try:
                outcomes[number] = pixels(remote.run("a red coat", seed=number, **asked))
            except igo.IGOError as error:
                outcomes[number] = error

        threads = [threading.Thread(target=client, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        with started(repository, port):
            for thread in threads:
                thread.join(300)
    lost = [number for number, outcome in outcomes.items() if isinstance(outcome, Exception)]
    assert lost
    assert all(type(outcomes[number]) is RemoteError and not number % 2 for number in lost)
    asked = {**SMALL, "num_inference_steps": 60}
    for number in outcomes.keys() - lost:
        assert outcomes[number] == pixels(chain.run("a red coat", seed=number, **asked))
    assert {1, 3, 5, 7} <= outcomes.keys() - set(lost)
