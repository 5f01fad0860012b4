#!/usr/bin/env python3
"""Writes image_files.json into this folder, for tests/image/image_file_test.cpp and the fuzzer.

It holds small PNG and JPEG files of every kind that the standards allow and people meet, each with
the SHA-256 of the bytes that Pillow's convert("RGB") gives. Needs NumPy, Pillow and cjpeg of
libjpeg-turbo, which writes samplings that Pillow cannot write.
"""
import hashlib
import io
import json
import pathlib
import struct
import subprocess
import tempfile
import zlib

import numpy as np
from PIL import Image

rng = np.random.default_rng(11)
files = []


def file_case(name, data):
    decoded = Image.open(io.BytesIO(data))
    if decoded.mode == "I;16":
        # Pillow makes everything above 255 white; the suite takes the high byte, as of colour.
        grey = (np.asarray(decoded) >> 8).astype(np.uint8)
        pixels = np.repeat(grey[..., None], 3, -1)
    else:
        pixels = np.asarray(decoded.convert("RGB"))
    files.append({
        "name": name,
        "bytes": data.hex(),
        "height": decoded.height,
        "width": decoded.width,
        "sha256": hashlib.sha256(pixels.tobytes()).hexdigest(),
    })


# ---- PNG -----------------------------------------------------------------------------------------
H, W = 9, 11
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
PASSES = (  # of Adam7: first row and column, steps
    (0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)
)
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}


def chunk(kind, content):
    return (
        struct.pack(">I", len(content)) + kind + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def scanlines(values, depth):
    """Rows of values (height, width, channels), each after filter type 0."""
    if values.size == 0:
        return b""
    rows = values.reshape(len(values), -1)
    if depth == 16:
        packed = rows.astype(">u2").view(np.uint8)
    else:
        bits = np.unpackbits(rows.astype(np.uint8)[..., None], -1)[..., 8 - depth :]
        packed = np.packbits(bits.reshape(len(rows), -1), -1)
    return b"".join(b"\0" + row.tobytes() for row in packed)


def png(colour, depth, interlaced=False, chunks=(), palette=None, end=True):
    top = 1 << depth if palette is None else palette
    values = rng.integers(0, top, (H, W, CHANNELS[colour]))
    data = scanlines(values, depth)
    if interlaced:  # Adam7
        data = b"".join(scanlines(values[y::dy, x::dx], depth) for y, x, dy, dx in PASSES)
    out = b"\x89PNG\r\n\x1a\n" + chunk(
        b"IHDR", struct.pack(">IIBBBBB", W, H, depth, colour, 0, 0, interlaced)
    )
    before = [c for c in chunks if c[0] not in (b"tRNS", b"bKGD")]
    out += b"".join(chunk(*c) for c in before)
    if colour == PALETTE:
        entries = rng.integers(0, 256, 3 * min(top, 1 << depth)).astype(np.uint8)
        out += chunk(b"PLTE", entries.tobytes())
    out += b"".join(chunk(*c) for c in chunks if c not in before)
    out += chunk(b"IDAT", zlib.compress(data, 9))
    return out + chunk(b"IEND", b"") * end


depths = {
    GREY: (1, 2, 4, 8, 16), RGB: (8, 16), PALETTE: (1, 2, 4, 8), GREY_ALPHA: (8, 16), RGBA: (8, 16)
}
names = {GREY: "grey", RGB: "RGB", PALETTE: "palette", GREY_ALPHA: "grey+alpha", RGBA: "RGBA"}
for colour, name in names.items():
    for depth in depths[colour]:
        for interlaced in (False, True):
            label = f"png {name} {depth}" + " interlaced" * interlaced
            entries = 20 if (colour, depth) == (PALETTE, 8) else None
            file_case(label, png(colour, depth, interlaced, palette=entries))
gamma = {g: (b"gAMA", struct.pack(">I", g)) for g in (30000, 45455, 100000)}
chromaticities = (
    b"cHRM", struct.pack(">8I", 34567, 35850, 64000, 33000, 21000, 71000, 15000, 6000)
)
profile = (b"iCCP", b"profile\0\0" + zlib.compress(bytes(200)))
for colour, depth in (
    (GREY, 4), (GREY, 8), (GREY, 16), (RGB, 8), (RGB, 16), (PALETTE, 4), (GREY_ALPHA, 8),
    (RGBA, 8), (RGBA, 16),
):
    file_case(f"png {names[colour]} {depth} gamma 1", png(colour, depth, chunks=[gamma[100000]]))
file_case("png RGB 8 gamma 0.3", png(RGB, 8, chunks=[gamma[30000]]))
file_case("png RGB 16 gamma 1/2.2", png(RGB, 16, chunks=[gamma[45455]]))
file_case("png RGB 8 cHRM", png(RGB, 8, chunks=[gamma[100000], chromaticities]))
file_case("png RGB 16 sRGB", png(RGB, 16, chunks=[(b"sRGB", b"\0")]))
file_case("png RGB 8 iCCP", png(RGB, 8, chunks=[profile]))
file_case("png RGB 8 sBIT", png(RGB, 8, chunks=[(b"sBIT", b"\5\6\5")]))
file_case("png RGB 8 tRNS bKGD", png(RGB, 8, chunks=[(b"tRNS", bytes(6)), (b"bKGD", bytes(6))]))
file_case("png grey 2 tRNS", png(GREY, 2, chunks=[(b"tRNS", b"\0\1")]))
file_case("png grey 8 tRNS", png(GREY, 8, chunks=[(b"tRNS", b"\0\7")]))
file_case("png grey 16 tRNS", png(GREY, 16, chunks=[(b"tRNS", b"\1\7")]))
file_case("png palette 4 tRNS", png(PALETTE, 4, chunks=[(b"tRNS", bytes(range(0, 160, 10)))]))
translucent = [gamma[100000], (b"tRNS", b"\0\x80")]
file_case("png palette 8 tRNS gamma 1", png(PALETTE, 8, palette=9, chunks=translucent))
file_case("png RGB 8 without end chunk", png(RGB, 8, end=False))

# ---- JPEG ----------------------------------------------------------------------------------------
height, width = 21, 37
colours = rng.integers(0, 256, (5, 6, 3)).astype(np.uint8)
smooth = np.asarray(Image.fromarray(colours).resize((width, height), Image.BICUBIC)).astype(int)
noisy = np.clip(smooth + rng.integers(-20, 21, smooth.shape), 0, 255).astype(np.uint8)
image = Image.fromarray(noisy)
ppm = io.BytesIO()
image.save(ppm, "PPM")


def cjpeg(*options):
    tables = [] if "-arithmetic" in options else ["-optimize"]
    command = ["cjpeg", "-quality", "85", *tables, *options]
    return subprocess.run(command, input=ppm.getvalue(), stdout=subprocess.PIPE, check=True).stdout


# Every factor of the luma that the standard allows for chroma of factor 1, then chroma of its own.
for sampling in (
    "1x1", "1x2", "1x3", "1x4", "2x1", "2x2", "2x3", "2x4", "3x1", "3x2", "4x1", "4x2",
    "2x1,1x1,2x1", "2x2,2x1,2x1", "2x2,1x2,1x2", "2x2,2x1,1x2", "4x1,2x1,1x1", "1x4,1x2,1x1",
    "3x1,3x1,1x1", "1x1,2x2,2x2", "1x1,2x1,1x2", "1x2,4x1,1x1", "1x2,1x2,1x2",
):
    sampling += ",1x1,1x1" * ("," not in sampling)
    file_case(f"jpeg {sampling}", cjpeg("-sample", sampling))
for sampling in ("4x1,1x1,1x1", "2x2,2x1,1x2"):
    file_case(f"jpeg {sampling} progressive", cjpeg("-sample", sampling, "-progressive"))
    file_case(f"jpeg {sampling} arithmetic", cjpeg("-sample", sampling, "-arithmetic"))
    file_case(f"jpeg {sampling} restarts", cjpeg("-sample", sampling, "-restart", "1B"))
    file_case(f"jpeg {sampling} RGB", cjpeg("-sample", sampling, "-rgb"))
with tempfile.NamedTemporaryFile("w", suffix=".txt") as scans:
    scans.write("0;\n1;\n2;\n")
    scans.flush()
    # Without interleaving, a factor may be what it likes.
    for sampling in ("2x2,1x1,1x1", "4x4,1x1,1x1", "2x2,2x2,2x2"):
        data = cjpeg("-sample", sampling, "-scans", scans.name)
        file_case(f"jpeg {sampling} in three scans", data)
file_case("jpeg 2x2 grey", cjpeg("-sample", "2x2", "-grayscale"))
file_case("jpeg 4x3 grey", cjpeg("-sample", "4x3", "-grayscale"))
for subsampling in ("4:4:4", "4:2:2", "4:2:0"):
    buffer = io.BytesIO()
    image.convert("CMYK").save(buffer, "JPEG", quality=85, subsampling=subsampling, optimize=True)
    cmyk = buffer.getvalue()
    file_case(f"jpeg CMYK {subsampling}", cmyk)
    adobe = cmyk.index(b"Adobe")
    transform = adobe + 11
    ycck = cmyk[:transform] + b"\2" + cmyk[transform + 1 :]
    file_case(f"jpeg YCCK {subsampling}", ycck)
    unmarked = cmyk[: adobe - 4] + cmyk[adobe + 12 :]
    file_case(f"jpeg CMYK {subsampling} without Adobe's marker", unmarked)
for version in (1, 2):  # 2: no such version
    plain = cjpeg("-sample", "2x2")
    at = plain.index(b"JFIF") + 5
    file_case(f"jpeg JFIF {version}", plain[:at] + bytes([version]) + plain[at + 1 :])

path = pathlib.Path(__file__).with_name("image_files.json")
path.write_text("[\n" + ",\n".join(json.dumps(f) for f in files) + "\n]\n")
print(path, len(files), "files,", path.stat().st_size, "bytes")
