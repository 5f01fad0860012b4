#!/usr/bin/python3
"""Writes pixel_ops.json: what Pillow and torchvision make of a small image, for tests/data/pixel_ops_test.cpp.

Needs Debian's python3-torchvision. Run from anywhere; the output lies beside this script.
"""
import json
import pathlib

import numpy as np
from PIL import Image, ImageFilter
from torchvision.transforms import functional as F

H, W = 20, 26
rng = np.random.default_rng(7)
base = rng.integers(0, 256, (5, 6, 3)).astype(np.uint8)
image = Image.fromarray(np.clip(np.asarray(Image.fromarray(base).resize((W, H), Image.BICUBIC)).astype(int)
                                + rng.integers(-20, 21, (H, W, 3)), 0, 255).astype(np.uint8))
image.paste((90, 90, 90), (3, 4, 9, 8))  # a grey patch: hue is undefined there


def pixels(img):
    return np.asarray(img.convert("RGB")).flatten().tolist()


cases = []


def case(op, img, **parameters):
    cases.append({"op": op, "parameters": parameters, "height": img.height, "width": img.width, "pixels": pixels(img)})


for x, y, w, h, oh, ow in ((0, 0, 26, 20, 20, 26), (2, 3, 17, 11, 16, 16), (5, 1, 20, 19, 8, 8), (0, 0, 26, 20, 7, 40), (9, 9, 1, 1, 4, 4)):
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
case("flip", F.hflip(image))
case("test_view", F.center_crop(F.resize(image, 15), [12, 12]), resize=15, size=12)

path = pathlib.Path(__file__).with_name("pixel_ops.json")
path.write_text(json.dumps({"height": H, "width": W, "pixels": pixels(image), "cases": cases}, separators=(",", ":")))
print(path, path.stat().st_size, "bytes")
