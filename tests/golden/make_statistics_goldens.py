#!/usr/bin/env python3
"""Writes statistics.json into this folder: SciPy's values for the tests that lcr-check uses.

Needs scipy. Usage: make_statistics_goldens.py
"""
import json
import pathlib
import random

from scipy import integrate, stats

random.seed(5)


def sample(n, centre, spread):
    return [round(random.gauss(centre, spread), 3) for _ in range(n)]


def variance(x):
    centre = sum(x) / len(x)
    return sum((v - centre) ** 2 for v in x) / (len(x) - 1)


def unchanged(a, b):
    """P(Welch's t > the observed one) if both samples are from one normal distribution.

    Integrated over both sample variances.
    """
    n, m = len(a), len(b)
    t = (sum(a) / n - sum(b) / m) / (variance(a) / n + variance(b) / m) ** 0.5

    def inner(p, q):
        va, vb = stats.chi2.ppf(p, n - 1) / (n - 1), stats.chi2.ppf(q, m - 1) / (m - 1)
        return stats.norm.sf(t * ((va / n + vb / m) / (1 / n + 1 / m)) ** 0.5)

    return float(integrate.dblquad(inner, 0, 1, 0, 1, epsabs=1e-9, epsrel=1e-7)[0])


cases = []
for n_a, n_b, shift, spread in [
    (3, 20, 0.0, 1.0),
    (3, 20, -2.0, 0.5),
    (5, 5, 1.0, 2.0),
    (2, 2, 0.3, 1.0),
    (9, 30, -0.7, 3.0),
    (50, 50, 0.2, 1.0),
    (60, 8, 0.5, 1.0),
]:
    a, b = sample(n_a, 10 + shift, spread), sample(n_b, 10, 1)
    exact = n_a <= 50 and n_b <= 50 and len(set(a + b)) == n_a + n_b
    cases.append({
        "a": a, "b": b,
        "welch_greater": stats.ttest_ind(a, b, equal_var=False, alternative="greater").pvalue,
        "unchanged_greater": unchanged(a, b),
        "mann_whitney_less": stats.mannwhitneyu(
            a, b, alternative="less", method="exact" if exact else "asymptotic"
        ).pvalue,
    })
ties_a, ties_b = [1.0, 2.0, 2.0, 3.0, 5.0], [2.0, 3.0, 3.0, 4.0, 6.0, 6.0]
cases.append({
    "a": ties_a, "b": ties_b,
    "welch_greater": stats.ttest_ind(
        ties_a, ties_b, equal_var=False, alternative="greater"
    ).pvalue,
    "mann_whitney_less": stats.mannwhitneyu(
        ties_a, ties_b, alternative="less", method="asymptotic"
    ).pvalue,
})


intervals = []
for k, n in [(0, 13), (1, 20), (7, 73), (15, 15), (500, 1000)]:
    interval = stats.binomtest(k, n).proportion_ci(0.95, method="exact")
    intervals.append({"k": k, "n": n, "low": interval.low, "high": interval.high})
reference = sample(20, 50, 2)
prediction = {
    "reference": reference,
    "n": 3,
    "level": 0.0003,
    "margin": float(
        stats.t.isf(0.0003, 19)
        * (sum((x - sum(reference) / 20) ** 2 for x in reference) / 19) ** 0.5
        * (1 / 3 + 1 / 20) ** 0.5
    ),
}
paired = []
for n, shift, spread, margin in [(3, 5.0, 1.5, 0), (5, -0.4, 1.0, 0), (5, 0.2, 0.3, -1), (12, 0.5, 2.0, 1)]:
    d = sample(n, shift, spread)
    test = stats.ttest_1samp(d, margin, alternative="greater")
    interval = stats.ttest_1samp(d, 0).confidence_interval(0.95)
    paired.append({"differences": d, "margin": margin, "p_greater": test.pvalue,
                   "low": interval.low, "high": interval.high})
first, second = sample(4, 3, 1), sample(6, 1, 2)
interval = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
welch = {"a": first, "b": second, "low": interval.low, "high": interval.high}


def pairs_needed(effect, level=0.05, power=0.8):
    n = 2
    while stats.nct.sf(stats.t.isf(level, n - 1), n - 1, effect * n**0.5) < power:
        n += 1
    return n


needed = [{"effect": e, "pairs": pairs_needed(e)} for e in (0.2, 0.5, 1.0, 2.0, 5.0)]
out = pathlib.Path(__file__).parent / "statistics.json"
golden = {"tests": cases, "clopper_pearson": intervals, "prediction": prediction,
          "paired": paired, "welch_interval": welch, "pairs_needed": needed}
out.write_text(json.dumps(golden) + "\n")
