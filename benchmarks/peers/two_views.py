#!/usr/bin/env python3
"""The peer of data_pipeline.cpp: PIL and torchvision decode an image and make MoCo v2's two
normalised views, on one thread.

Usage: two_views.py [FOLDER]

FOLDER holds train/CLASS/*.jpg; without it, the images are CUB_200_2011 in $LCR_DATA. Prints the
samples per second of decoding alone, of two views of a decoded image, and of both.
"""
import io
import os
import pathlib
import random
import sys
import time

import torch
from PIL import Image

import two_view_transforms

torch.set_num_threads(1)
random.seed(0)
torch.manual_seed(0)

view = two_view_transforms.view(224)

if len(sys.argv) > 1:
    paths = sorted(pathlib.Path(sys.argv[1], "train").glob("*/*.jpg"))
else:
    paths = sorted(pathlib.Path(os.environ["LCR_DATA"], "CUB_200_2011/images").glob("*/*.jpg"))
random.shuffle(paths)
files = [p.read_bytes() for p in paths[:512]]


def decode(data):
    return Image.open(io.BytesIO(data)).convert("RGB")


decoded = [decode(f) for f in files]


def rate(body, items, seconds=6.0):
    """Calls of body per second, over items in turn, after 16 calls to warm up."""
    for item in items[:16]:
        body(item)
    start, done = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        body(items[done % len(items)])
        done += 1
    return done / (time.perf_counter() - start)


def two_views(image):
    return view(image), view(image)


print(f"decode                   {rate(decode, files):9.1f} samples/s")
print(f"two views of a decoded   {rate(two_views, decoded):9.1f} samples/s")
print(f"decode and two views     {rate(lambda f: two_views(decode(f)), files):9.1f} samples/s")
