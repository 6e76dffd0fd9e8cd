"""What `igo batch` costs beside painting, and what it saves.

    python -m benchmarks.batch rows [--rows 10000]        # a base without torch: cost of a row, and memory
    python -m benchmarks.batch lookbook [--garments 16]   # by one batch, and by as many calls of `igo style`
    python -m benchmarks.batch ray [--rows 80]            # two local nodes, and --workers 2

``rows`` paints the same requests twice, by a loop of ``chain.run`` and ``look.save`` and by a batch: the difference is
what plan, digests and journal cost. Times are the process's own, so that others on the machine don't count, and a
clock's. ``ray`` gives each row the same work, and leaves out what both need to start.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import igo
import igo.batch
from igo.batch.batch import Batch
from igo.images import read_image
from igo.testing import PaintedBase

GARMENTS = [
    f"a {colour} {kind}"
    for kind in ("hoodie", "coat", "shirt", "cardigan")
    for colour in ("red", "navy", "white", "gray")
]
PROMPT = "fashion photo of a korean woman in a white t-shirt and blue jeans, street background"
STYLE = ["--seed", "7", "--steps", "8", "--quiet"]
CHAIN = """
[[step]]
use = "text-to-image"

[[step]]
use = "virtual-styling"
target = "t-shirt"
to = "another"
"""


@dataclass(frozen=True)
class Work:
    """So many seconds of a processor's time for each picture."""

    seconds: float

    @igo.hookimpl
    def postprocess(self):
        end = time.process_time() + self.seconds
        while time.process_time() < end:
            pass


def megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def rows(folder, count):
    """Cost of a row beside painting, and memory."""
    asked = [{"id": f"look-{n}", "prompt": f"coat {n}", "seed": n} for n in range(count)]
    chain = igo.Chain(PaintedBase())
    (folder / "bare").mkdir()
    for round_ in range(2):  # the first warms up
        clock, own = time.perf_counter(), time.process_time()
        for row in asked if round_ else asked[:100]:
            chain.run(row["prompt"], seed=row["seed"]).save(folder / "bare" / f"{row['id']}.png")
        bare = time.perf_counter() - clock, time.process_time() - own
    clock, own = time.perf_counter(), time.process_time()
    batch = Batch(asked, chain, folder / "looks")
    planned = time.perf_counter() - clock
    memory = {}
    for number, _ in enumerate(batch.results(), 1):
        if number in (count // 10, count):
            memory[number] = megabytes()
    took = time.perf_counter() - clock, time.process_time() - own
    assert batch.summary.painted == count
    for what, alone, whole in zip(("clock", "process"), bare, took, strict=True):
        print(
            f"{what}: {1000 * alone / count:.2f} ms a row by a loop, {1000 * whole / count:.2f} ms by a batch: "
            f"{1000 * (whole - alone) / count:.2f} ms more"
        )
    print(f"of these, reading and checking the plan: {1000 * planned / count:.2f} ms a row")
    print("memory at its most: " + ", ".join(f"{size:.0f} MB after {number} rows" for number, size in memory.items()))
    clock = time.perf_counter()
    assert igo.batch.run(asked, chain, folder / "looks").kept == count
    print(f"again, with all of it there: {time.perf_counter() - clock:.1f} s")


def lookbook(folder, count):
    """The same garments on one photo, start-up included."""
    igo.Chain(igo.TextToImage("mini")).run(PROMPT, seed=3, num_inference_steps=20).save(folder / "me.png")
    garments = GARMENTS[:count]
    (folder / "chain.toml").write_text(CHAIN)
    cells = [f"{n},me.png,7,8,0,{garment}\n" for n, garment in enumerate(garments)]
    header = "id,image,seed,num_inference_steps,strength,virtual-styling.to\n"
    (folder / "plan.csv").write_text(header + "".join(cells))

    def timed(*arguments):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "igo", *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - started

    whole = timed("batch", "run", "plan.csv", "--chain", "chain.toml", "--out", "looks", "--quiet")
    calls = sum(
        timed("style", "me.png", "t-shirt", garment, "-o", f"{n}.png", *STYLE) for n, garment in enumerate(garments)
    )
    same = all(
        read_image(folder / f"{n}.png").image == read_image(folder / "looks" / f"{n}-7.png").image for n in range(count)
    )
    print(f"{count} garments: {whole:.1f} s by one batch, {calls:.1f} s by as many calls: {calls / whole:.1f} times")
    print(f"the same pictures: {same}")


def on_ray(folder, count, seconds):
    """Two local nodes of one processor each against two workers, from the first result to the last."""
    from ray.cluster_utils import Cluster

    asked = [{"id": f"look-{n}", "prompt": f"coat {n}", "seed": n} for n in range(count)]
    chain = igo.Chain(PaintedBase(), Work(seconds))
    os.environ["PYTHONPATH"] = str(Path(__file__).parent.parent)
    node = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    cluster.add_node(**node)
    paces = {}
    for name, options in (("workers", {}), ("ray", {"ray": cluster.address})):
        times = [time.perf_counter() for _ in Batch(asked, chain, folder / name, workers=2, **options).results()]
        begun = count // 4  # both are at work by then
        paces[name] = (count - begun) / (times[-1] - times[begun - 1])
        print(f"{name}: {paces[name]:.1f} rows a second")
    cluster.shutdown()
    print(f"Ray's pace is {paces['ray'] / paces['workers']:.2f} of that")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("rows", "lookbook", "ray"))
    parser.add_argument("--rows", type=int)
    parser.add_argument("--garments", type=int, default=16)
    parser.add_argument(
        "--seconds", type=float, default=1.0, help="of work for each row on Ray, about as mini has (1.0)"
    )
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if given.what == "rows":
            rows(Path(name), given.rows or 10_000)
        elif given.what == "lookbook":
            lookbook(Path(name), given.garments)
        else:
            on_ray(Path(name), given.rows or 80, given.seconds)


if __name__ == "__main__":
    main()
