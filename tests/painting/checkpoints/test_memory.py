"""Weights are read where they will be used: nothing is held twice while a checkpoint is loaded."""

import re
import threading
import time
from pathlib import Path

import pytest
import torch

from igo.painting.checkpoints import checkpoint
from tests.builders import tiny

STATUS = Path("/proc/self/status")


def own():
    """Bytes of this process that are no file's."""
    return int(re.search(r"RssAnon:\s+(\d+) kB", STATUS.read_text())[1]) * 1024


def most_while(do):
    """How much ``own`` has grown at most while something is done."""
    before = most = own()
    done = threading.Event()

    def watch():
        nonlocal most
        while not done.is_set():
            most = max(most, own())
            time.sleep(0.001)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        do()
    finally:
        done.set()
        watching.join()
    return max(most, own()) - before


@pytest.mark.slow
@pytest.mark.skipif(not STATUS.exists(), reason="needs Linux, which tells a process's own memory")
def test_loading_holds_no_second_copy(tmp_path):
    """Of some 130 MB: in the file's own dtype the weights stay the file's, which the system may drop and read again; in
    another, one of them at a time is copied."""
    pipeline = tiny.make_pipeline(tmp_path / "parts")
    unet = dict(pipeline.unet.config) | {"block_out_channels": (160, 320), "norm_num_groups": 32}
    pipeline.register_modules(unet=type(pipeline.unet).from_config(unet))
    pipeline.save_pretrained(tmp_path / "model")
    size = sum(file.stat().st_size for file in (tmp_path / "model").rglob("*.safetensors"))
    largest = max(weight.numel() for weight in pipeline.unet.parameters()) * 4
    del pipeline
    loaded = []

    def load(dtype):
        loaded.append(checkpoint.load(str(tmp_path / "model"), dtype=dtype))

    most_while(lambda: load(torch.float32))  # imports, too
    loaded.clear()
    assert most_while(lambda: load(torch.float32)) < size / 10
    loaded.clear()
    assert most_while(lambda: load(torch.float16)) < size / 2 + 2 * largest + size / 10
