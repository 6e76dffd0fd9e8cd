"""Picture files that ask for far more work or memory than they are worth, made by hand; each of a few MB at most."""

import io
import struct
import zlib

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from tests.builders.pictures import encode

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(name, content):
    """A chunk of a PNG."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(size, depth, colour, *chunks, stride):
    """A PNG all of zeros; ``stride`` is a line's bytes."""
    packer = zlib.compressobj(9)
    lines = bytes(stride + 1) * 64
    body = b"".join(packer.compress(lines) for _ in range(-(-size[1] // 64))) + packer.flush()
    header = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, 0)
    parts = [chunk(b"IHDR", header), *chunks, chunk(b"IDAT", body), chunk(b"IEND", b"")]
    return SIGNATURE + b"".join(parts)


def small_png(*chunks, palette=b"\xff\0\0\0\xff\0", colour=3):
    """A PNG of 4×4 with the ``chunks`` before its pixels, and a palette unless that is empty."""
    lines = (b"\0" + bytes([0, 1, 2, 3]) * (3 if colour == 2 else 1)) * 4
    head = [chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, colour, 0, 0, 0))]
    head += [chunk(b"PLTE", palette)] if palette else []
    return SIGNATURE + b"".join([*head, *chunks, chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b"")])


def scans(count, size=(4000, 3000)):
    """A progressive JPEG whose last scan comes ``count`` times."""
    data = encode(Image.new("RGB", size, (90, 120, 30)), "JPEG", progressive=True, quality=30)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * count + b"\xff\xd9"


def tiff(tags, body=b""):
    """A TIFF with these tags; what they point to is ``body``, which lies at the offset 8 of nothing but itself."""
    directory = ImageFileDirectory_v2()
    for tag, value in tags.items():
        directory[tag] = value
    buffer = io.BytesIO()
    directory.save(buffer)
    return buffer.getvalue() + body


def overlapping_tags(count=20_000, size=1_000_000):
    """A TIFF of ``count`` tags that all point to the same ``size`` bytes."""
    entries = b"".join(struct.pack("<HHII", 1000 + tag, 1, size, 8) for tag in range(count))
    start = 8 + size
    return b"II*\0" + struct.pack("<I", start) + bytes(size) + struct.pack("<H", count) + entries + bytes(4)


def overlapping_exif_directory(count=20_000, size=1_000_000):
    """A TIFF with one tag, which points to an EXIF directory of the same kind."""
    inner, start = overlapping_tags(count, size), 8 + size
    first = struct.pack("<HHHIII", 1, 0x8769, 4, 1, start, 0)
    return inner[:4] + struct.pack("<I", len(inner)) + inner[8:] + first


def exif_of(count=5000, size=50_000):
    """An EXIF block of the same kind."""
    return b"Exif\0\0" + overlapping_tags(count, size)


def with_chunk(webp, name, content):
    """A WebP with one more chunk, which its flags announce."""
    body = webp[12:] + name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def gif(size, frames=1, comment=0):
    """A GIF with a canvas of ``size``, of frames of 1×1, and a comment of that many bytes."""
    head = b"GIF89a" + struct.pack("<HHBBB", *size, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    said = b"!\xfe" + b"".join(b"\xff" + b"x" * 255 for _ in range(comment // 255)) + b"\0" if comment else b""
    frame = b"!\xf9\x04\0\x01\0\0\0" + b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0"
    return head + said + frame * frames + b";"


BIG = (15_900, 16_000)
HOSTILE = {
    "palette PNG without PLTE": lambda: small_png(palette=b""),
    "tRNS beyond the palette": lambda: small_png(chunk(b"tRNS", bytes(200))),
    "empty palette": lambda: small_png(chunk(b"PLTE", b""), palette=b""),
    "palette of 257 colours": lambda: small_png(palette=bytes(771)),
    "tRNS of gray for colour": lambda: small_png(chunk(b"tRNS", b"\0\1"), palette=b"", colour=2),
    "long tRNS for gray": lambda: small_png(chunk(b"tRNS", bytes(9)), palette=b"", colour=0),
    "short IHDR": lambda: SIGNATURE + chunk(b"IHDR", b"\0\0\0\1") + chunk(b"IEND", b""),
    "short chunks": lambda: small_png(
        chunk(b"gAMA", b""), chunk(b"cHRM", b"\0"), chunk(b"pHYs", b""), chunk(b"sRGB", b"")
    ),
    "PNG of 254 MP, RGBA": lambda: png(BIG, 8, 6, stride=4 * BIG[0]),
    "PNG of 254 MP, RGBA of 16 bits": lambda: png(BIG, 16, 6, stride=8 * BIG[0]),
    "PNG of 254 MP, gray and alpha": lambda: png(BIG, 8, 4, stride=2 * BIG[0]),
    "PNG of 254 MP, 1 bit": lambda: png(BIG, 1, 0, stride=-(-BIG[0] // 8)),
    "PNG of 254 MP, palette": lambda: png(BIG, 8, 3, chunk(b"PLTE", bytes(6)), chunk(b"tRNS", b"\0"), stride=BIG[0]),
    "PNG of 254 MP, 16-bit gray": lambda: png(BIG, 16, 0, stride=2 * BIG[0]),
    "zTXt bomb": lambda: small_png(*[chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(10**8), 9))] * 20),
    "iTXt bomb": lambda: small_png(*[chunk(b"iTXt", b"a\0\1\0\0\0" + zlib.compress(bytes(10**6), 9))] * 200),
    "ICC bomb": lambda: small_png(chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(10**8), 9))),
    "100,000 text chunks": lambda: small_png(*[chunk(b"tEXt", b"a\0b")] * 100_000),
    "100,000 empty IDAT": lambda: small_png(*[chunk(b"IDAT", b"")] * 100_000),
    "eXIf of overlapping tags": lambda: small_png(chunk(b"eXIf", exif_of(20_000, 1_000_000)[6:])),
    "eXIf of overlapping tags of EXIF": lambda: small_png(chunk(b"eXIf", overlapping_exif_directory())),
    "APNG of a billion frames": lambda: small_png(chunk(b"acTL", struct.pack(">II", 2**30, 0))),
    "APNG of no frames": lambda: small_png(chunk(b"acTL", struct.pack(">II", 0, 0))),
    "JPEG of 3,000 scans": lambda: scans(3000),
    "JPEG of 3,000 scans, 100 MP": lambda: scans(3000, (10_000, 10_000)),
    "JPEG of 254 MP, progressive": lambda: scans(1, BIG),
    "JPEG with EXIF of overlapping tags": lambda: encode(Image.new("RGB", (8, 8)), "JPEG", exif=exif_of(2500, 20_000)),
    "WebP of 254 MP": lambda: encode(Image.new("RGB", BIG), "WEBP", lossless=True, method=0),
    "WebP of 254 MP, RGBA": lambda: encode(Image.new("RGBA", BIG), "WEBP", lossless=True, method=0),
    "WebP with EXIF of overlapping tags": lambda: with_chunk(
        encode(Image.new("RGBA", (8, 8)), "WEBP", exif=exif_of(1, 1)), b"EXIF", exif_of(20_000, 1_000_000)
    ),
    "GIF of 254 MP": lambda: gif(BIG),
    "GIF of 200,000 frames": lambda: gif((64, 64), 200_000),
    "GIF with a comment of 8 MB": lambda: gif((64, 64), 1, 8_000_000),
    "TIFF of overlapping tags": overlapping_tags,
    "TIFF of 254 MP without data": lambda: tiff(
        {256: BIG[0], 257: BIG[1], 258: (8, 8, 8, 8), 259: 1, 262: 2, 277: 4, 338: 2, 273: 8, 278: BIG[1], 279: 9},
        bytes(9),
    ),
    "TIFF of 254 MP, LZW": lambda: encode(Image.new("L", BIG), "TIFF", compression="tiff_lzw"),
    "TIFF of tiles of 1×1": lambda: tiff(
        {256: 8000, 257: 8000, 258: 8, 259: 1, 262: 1, 277: 1, 322: 1, 323: 1, 324: (8,) * 400_000, 325: (1,) * 400_000}
    ),
    "TIFF that is its own next page": lambda: encode(Image.new("L", (8, 8)), "TIFF")[:-4] + b"\x08\0\0\0",
    "BMP of 254 MP": lambda: b"BM" + struct.pack("<IIIIiiHHIIiiII", 54, 0, 54, 40, *BIG, 1, 8, 1, 0, 0, 0, 0, 0),
    "PPM of 254 MP": lambda: b"P6 15900 16000 255\n" + bytes(100),
    "plain PPM": lambda: b"P1 3000 3000\n" + b"0 " * 3_000_000,
    "PPM with a long number": lambda: b"P6 " + b"9" * 1_000_000 + b" 1 255\n",
    "PPM with a comment of 8 MB": lambda: b"P6 #" + b"x" * 8_000_000 + b"\n1 1 255\nabc",
    "noise after a JPEG's start": lambda: b"\xff\xd8\xff" + np.random.default_rng(1).bytes(1_000_000),
}
"""What makes each, by what it is."""
