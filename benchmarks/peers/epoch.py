#!/usr/bin/env python3
"""One epoch on CUB-200-2011 as the authors' code goes about it: images are decoded and augmented by
Pillow and torchvision in the main process, the network runs in float32 without channels_last, SGD and
the key encoder move tensor by tensor, and after the epoch every test image is retrieved by the loop
of retrieval.py. A fair peer in all else: PyTorch chooses its own convolutions and threads.

Usage: epoch.py --data DIR [--every 5] [--arch resnet50_c4] [--size 112] [--resize 128] [--batch 32]
                [--threads 2]

DIR holds CUB_200_2011; --every N takes each N-th class. Prints the seconds of the whole process from
the imports on, and of its parts, as JSON.
"""
import time

start = time.perf_counter()

import argparse
import json
import pathlib
import random

import torch
import torch.nn.functional as F
from PIL import Image

from lcr_step import LcrStep
from retrieval import per_query
from two_view_transforms import normalise, view
from torchvision import transforms as T

parser = argparse.ArgumentParser()
parser.add_argument("--data", required=True, type=pathlib.Path)
parser.add_argument("--every", type=int, default=5)
parser.add_argument("--arch", default="resnet50_c4", choices=["resnet18", "resnet50", "resnet50_c4"])
parser.add_argument("--size", type=int, default=112)
parser.add_argument("--resize", type=int, default=128)
parser.add_argument("--batch", type=int, default=32)
parser.add_argument("--threads", type=int, default=2)
args = parser.parse_args()
torch.set_num_threads(args.threads)
torch.manual_seed(0)
random.seed(0)


def table(name):
    lines = (args.data / "CUB_200_2011" / name).read_text().splitlines()
    return dict(line.split() for line in lines)


names, labels = table("images.txt"), table("image_class_labels.txt")
in_training = table("train_test_split.txt")
wanted = [i for i in names if (int(labels[i]) - 1) % args.every == 0]


def read(index):
    return Image.open(args.data / "CUB_200_2011/images" / names[index]).convert("RGB")


class TwoViews(torch.utils.data.Dataset):
    def __init__(self):
        self.indices = [i for i in wanted if in_training[i] == "1"]
        self.transform = view(args.size)

    def __len__(self):
        return len(self.indices)

    def __getitem__(self, i):
        image = read(self.indices[i])
        return self.transform(image), self.transform(image)


class TestViews(torch.utils.data.Dataset):
    def __init__(self):
        self.indices = [i for i in wanted if in_training[i] == "0"]
        self.transform = T.Compose([T.Resize(args.resize), T.CenterCrop(args.size), T.ToTensor(),
                                    normalise])

    def __len__(self):
        return len(self.indices)

    def __getitem__(self, i):
        return self.transform(read(self.indices[i])), int(labels[self.indices[i]])


seconds = {}


def lap(name, since):
    seconds[name] = round(time.perf_counter() - since, 2)
    return time.perf_counter()


at = lap("start", start)
step = LcrStep(args.arch, "imagenet", args.batch, channels_last=False, foreach=False)
for query_view, key_view in torch.utils.data.DataLoader(TwoViews(), args.batch, shuffle=True,
                                                        drop_last=True):
    step(query_view, key_view).item()
at = lap("training", at)
step.query.eval()
step.branch.eval()
features, classes = [], []
with torch.no_grad():
    for images, of_images in torch.utils.data.DataLoader(TestViews(), args.batch):
        maps = step.query.backbone(images)
        pooled = (maps * step.mask(maps).unsqueeze(1)).mean((2, 3))
        features.append(F.normalize(pooled, dim=1))
        classes.append(of_images)
at = lap("features", at)
per_query(torch.cat(features), torch.cat(classes))
lap("retrieval", at)
lap("total", start)
print(json.dumps(seconds))
