#!/usr/bin/env python3
"""How often paired claims err if nothing differs, and what pairing removes: Markdown tables.

Usage: pairing_study.py POOL TWIN [RESULTS]

POOL and TWIN: results of one experiment's rows and seeds, trained with different numbers of
threads, which changes nothing but rounding (ci/README.md has the commands). RESULTS: results whose
rows "LCR" and "MoCo v2" show what pairing removes from the spread of their difference. Needs scipy.
"""
import collections
import csv
import pathlib
import statistics
import sys

from scipy import stats


def read(folder, metric):
    """Values by (row, pooling) and seed, after the last epoch."""
    values = collections.defaultdict(dict)
    with open(pathlib.Path(folder, "main.csv"), newline="") as file:
        for row in csv.DictReader(file):
            if row["selection"] == "last" and row["metric"] == metric:
                values[row["row"], row["pooling"]][int(row["seed"])] = float(row["value"])
    return values


def exact_interval(k, n):
    interval = stats.binomtest(k, n).proportion_ci(0.95, method="exact")
    return f"{k} of {n}: {100 * k / n:.1f} % [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


pool, twin = sys.argv[1:3]
print("| metric | n | holds or fails though nothing differs (10 % expected) | mean size of a difference |")
print("|---|---|---|---|")
for metric in ("rank1", "mean_average_precision"):
    first, second = read(pool, metric), read(twin, metric)
    for size in (3, 5):
        decided = trials = 0
        sizes = []
        for key, by_seed in first.items():
            seeds = sorted(set(by_seed) & set(second.get(key, {})))
            differences = [second[key][s] - by_seed[s] for s in seeds]
            if not any(differences):
                continue  # not trained, or no drift: no null to test
            sizes += [abs(d) for d in differences]
            for at in range(0, len(differences) - size + 1, size):  # disjoint: independent
                own = differences[at:at + size]
                trials += 1
                if len(set(own)) > 1:
                    p = stats.ttest_1samp(own, 0, alternative="greater").pvalue
                    decided += p < 0.05 or p > 0.95
        print(f"| {metric} | {size} | {exact_interval(decided, trials)} | {statistics.mean(sizes):.2f} |")

if len(sys.argv) > 3:
    print("\n| metric | sd of MoCo v2 | sd of LCR | sd of the difference, if independent | paired | removed |")
    print("|---|---|---|---|---|---|")
    for metric in ("rank1", "mean_average_precision"):
        values = read(sys.argv[3], metric)
        a, b = values["MoCo v2", "average"], values["LCR", "attention"]
        seeds = sorted(set(a) & set(b))
        sd_a, sd_b = (statistics.stdev(side[s] for s in seeds) for side in (a, b))
        apart = (sd_a**2 + sd_b**2) ** 0.5
        paired = statistics.stdev(b[s] - a[s] for s in seeds)
        print(f"| {metric}, n = {len(seeds)} | {sd_a:.2f} | {sd_b:.2f} | {apart:.2f} | {paired:.2f} "
              f"| {100 * (1 - (paired / apart) ** 2):.0f} % of the variance |")
