#!/usr/bin/env python3
"""Writes the fuzzers' first inputs from the goldens: FOLDER/images, lists, safetensors and torch_files."""
import json
import pathlib
import re
import sys

here = pathlib.Path(__file__).parent
out = pathlib.Path(sys.argv[1])
for name in ("images", "lists", "safetensors", "torch_files"):
    (out / name).mkdir(parents=True, exist_ok=True)
for i, entry in enumerate(json.loads((here.parent / "golden/pixel_ops.json").read_text())["files"]):
    (out / "images" / f"seed{i}").write_bytes(bytes.fromhex(entry["bytes"]))
places = re.findall(r'\{"([^"]+)", "((?:[^"\\]|\\.)*)"\}', (here / "lists.cpp").read_text())
for i, (path, good) in enumerate(places):
    (out / "lists" / f"seed{i}").write_bytes(bytes([i]) + good.encode().decode("unicode_escape").encode())
mat = [p for p, _ in places].index("annotations.mat")
for i, path in enumerate(sorted((here.parent / "golden/cars").glob("*.mat"))):
    (out / "lists" / f"mat{i}").write_bytes(bytes([mat]) + path.read_bytes())
descriptor = [p for p, _ in places].index("descriptor.json")
for i, path in enumerate(sorted((here.parents[1] / "datasets").glob("*.json"))):
    (out / "lists" / f"json{i}").write_bytes(bytes([descriptor]) + path.read_bytes())
for path in sorted((here.parent / "golden/weights").iterdir()):
    (out / ("safetensors" if path.suffix == ".safetensors" else "torch_files") / path.name).write_bytes(path.read_bytes())
