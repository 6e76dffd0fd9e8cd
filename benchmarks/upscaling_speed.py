"""Upscaling beside the package ``realesrgan``: the same weights and picture, in one process, in turn.

    pip install realesrgan 'igo[realesrgan,benchmarks]'
    python benchmarks/upscaling_speed.py [--network srvgg|rrdb] [--width 512 --height 768] [--pairs 3] [--threads 2]
    python benchmarks/upscaling_speed.py --memory [--network srvgg|rrdb]
    python benchmarks/upscaling_speed.py --seams [--network srvgg|rrdb]

Baseline: ``RealESRGANer`` as it comes, untiled (for ``--seams``: with its own tiles, of the same side, and its default
padding). Times are CPU time, so that a busy machine harms both alike; the ratio is the median over pairs. The networks
are realesr-general-x4v3's shape (random weights, as speed doesn't depend on them) and RealESRGAN_x4plus. Seams are
measured with the wheel's official weights (animevideov3, x4plus), since random ones show next to none. ``--memory``
enlarges pictures of 2×2 and of 4×4 tiles in processes of their own, and gives what each needed beyond the pictures.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time

import numpy as np
import torch

from benchmarks.upscaling import photos
from igo.networks.files import network_of
from igo.networks.rrdb import RRDBNet
from igo.networks.srvgg import SRVGGNetCompact
from igo_plugins.realesrgan.backends import files_of
from igo_plugins.realesrgan.package_backend import PackageEnlarger
from igo_plugins.realesrgan.tiles import enlarge
from igo_plugins.realesrgan.torch_backend import TorchEnlarger, load_state

CPU = torch.device("cpu")
OFFICIAL = {"srvgg": "realesr-animevideov3", "rrdb": "RealESRGAN_x4plus"}


def timed(function):
    """CPU seconds of all threads."""
    start = time.process_time()
    function()
    return time.process_time() - start


def enlarger(network):
    return TorchEnlarger(network, CPU, torch.float32)


def new_network(kind):
    torch.manual_seed(0)
    return SRVGGNetCompact(4, 64, 32) if kind == "srvgg" else RRDBNet()


def speed(options):
    picture = np.random.default_rng(0).integers(0, 256, (options.height, options.width, 3), np.uint8)
    ours = enlarger(new_network(options.network))
    theirs = PackageEnlarger(new_network(options.network).state_dict(), ours, CPU)
    small = picture[:32, :32]
    enlarge(ours, small), enlarge(theirs, small, tile=0)  # the first call of either chooses kernels
    times = [
        (timed(lambda: enlarge(ours, picture)), timed(lambda: enlarge(theirs, picture, tile=0)))
        for _ in range(options.pairs)
    ]
    ratios = [mine / other for mine, other in times]
    print(f"{options.network}, {options.width}x{options.height}, {options.threads} threads")
    print(f"RealESRGANer   {statistics.median(other for _, other in times):.2f} s of CPU time (median)")
    print(f"IGO            {statistics.median(mine for mine, _ in times):.2f} s of CPU time (median)")
    print(f"IGO / package  {statistics.median(ratios):.3f} (median; {min(ratios):.3f} to {max(ratios):.3f})")


def seams(options):
    """The largest difference between tiled and whole, of ours and of theirs, on crops of photographs."""
    name = OFFICIAL[options.network]
    state = load_state(files_of(name, 4, None, "torch"), name, 0.5)
    ours = enlarger(network_of(state, name))
    theirs = PackageEnlarger(state, ours, CPU)
    for title, photo in photos()[: options.pairs]:
        top, left = (photo.shape[0] - options.height) // 2, (photo.shape[1] - options.width) // 2
        crop = photo[top : top + options.height, left : left + options.width]
        side = max(options.width, options.height) // 2
        whole = enlarge(ours, crop, tile=0).astype(int)
        mine = np.abs(enlarge(ours, crop, tile=side) - whole).max()
        theirs.upsampler.tile_size = side
        other = np.abs(enlarge(theirs, crop, tile=0) - whole).max()
        theirs.upsampler.tile_size = 0
        print(f"{name}, {title}, tiles of {side}: IGO {mine} levels, RealESRGANer {other} levels", flush=True)


def memory(options):
    for times in (2, 4):
        arguments = ["--peak", str(times), "--network", options.network, "--threads", str(options.threads)]
        subprocess.run([sys.executable, "-m", "benchmarks.upscaling_speed", *arguments], check=True)


def peak(options):
    side = 64 * options.peak
    picture = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    ours = enlarger(new_network(options.network))
    ours.context = min(ours.context, 24)  # inside both pictures: else the smaller has smaller tiles
    start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = enlarge(ours, picture, tile=64)
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start
    beside = used / 1024 - (picture.nbytes + result.nbytes) / 2**20
    print(f"{options.network}, {side}x{side} in tiles of 64: {beside:.0f} MiB beside the pictures", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", choices=("srvgg", "rrdb"), default="srvgg")
    parser.add_argument("--width", type=int, default=512, help="pixels before enlarging")
    parser.add_argument("--height", type=int, default=768)
    parser.add_argument("--pairs", type=int, default=3, help="how many pairs to time, or photographs to cut")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--seams", action="store_true")
    parser.add_argument("--peak", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    (peak if options.peak else memory if options.memory else seams if options.seams else speed)(options)


if __name__ == "__main__":
    main()
