#!/usr/bin/env python3
"""Writes retrieval.safetensors: features, labels and scores.

The scores are those of the per-query procedure of benchmarks/peers/retrieval.py. Run with
/usr/bin/python3 (Debian's python3-torch).
"""
import json
import pathlib
import struct
import sys

import numpy as np
import torch

here = pathlib.Path(__file__).parent
sys.path.insert(0, str(here.parent.parent / "benchmarks" / "peers"))
from retrieval import make_features, per_query  # noqa: E402

features, labels = make_features(300, 64, 23)
scores = np.array(per_query(torch.from_numpy(features), torch.from_numpy(labels)), np.float64)
header, data = {}, b""
for name, array, kind in (
    ("features", features, "F32"),
    ("labels", labels, "I64"),
    ("scores", scores, "F64"),
):
    header[name] = {
        "dtype": kind,
        "shape": list(array.shape),
        "data_offsets": [len(data), len(data) + array.nbytes],
    }
    data += array.tobytes()
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
(here / "retrieval.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
print(scores)
