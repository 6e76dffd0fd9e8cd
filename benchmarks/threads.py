"""How the command line's threads do on an idle machine and on a busy one, against each way to set them by hand.

    python -m benchmarks.threads [--busy 0 2] [--rounds 5] [--steps 20]

``--busy`` says how many other programs compute all the time. Each way paints with `mini` in a process of its own, which
sets OpenMP up as ``igo`` does where the environment says nothing; in turn, so that what changes meanwhile changes for
all. Seconds a picture by the clock (medians over the rounds), beside those of the best way.
"""

import argparse
import contextlib
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterator

PAINT = """
import sys, time
from igo.cli import threads
threads.arrange()
import igo
chain = igo.Chain(igo.TextToImage("mini"))
chain.run("a red coat", seed=0, num_inference_steps=2)
seconds = []
for seed in range(3):
    start = time.perf_counter()
    chain.run("a red coat", seed=seed, num_inference_steps=int(sys.argv[1]))
    seconds.append(time.perf_counter() - start)
print(sorted(seconds)[1])
"""
WAYS = {
    "igo": {},
    "torch's own": {"GOMP_SPINCOUNT": "300000"},
    "asleep": {"OMP_WAIT_POLICY": "PASSIVE"},
    "one thread": {"OMP_NUM_THREADS": "1"},
}
BURN = "while True: pass"


@contextlib.contextmanager
def others(count: int) -> Iterator[None]:
    """So many programs that compute."""
    running = [subprocess.Popen([sys.executable, "-c", BURN]) for _ in range(count)]
    try:
        yield
    finally:
        for one in running:
            one.kill()
            one.wait()


def seconds(settings: dict[str, str], steps: int) -> float:
    """For one picture, with OpenMP's ``settings``."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    run = [sys.executable, "-c", PAINT, str(steps)]
    done = subprocess.run(run, env=clean | settings, check=True, capture_output=True, text=True)
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.threads", description=__doc__.splitlines()[0])
    parser.add_argument("--busy", type=int, nargs="+", default=[0, os.cpu_count() or 1])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20)
    options = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    for count in options.busy:
        with others(count):
            rounds = [{name: seconds(way, options.steps) for name, way in WAYS.items()} for _ in range(options.rounds)]
        found = {name: statistics.median(one[name] for one in rounds) for name in WAYS}
        best = min(found.values())
        for name, value in found.items():
            print(f"{count} others, {name}: {value:.2f} s, {value / best:.2f} of the best", flush=True)


if __name__ == "__main__":
    main()
