#!/usr/bin/env python3
"""The peer of training_step.cpp: one LCR step as a good PyTorch user would write it today.

channels_last, autocast for bfloat16, in-place ReLU, foreach SGD and momentum update. Huge pages
come from the environment that make bench-peers sets. Needs a current PyTorch alone.

Usage: step.py --arch narrow --stem imagenet --size 48 --batch 32 [--precision bfloat16]
Prints the median samples per second of the steps that fit into --seconds.
"""
import argparse
import statistics
import time

import torch
import torch.nn.functional as F
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--arch", default="resnet50",
                    choices=["narrow", "resnet18", "resnet50", "resnet50_c4"])
parser.add_argument("--stem", default="imagenet", choices=["imagenet", "cifar"])
parser.add_argument("--size", type=int, default=112)
parser.add_argument("--batch", type=int, default=16)
parser.add_argument("--precision", default="float32", choices=["float32", "bfloat16"])
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--seconds", type=float, default=10)
args = parser.parse_args()
torch.set_num_threads(args.threads)
torch.manual_seed(0)

QUEUE, DIM, PROJECTIONS, KEY_MOMENTUM = args.batch * 16, 256, 32, 0.999


def convolution(inputs, outputs, kernel, stride=1):
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)


class Block(nn.Module):
    """A residual block: a chain of (convolution, batch norm), ReLU between and after the sum."""

    def __init__(self, inputs, convolutions, stride):
        super().__init__()
        outputs = convolutions[-1].out_channels
        self.convolutions = nn.ModuleList(convolutions)
        self.norms = nn.ModuleList(nn.BatchNorm2d(c.out_channels) for c in convolutions)
        self.shortcut = None
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(convolution(inputs, outputs, 1, stride),
                                          nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = x
        for i, (conv, norm) in enumerate(zip(self.convolutions, self.norms)):
            y = norm(conv(y))
            if i + 1 < len(self.norms):
                y = F.relu(y, inplace=True)
        y += x if self.shortcut is None else self.shortcut(x)
        return F.relu(y, inplace=True)


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        narrow = args.arch == "narrow"
        counts = {"narrow": [1, 1, 1, 1], "resnet18": [2, 2, 2, 2],
                  "resnet50": [3, 4, 6, 3], "resnet50_c4": [3, 4, 6]}[args.arch]
        base = 32 if narrow else 64
        if narrow:
            self.stem = convolution(3, base, 3, 2)
        elif args.stem == "cifar":
            self.stem = convolution(3, base, 3)
        else:
            self.stem = convolution(3, base, 7, 2)
        self.norm = nn.BatchNorm2d(base)
        self.pool = not narrow and args.stem == "imagenet"
        blocks, channels = [], base
        for stage, count in enumerate(counts):
            planes = base << stage
            for i in range(count):
                strides = [1, 2, 2, 1] if narrow else [1, 2, 2, 2]
                stride = strides[stage] if i == 0 else 1
                if args.arch.startswith("resnet50"):
                    chain = [convolution(channels, planes, 1),
                             convolution(planes, planes, 3, stride),
                             convolution(planes, 4 * planes, 1)]
                else:
                    chain = [convolution(channels, planes, 3, stride),
                             convolution(planes, planes, 3)]
                blocks.append(Block(channels, chain, stride))
                channels = chain[-1].out_channels
        self.blocks = nn.Sequential(*blocks)
        self.channels = channels

    def forward(self, x):
        x = F.relu(self.norm(self.stem(x)), inplace=True)
        if self.pool:
            x = F.max_pool2d(x, 3, 2, 1)
        return self.blocks(x)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = Backbone()
        channels = self.backbone.channels
        self.head = nn.Sequential(nn.Linear(channels, channels), nn.ReLU(inplace=True),
                                  nn.Linear(channels, DIM))

    def forward(self, x):
        with torch.autocast("cpu", torch.bfloat16, enabled=args.precision == "bfloat16"):
            features = self.backbone(x)
        features = features.float()
        return features, F.normalize(self.head(features.mean((2, 3))), dim=1)


query, key = Encoder(), Encoder()
key.load_state_dict(query.state_dict())
key.requires_grad_(False)
branch = nn.Sequential(nn.Conv2d(query.backbone.channels, PROJECTIONS, 1, bias=False),
                       nn.BatchNorm2d(PROJECTIONS), nn.ReLU(inplace=True))
for module in (query, key, branch):
    module.to(memory_format=torch.channels_last).train()
parameters = [*query.parameters(), *branch.parameters()]
optimizer = torch.optim.SGD(parameters, 0.001, momentum=0.9, weight_decay=1e-4, foreach=True)
key_parameters, query_parameters = list(key.parameters()), list(query.parameters())
queue = F.normalize(torch.randn(DIM, QUEUE), dim=0)
views = [torch.randn(args.batch, 3, args.size, args.size).contiguous(
    memory_format=torch.channels_last) for _ in range(2)]
classes = torch.zeros(args.batch, dtype=torch.long)
position = 0


def step():
    global position
    features, q = query(views[0])
    with torch.no_grad():
        k = key(views[1])[1]
    positive = (q * k).sum(1, keepdim=True)
    loss = F.cross_entropy(torch.cat([positive, q @ queue], 1) / 0.2, classes)
    mask = branch(features).amax(1)
    mask = mask - mask.amin((1, 2), keepdim=True)
    mask = mask / (mask.amax((1, 2), keepdim=True) + 1e-7)
    gradient, = torch.autograd.grad(positive.sum(), features, retain_graph=True)
    cam = F.relu((features.detach() * gradient).sum(1))
    cam = cam / (cam.amax((1, 2), keepdim=True) + 1e-7)
    loss = loss + F.kl_div(F.log_softmax(mask.flatten(1) / 0.4, 1),
                           F.softmax(cam.flatten(1) / 0.4, 1), reduction="batchmean")
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        torch._foreach_mul_(key_parameters, KEY_MOMENTUM)
        torch._foreach_add_(key_parameters, query_parameters, alpha=1 - KEY_MOMENTUM)
        queue[:, position:position + args.batch] = k.t()
    position = (position + args.batch) % QUEUE
    return loss.item()


for _ in range(2):
    step()
times, start = [], time.perf_counter()
while time.perf_counter() - start < args.seconds or len(times) < 3:
    before = time.perf_counter()
    step()
    times.append(time.perf_counter() - before)
print(f"{args.batch / statistics.median(times):.2f}")
