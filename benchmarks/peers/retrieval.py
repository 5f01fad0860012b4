#!/usr/bin/env python3
"""The peer of evaluation.cpp's retrieval: leave-one-out, one query at a time, like the authors'
validation: drop the query from the list, one matrix-vector product, one NumPy sort, and the average
precision summed hit by hit in Python.

Usage: retrieval.py FOLDER [THREADS]

Makes FOLDER/features.bin (float32, 5,794 x 2,048, unit length, 200 classes of unequal difficulty)
and FOLDER/labels.bin (int64) if they are absent, times the loop over all queries and writes
FOLDER/scores.txt: rank-1, rank-5 and mAP in percent. Then
`LCR_PEER_RETRIEVAL=FOLDER lcr-benchmark --benchmark_filter=retrieval_peer` times our implementation
on the same features and compares the scores.
"""
import pathlib
import sys
import time

import numpy as np
import torch


def make_features(images, dimension, classes, seed=0):
    """Unit-length features around class centres; each class has its own spread."""
    rng = np.random.default_rng(seed)
    labels = np.arange(images) % classes
    centres = rng.standard_normal((classes, dimension))
    spread = rng.uniform(1, 6, classes)
    features = centres[labels] + spread[labels, None] * rng.standard_normal((images, dimension))
    features = features / np.linalg.norm(features, axis=1, keepdims=True)
    return features.astype(np.float32), labels.astype(np.int64)


def per_query(features, labels):
    """rank-1, rank-5 and mAP in percent. features: M x D float32 tensor, labels: M int64 tensor."""
    everyone = torch.arange(len(features))
    first, five, average_precision = [], [], []
    for query in range(len(features)):
        others = everyone != query
        similarity = torch.mv(features[others], features[query]).numpy()
        ranked = labels[others].numpy()[np.argsort(similarity)[::-1]] == labels[query].item()
        first.append(ranked[0])
        five.append(ranked[:5].any())
        total = 0.0
        hits = np.where(ranked)[0]
        for i in range(len(hits)):
            total += (i + 1) / (hits[i] + 1)
        average_precision.append(total / len(hits))
    return [100 * float(np.mean(x)) for x in (first, five, average_precision)]


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    torch.set_num_threads(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "features.bin").exists():
        features, labels = make_features(5794, 2048, 200)
        features.tofile(folder / "features.bin")
        labels.tofile(folder / "labels.bin")
    features = torch.from_numpy(np.fromfile(folder / "features.bin", np.float32).reshape(-1, 2048))
    labels = torch.from_numpy(np.fromfile(folder / "labels.bin", np.int64))
    start = time.time()
    scores = per_query(features, labels)
    seconds = time.time() - start
    print(f"{len(labels)} queries in {seconds:.1f} s ({torch.get_num_threads()} threads):",
          "rank-1 %.3f, rank-5 %.3f, mAP %.6f" % tuple(scores))
    (folder / "scores.txt").write_text("\n".join(repr(score) for score in scores) + "\n")
