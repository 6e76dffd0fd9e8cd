"""Files that anybody may have made: a picture or one line, soon, in little memory, and nothing on the console."""

import json
import os
import subprocess
import sys
import textwrap
import zlib
from functools import cache

import numpy as np
import pytest
from PIL import Image

from igo import cli
from tests.builders.bombs import HOSTILE
from tests.builders.pictures import READ_HERE, encode
from tests.pages import ROOT

SECONDS, BYTES = 10, 2 * 2**30
READER = textwrap.dedent(
    """
    import json, resource, sys, time
    from pathlib import Path
    from igo.images import ImageError, read_image, read_mask, read_text

    seconds = 0.0
    for path in sorted(Path(sys.argv[1]).iterdir()):
        outcome, start = {"name": path.name, "kind": "picture", "said": ""}, time.process_time()
        for read in (read_image, read_text, read_mask):
            try:
                read(path)
            except ImageError as error:
                outcome["kind"] = "line" if read is read_image else outcome["kind"]
                outcome["said"] += str(error)
            except BaseException as error:
                outcome |= {"kind": type(error).__name__, "said": repr(error)}
                break
        outcome["seconds"] = time.process_time() - start
        outcome["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps(outcome))
    """
)
"""Reads all files of a folder in all ways, in a process of its own with nobody's filters for warnings."""


def read_apart(folder):
    """What became of each file, in a process that is ended where it wants four times what is allowed."""
    import resource

    def limited():
        resource.setrlimit(resource.RLIMIT_AS, (4 * BYTES, 4 * BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (600, 600))

    environment = {**os.environ, "PYTHONWARNINGS": ""}
    command = [sys.executable, "-c", READER, folder]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, preexec_fn=limited)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stderr == "", "nothing reaches the console, from libraries in C neither"
    return [json.loads(line) for line in done.stdout.splitlines()]


def check(outcomes, count):
    assert len(outcomes) == count
    for outcome in outcomes:
        assert outcome["kind"] in ("picture", "line"), outcome
        assert "\n" not in outcome["said"]
        assert len(outcome["said"]) < 1500
        assert outcome["said"].isprintable(), outcome
        assert outcome["seconds"] <= SECONDS, outcome
        assert outcome["memory"] <= BYTES, outcome


@cache
def seeds():
    """A small file of each format and of several layouts, to be damaged."""
    rng = np.random.default_rng(3)
    colours = Image.fromarray(rng.integers(0, 256, (19, 23, 3), np.uint8))
    alpha = Image.linear_gradient("L").resize(colours.size)
    cut_out = colours.copy()
    cut_out.putalpha(alpha)
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a text"
    made = [encode(colours, kind) for kind in READ_HERE]
    made += [encode(cut_out, kind) for kind in ("PNG", "WEBP", "TIFF")]
    made += [encode(colours, "JPEG", progressive=True, exif=exif.tobytes(), icc_profile=b"no profile" * 20)]
    made += [encode(colours.convert(mode), "TIFF") for mode in ("1", "L", "P", "CMYK", "LAB", "F", "I;16")]
    made += [encode(colours, "TIFF", compression=name) for name in ("tiff_lzw", "tiff_deflate", "jpeg", "packbits")]
    made += [encode(colours.convert(mode), "PNG", exif=exif.tobytes()) for mode in ("1", "L", "LA", "P", "I;16")]
    made += [encode(colours.convert("P"), "PNG", transparency=3), encode(colours.convert("CMYK"), "JPEG")]
    frames = [colours.rotate(turn) for turn in (90, 180)]
    made += [encode(colours, kind, save_all=True, append_images=frames) for kind in ("PNG", "GIF", "WEBP", "TIFF")]
    return made


def damaged(seed):
    """A file with bytes changed, moved, doubled, cut out or cut off."""
    rng = np.random.default_rng(seed)
    data = bytearray(seeds()[seed % len(seeds())])
    for _ in range(int(rng.integers(1, 6))):
        at = int(rng.integers(0, len(data)) ** (1 if rng.random() < 0.5 else 0.8))  # headers are hit more often
        length = int(rng.integers(1, 9))
        how = rng.integers(0, 6)
        if how == 0:
            data[at] ^= 1 << int(rng.integers(0, 8))
        elif how == 1:
            data[at : at + length] = rng.bytes(length)
        elif how == 2:
            data[at : at + length] = [bytes(length), b"\xff" * length, b"\x7f" + b"\xff" * (length - 1)][seed % 3]
        elif how == 3:
            del data[at : at + length]
        elif how == 4:
            data[at:at] = data[max(0, at - 60) : at]
        elif len(data) > 40:
            del data[int(rng.integers(20, len(data))) :]
    return summed(bytes(data)) if seed % 2 else bytes(data)


def summed(data):
    """A PNG whose chunks have the sums of what is in them, so that damage comes as far as the decoder."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    parts, at = [data[:8]], 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        name, content = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        parts.append(len(content).to_bytes(4, "big") + name + content + zlib.crc32(name + content).to_bytes(4, "big"))
        at += 12 + length
    return b"".join(parts)


def write_damaged(folder, seeds):
    folder.mkdir()
    for seed in seeds:
        (folder / f"{seed:05d}").write_bytes(damaged(seed))
    return folder


@pytest.mark.parametrize("count", [300, pytest.param(3000, marks=pytest.mark.slow)])
def test_damaged_files_are_pictures_or_a_line(tmp_path, count):
    outcomes = read_apart(write_damaged(tmp_path / "files", range(count)))
    check(outcomes, count)
    assert {outcome["kind"] for outcome in outcomes} == {"picture", "line"}


QUICK = {
    name: make
    for name, make in HOSTILE.items()
    if not any(word in name for word in ("254 MP", "100 MP", "scans", "bomb", "8 MB", "tiles", "00,000", "plain"))
}
"""Those that are made in no time."""


@pytest.mark.parametrize("files", [QUICK, pytest.param(HOSTILE, marks=pytest.mark.slow)], ids=["quick", "all"])
def test_files_made_by_hand_to_cost_much_are_pictures_or_a_line(tmp_path, files):
    folder = tmp_path / "files"
    folder.mkdir()
    for number, make in enumerate(files.values()):
        (folder / f"{number:02d}").write_bytes(make())
    check(read_apart(folder), len(files))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("palette PNG without PLTE", "its parts don't fit together"),
        ("PNG of 254 MP, 1 bit", "as decompression bombs do"),
        ("PPM of 254 MP", "as decompression bombs do"),
        ("GIF of 254 MP", "as decompression bombs do"),
        ("TIFF of tiles of 1×1", "400,000 parts"),
        ("TIFF of overlapping tags", "tags of 20,000,000,000 bytes in 1,240,014"),
        ("JPEG with EXIF of overlapping tags", "tags of 50,000,000 bytes in"),
        ("GIF with a comment of 8 MB", "a comment of 8,"),
        ("PPM with a long number", "a header of more than"),
    ],
)
def test_what_is_too_much_is_said(name, told, tmp_path, capfd):
    path = tmp_path / "look.png"
    path.write_bytes(HOSTILE[name]())
    assert cli.run_command(["upscale", str(path), "2", "-q"]) == 2
    output, errors = capfd.readouterr()
    assert output == ""
    assert errors.count("\n") == 1
    assert told in errors


def test_a_jpeg_of_many_scans_is_counted_and_refused_before_it_is_decoded(tmp_path):
    from igo.images import ImageError, read_image
    from tests.builders.bombs import scans

    assert read_image(scans(3, (64, 48))).image.size == (64, 48)
    with pytest.raises(ImageError, match=r"is a JPEG of 3,\d\d\d scans"):
        read_image(scans(3000, (64, 48)))


def test_commands_take_damaged_files_without_a_word_of_any_library(tmp_path, capfd):
    for seed in range(0, 60, 5):
        path = tmp_path / f"{seed}.png"
        path.write_bytes(damaged(seed))
        for arguments in (["show", str(path)], ["upscale", str(path), "2", "-q", "-o", str(tmp_path / "large.png")]):
            code = cli.run_command(arguments)
            _, errors = capfd.readouterr()
            assert code in (0, 2), errors
            assert errors.count("\n") <= 1 + (code == 0), errors
            assert "internal error" not in errors
