#!/usr/bin/env python3
"""Times training steps that several processes share: benchmarks/ranks.py BIN [BIN...] [--rounds 5]

Each rank has one thread and 16 images a step: LCR on ResNet-18, 32 pixels, float32, Fashion-MNIST.
On the loopback address with 1, 2 and 4 ranks; and, as root with iproute2, with 2 ranks in two
network namespaces between which a cable of 10 and of 1 Gbit/s is laid. All in turn, as many rounds
as asked for, and with each of several builds. Prints a Markdown table: the median and the range of the time of a step, what a rank
sends per step, and the rest of the program's time, in which it starts and connects.
"""
import argparse
import functools
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

STEPS, IMAGES = 12, 16
SPACES = [f"lcr{os.getpid()}{name}" for name in "ab"]
ADDRESSES = ["10.231.7.1", "10.231.7.2"]


def command(binary, ranks, work, more=()):
    return [str(binary / "cifar100_baseline"), "--preset", "quick", "--rows", "Ours", "--arch", "resnet18",
            "--image-size", "32", "--precision", "float32", "--queue-size", "4096", "--seeds", "0",
            "--batch-size", str(IMAGES * ranks), "--ranks", str(ranks), "--threads", str(ranks),
            "--max-steps", str(STEPS), "--runs", f"{work}/runs", "--results", f"{work}/results", *more]


def bytes_sent(device, space=None):
    inside = ["ip", "netns", "exec", space] if space else []
    text = subprocess.run([*inside, "cat", "/proc/net/dev"], capture_output=True, text=True, check=True).stdout
    return int(re.search(rf"^\s*{device}:\s*(.*)$", text, re.M).group(1).split()[8])


def speed(text):
    found = re.search(r"([\d.]+) samples/s", text)
    if not found:
        sys.exit(f"ranks.py: no speed in:\n{text}")
    return float(found.group(1))


def on_loopback(binary, ranks, work):
    before, start = bytes_sent("lo"), time.monotonic()
    done = subprocess.run(command(binary, ranks, work), capture_output=True, text=True)
    wall, sent = time.monotonic() - start, bytes_sent("lo") - before
    step = IMAGES * ranks / speed(done.stderr)
    return step, sent / STEPS / ranks, wall - STEPS * step


def name_of_run(binary, work):
    plan = subprocess.run([*command(binary, 2, work), "--dry-run"], capture_output=True, text=True, check=True)
    return re.search(r"c1 +Ours +seed 0 +(\S+)", plan.stdout).group(1)


def on_two_machines(binary, work, run, gigabits):
    for space in SPACES:
        subprocess.run(["tc", "-n", space, "qdisc", "replace", "dev", "cable", "root", "tbf", "rate", f"{gigabits}gbit",
                        "burst", "1mb", "latency", "50ms"], check=True)
    before, start, ranks = bytes_sent("cable", SPACES[1]), time.monotonic(), []
    for rank, space in enumerate(SPACES):
        variables = {"RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "2",
                     "MASTER_ADDR": ADDRESSES[0], "MASTER_PORT": "29500"}
        ranks.append(subprocess.Popen(["ip", "netns", "exec", space, *command(binary, 2, work, ["--worker-run", run])],
                                      env=os.environ | variables, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                      text=True))
    texts = [rank.communicate()[1] for rank in ranks]
    wall, sent = time.monotonic() - start, bytes_sent("cable", SPACES[1]) - before
    step = IMAGES * 2 / speed(texts[0])
    return step, sent / STEPS, wall - STEPS * step


def lay_cable():
    """Makes the two namespaces. Returns whether that is possible here."""
    if os.geteuid() != 0:
        return False
    steps = [f"netns add {SPACES[0]}", f"netns add {SPACES[1]}",
             f"link add cable netns {SPACES[0]} type veth peer name cable netns {SPACES[1]}"]
    for space, address in zip(SPACES, ADDRESSES):
        steps += [f"-n {space} addr add {address}/24 dev cable", f"-n {space} link set lo up",
                  f"-n {space} link set cable up"]
    return all(subprocess.run(["ip", *step.split()], check=False).returncode == 0 for step in steps)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("builds", type=pathlib.Path, nargs="+", metavar="BIN")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    os.environ["OMP_WAIT_POLICY"] = "passive"
    with tempfile.TemporaryDirectory() as work:
        ways = {}
        try:
            cable = lay_cable()
            if not cable:
                print("no network namespaces here: loopback only", file=sys.stderr)
            for build in arguments.builds:
                binary = build.resolve()
                label = f", {build}" if len(arguments.builds) > 1 else ""
                for ranks in (1, 2, 4):
                    ways[f"{ranks} on loopback{label}"] = functools.partial(on_loopback, binary, ranks, work)
                for gigabits in (10, 1) if cable else ():
                    ways[f"2, cable of {gigabits} Gbit/s{label}"] = functools.partial(
                        on_two_machines, binary, work, name_of_run(binary, work), gigabits)
            seen = {name: [] for name in ways}
            for _ in range(arguments.rounds):
                for name, measure in ways.items():
                    seen[name].append(measure())
        finally:
            for space in SPACES:
                subprocess.run(["ip", "netns", "del", space], stderr=subprocess.DEVNULL, check=False)
    print("| ranks | step, median (range) | sent by a rank per step | the rest of the program |\n|---|---|---|---|")
    for name, values in seen.items():
        steps, sent, rest = zip(*values)
        print(f"| {name} | {statistics.median(steps):.3f} s ({min(steps):.3f} to {max(steps):.3f}) "
              f"| {statistics.median(sent) / 1e6:.1f} MB | {statistics.median(rest):.1f} s |")


if __name__ == "__main__":
    main()
