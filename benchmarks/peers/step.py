#!/usr/bin/env python3
"""The peer of training_step.cpp: one LCR step as a good PyTorch user would write it today.

channels_last, autocast for bfloat16, in-place ReLU, foreach SGD and momentum update; on CUDA, cuDNN
chooses its algorithms by trying them, and no step waits for the device. Huge pages come from the
environment that make bench-peers sets. Needs a current PyTorch alone.

Usage: step.py --arch narrow --stem imagenet --size 48 --batch 32 [--precision bfloat16]
               [--device cuda] [--compile]
Prints the median samples per second of the steps that fit into --seconds, on CUDA of ten steps at
a time, the operations of one step's convolutions and matrix products, in GFLOP, and the bytes that a
step with fused loops moves at least, in GB. --compile: both backbones through torch.compile; neither
is counted.

The bytes: each number of a convolution's output is touched 19 times in its own precision (in the key's
and in the query's forward pass written once, read for the statistics, read and written for batch norm,
read by what follows; in the backward pass its normalised map's gradient is written, read for the sums
and for the input's gradient, which also read the map itself, and that gradient is written, and read
twice with the input's map); each weight 11 times in float32 (the update reads four and writes three,
the convolutions read three and write the gradient).
"""
import argparse
import statistics
import time

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from lcr_step import LcrStep

parser = argparse.ArgumentParser()
parser.add_argument("--arch", default="resnet50",
                    choices=["narrow", "resnet18", "resnet50", "resnet50_c4"])
parser.add_argument("--stem", default="imagenet", choices=["imagenet", "cifar"])
parser.add_argument("--size", type=int, default=112)
parser.add_argument("--batch", type=int, default=16)
parser.add_argument("--precision", default="float32", choices=["float32", "bfloat16"])
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--seconds", type=float, default=10)
parser.add_argument("--device", default="cpu", type=torch.device)
parser.add_argument("--compile", action="store_true")
args = parser.parse_args()
if args.device.type == "cuda" and not torch.cuda.is_available():
    parser.error("--device cuda: PyTorch finds no GPU")
torch.set_num_threads(args.threads)
torch.manual_seed(0)
torch.backends.cudnn.benchmark = True
torch.backends.cudnn.allow_tf32 = False  # as the suite: float32 is float32

on_gpu = args.device.type == "cuda"
one_step = LcrStep(args.arch, args.stem, args.batch, args.device, args.precision,
                   compiled=args.compile)
views = [torch.randn(args.batch, 3, args.size, args.size, device=args.device).contiguous(
    memory_format=torch.channels_last) for _ in range(2)]


def steps(count):
    for _ in range(count):
        loss = one_step(*views)
    return loss.item()  # waits for the device


flops = moved = float("nan")  # the counters do not see into compiled code
if not args.compile:
    maps = []
    hooks = [module.register_forward_hook(lambda module, inputs, y: maps.append(y.nbytes))
             for module in one_step.query.backbone.modules() if isinstance(module, nn.Conv2d)]
    with FlopCounterMode(display=False) as counter:
        steps(1)
    for hook in hooks:
        hook.remove()
    flops = counter.get_total_flops()
    moved = 19 * sum(maps) + 11 * sum(p.nbytes for p in one_step.query.parameters())
steps(20 if on_gpu else 2)
together = 10 if on_gpu else 1
times, start = [], time.perf_counter()
while time.perf_counter() - start < args.seconds or len(times) < 3:
    before = time.perf_counter()
    steps(together)
    times.append(time.perf_counter() - before)
print(f"{args.batch * together / statistics.median(times):.2f} {flops / 1e9:.1f} {moved / 1e9:.3f}")
