#!/usr/bin/env python3
"""Compares lcr-benchmark's training step with its peer, step.py, in turn, as a Markdown table.

Usage: compare_steps.py --benchmark build/bin/lcr-benchmark --python .venv-torch/bin/python
       [--rounds 5] [--threads 1] [--precision float32,bfloat16] [--settings narrow,resnet50]
       [--device cuda]

Each round runs the peer and then the suite, in processes of their own, so that what slows the
machine down for a while slows both. The peer gets huge pages through its environment, which the
suite takes for itself. On CUDA there are two peers: as it is, and through torch.compile. On the CPU
the last two columns are the distance to the floor, measured in each round: the shares of the step's time
that its convolutions (with their padding) and matrix products would take at the speed of the machine's
best matrix product, and the bytes that it moves at least (step.py says which) at the speed of a copy of
memory.
"""
import argparse
import json
import math
import os
import pathlib
import statistics
import subprocess

SETTINGS = [  # architecture, stem, picture, batch
    ("resnet50", "imagenet", 112, 16),
    ("resnet50_c4", "imagenet", 112, 32),
    ("resnet18", "cifar", 32, 64),
    ("narrow", "imagenet", 48, 32),
    ("resnet18", "imagenet", 224, 16),
]
CUDA_SETTINGS = [  # those of lcr-benchmark --device cuda
    ("resnet18", "cifar", 32, 128),
    ("resnet50", "imagenet", 224, 128),
    ("resnet50", "imagenet", 224, 256),
]
HUGE_PAGES = {
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    "MALLOC_MMAP_THRESHOLD_": "100000000000",
    "MALLOC_TRIM_THRESHOLD_": "100000000000",
    "MALLOC_TOP_PAD_": str(256 << 20),
}

parser = argparse.ArgumentParser()
parser.add_argument("--benchmark", default="build/bin/lcr-benchmark")
parser.add_argument("--python", default=".venv-torch/bin/python")
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--seconds", type=float, default=5, help="of each measurement, at least")
parser.add_argument("--precision", default="float32")
parser.add_argument("--settings", default="", help="architectures, all if empty")
parser.add_argument("--device", default="cpu")
args = parser.parse_args()
on_gpu = args.device.startswith("cuda")
environment = {**os.environ, "OMP_WAIT_POLICY": "passive"}


def peer(arch, stem, size, batch, precision, *variant):
    script = pathlib.Path(__file__).with_name("step.py")
    command = [args.python, script, "--arch", arch, "--stem", stem, "--size", size, "--batch", batch,
               "--precision", precision, "--threads", args.threads, "--seconds", args.seconds,
               "--device", args.device, *variant]
    done = subprocess.run([str(word) for word in command], env={**environment, **HUGE_PAGES},
                          check=True, capture_output=True, text=True)
    return [float(word) for word in done.stdout.split()]  # samples/s, a step's GFLOP and GB


def benchmark(name):
    done = subprocess.run(
        [args.benchmark, f"--benchmark_filter={name}", "--benchmark_format=json",
         f"--benchmark_min_time={args.seconds}", f"--device={args.device}"],
        env={**environment, "LCR_BENCHMARK_THREADS": str(args.threads)}, check=True,
        capture_output=True, text=True)
    report = json.loads(done.stdout)
    return report["benchmarks"][0], report["context"]


def ours(arch, stem, size, batch, precision):
    name = f"step/lcr/{arch}/{stem}/{size}px/b{batch}/{precision}/"
    result, context = benchmark(name)
    return result["items_per_second"], context


def matrix_product(precision):
    """GFLOP/s; NaN on a GPU, and where the processor multiplies no bfloat16."""
    return math.nan if on_gpu else benchmark(f"gemm_peak/{precision}")[0].get("GFLOP/s", math.nan)


def memory():
    """GB/s; NaN on a GPU."""
    return math.nan if on_gpu else benchmark("memory_copy")[0]["GB/s"]


PEERS = {"eager": [], "compiled": ["--compile"]} if on_gpu else {"eager": []}
wanted = [name for name in args.settings.split(",") if name]
print("| setting | precision | peer | peer, samples/s | ours, samples/s | ratio of the medians | ratios "
      "| products | bytes |")
print("|---|---|---|---|---|---|---|---|---|")
context = {}
for precision in args.precision.split(","):
    for setting in CUDA_SETTINGS if on_gpu else SETTINGS:
        if wanted and setting[0] not in wanted:
            continue
        rounds, shares = [], []
        arch, stem, size, batch = setting
        for _ in range(args.rounds):
            theirs = {name: peer(*setting, precision, *words) for name, words in PEERS.items()}
            own, context = ours(*setting, precision)
            rounds.append(({name: speed for name, (speed, *_) in theirs.items()}, own))
            _, operations, moved = theirs["eager"]
            shares.append((own / batch * operations / matrix_product(precision),
                           own / batch * moved / memory()))
        own = statistics.median(own for _, own in rounds)
        for name in PEERS:
            theirs = statistics.median(theirs[name] for theirs, _ in rounds)
            ratios = sorted(own / theirs[name] for theirs, own in rounds)
            floor = ["-" if on_gpu else f"{statistics.median(share):.2f}" for share in zip(*shares)]
            print(f"| {arch}, {stem}, {size} px, {batch} | {precision} | {name} | {theirs:.2f} | {own:.2f} "
                  f"| **{own / theirs:.2f}** | {ratios[0]:.2f} to {ratios[-1]:.2f} "
                  f"| {floor[0]} | {floor[1]} |", flush=True)
print(f"\nn = {args.rounds} alternations, {args.threads} thread(s); {context.get('device')}, CPU loops "
      f"{context.get('CPU loops')}, huge pages {context.get('huge pages')}, commit "
      f"{context.get('commit')}")
