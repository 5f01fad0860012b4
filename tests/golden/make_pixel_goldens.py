#!/usr/bin/python3
"""Writes pixel_ops.json into this folder, for tests/image/augment_test.cpp and image_file_test.cpp.

It holds the results of Pillow and torchvision for a small image, for every colour and for small
image files, and the distribution of torchvision's crops. Needs Debian's python3-torchvision.
"""
import hashlib
import io
import json
import pathlib

import numpy as np
import torch
from PIL import Image, ImageFilter
from torchvision.transforms import InterpolationMode, RandomResizedCrop
from torchvision.transforms import functional as F

H, W = 20, 26
rng = np.random.default_rng(7)
base = rng.integers(0, 256, (5, 6, 3)).astype(np.uint8)
smooth = np.asarray(Image.fromarray(base).resize((W, H), Image.BICUBIC)).astype(int)
image = Image.fromarray(
    np.clip(smooth + rng.integers(-20, 21, (H, W, 3)), 0, 255).astype(np.uint8)
)
image.paste((90, 90, 90), (3, 4, 9, 8))  # a grey patch: hue is undefined there


def pixels(img):
    return np.asarray(img.convert("RGB")).flatten().tolist()


cases = []


def case(op, img, **parameters):
    cases.append({
        "op": op,
        "parameters": parameters,
        "height": img.height,
        "width": img.width,
        "pixels": pixels(img),
    })


for x, y, w, h, oh, ow in (
    (0, 0, 26, 20, 20, 26),
    (2, 3, 17, 11, 16, 16),
    (5, 1, 20, 19, 8, 8),
    (0, 0, 26, 20, 7, 40),
    (9, 9, 1, 1, 4, 4),
):
    case("crop_resize", F.resized_crop(image, y, x, h, w, [oh, ow]), x=x, y=y, w=w, h=h)
for factor in (0.6, 0.93, 1.0, 1.4):
    case("brightness", F.adjust_brightness(image, factor), factor=factor)
    case("contrast", F.adjust_contrast(image, factor), factor=factor)
    case("saturation", F.adjust_saturation(image, factor), factor=factor)
for shift in (-0.5, -0.1, -0.003, 0.0, 0.07, 0.1):
    case("hue", F.adjust_hue(image, shift), factor=shift)
case("gray", F.to_grayscale(image, 3))
for sigma in (0.1, 0.4, 0.77, 1.3, 2.0, 6.0):
    case("blur", image.filter(ImageFilter.GaussianBlur(sigma)), factor=sigma)
for length, sigmas in ((23, (0.1, 0.77, 1.3, 2.0, 6.0)), (1, (0.5,)), (3, (0.8, 2.0)), (7, (2.0,))):
    for sigma in sigmas:
        case("blur_by_kernel", F.gaussian_blur(image, length, sigma), factor=sigma, length=length)
for x, y, w, h, oh, ow in (
    (0, 0, 26, 20, 20, 26),
    (2, 3, 17, 11, 30, 16),
    (5, 1, 20, 19, 8, 8),
    (9, 9, 1, 1, 4, 4),
):
    crop = F.resized_crop(image, y, x, h, w, [oh, ow], InterpolationMode.BICUBIC)
    case("bicubic", crop, x=x, y=y, w=w, h=h)
case("solarise", F.solarize(image, 128))
case("flip", F.hflip(image))
case("test_view", F.center_crop(F.resize(image, 15), [12, 12]), resize=15, size=12)
bicubic = F.resize(image, 15, InterpolationMode.BICUBIC)
case("test_view_bicubic", F.center_crop(bicubic, [12, 12]), resize=15, size=12)

# All 2^24 colours as 4096 x 4096 pixels: the SHA-256 of the results.
every = np.arange(1 << 24, dtype=np.uint32)
every = np.stack([every >> 16, every >> 8 & 255, every & 255], -1)
every = Image.fromarray(every.astype(np.uint8).reshape(4096, 4096, 3))


def sha256(img):
    return hashlib.sha256(np.asarray(img).tobytes()).hexdigest()


every_colour = [
    {"op": "hue", "factor": f, "sha256": sha256(F.adjust_hue(every, f))} for f in (0.07, -0.1)
]
every_colour += [
    {"op": "saturation", "factor": f, "sha256": sha256(F.adjust_saturation(every, f))}
    for f in (0.63, 1.37)
]

# Large crops of a noisy image: every rounding of the resampling and of the blur.
i = np.arange(600 * 700 * 3, dtype=np.uint64)
noise = ((i * i * 40503 + i * 2654435761 >> 16) & 255).astype(np.uint8)
noisy = Image.fromarray(noise.reshape(600, 700, 3))
large = []
for x, y, w, h in ((0, 0, 700, 600), (13, 27, 501, 377), (200, 100, 224, 224), (310, 5, 97, 131)):
    for name, mode in (
        ("bilinear", InterpolationMode.BILINEAR),
        ("bicubic", InterpolationMode.BICUBIC),
    ):
        digest = sha256(F.resized_crop(noisy, y, x, h, w, [224, 224], mode))
        large.append({"op": name, "x": x, "y": y, "w": w, "h": h, "sha256": digest})
for sigma in (0.1, 0.31, 0.77, 1.3, 1.99):
    digest = sha256(noisy.filter(ImageFilter.GaussianBlur(sigma)))
    large.append({"op": "blur", "factor": sigma, "sha256": digest})
for factor in (0.61, 0.97, 1.33):
    digest = sha256(F.adjust_contrast(noisy, factor))
    large.append({"op": "contrast", "factor": factor, "sha256": digest})

# Image files, and the results of Pillow's convert("RGB").
files = []


def file_case(name, img, form, **options):
    buffer = io.BytesIO()
    img.save(buffer, form, **options)
    decoded = Image.open(io.BytesIO(buffer.getvalue()))
    files.append({
        "name": name,
        "bytes": buffer.getvalue().hex(),
        "height": decoded.height,
        "width": decoded.width,
        "pixels": pixels(decoded),
    })


exif = Image.Exif()
exif[0x0112] = 6  # "rotate by 90 degrees", which torchvision ignores
file_case("4:2:0", image, "JPEG", quality=85)
file_case("4:4:4", image, "JPEG", quality=95, subsampling=0)
file_case("progressive", image, "JPEG", quality=80, progressive=True)
file_case("grey", image.convert("L"), "JPEG", quality=90)
file_case("cmyk", image.convert("CMYK"), "JPEG", quality=90)
file_case("exif", image, "JPEG", quality=85, exif=exif)
file_case("png", image, "PNG")
file_case("png grey", image.convert("L"), "PNG")
file_case("png palette", image.convert("P"), "PNG")
translucent = image.convert("RGBA")
translucent.putalpha(Image.fromarray(rng.integers(0, 256, (H, W)).astype(np.uint8)))
file_case("png alpha", translucent, "PNG")

# torchvision's random crops: quantiles of their area and aspect.
torch.manual_seed(0)
crops = []
for height, width, low in ((100, 100, 0.2), (160, 213, 0.2), (375, 500, 0.08)):
    blank = Image.new("L", (width, height))
    draws = np.array(
        [
            RandomResizedCrop.get_params(blank, (low, 1.0), (3 / 4, 4 / 3))
            for _ in range(200000)
        ],
        float,
    )
    at = [0.05, 0.25, 0.5, 0.75, 0.95]
    crops.append({
        "height": height,
        "width": width,
        "low": low,
        "at": at,
        "area": np.quantile(draws[:, 2] * draws[:, 3], at).tolist(),
        "aspect": np.quantile(draws[:, 3] / draws[:, 2], at).tolist(),
        "left": np.quantile((draws[:, 1] + 0.5) / (width - draws[:, 3] + 1), at).tolist(),
    })

path = pathlib.Path(__file__).with_name("pixel_ops.json")
golden = {
    "height": H,
    "width": W,
    "pixels": pixels(image),
    "cases": cases,
    "every_colour": every_colour,
    "large": large,
    "files": files,
    "crops": crops,
}
path.write_text(json.dumps(golden, separators=(",", ":")))
print(path, path.stat().st_size, "bytes")
