#!/usr/bin/env python3
"""Writes the fuzzers' first inputs from the goldens, into a folder per fuzzer.

Usage: make_corpus.py FOLDER
"""
import json
import pathlib
import re
import sys

here = pathlib.Path(__file__).parent
out = pathlib.Path(sys.argv[1])
MARK = b"\xef\xbb\xbf"  # the byte order mark that editors put before UTF-8
for name in ("images", "lists", "safetensors", "torch_files", "texts"):
    (out / name).mkdir(parents=True, exist_ok=True)
images = json.loads((here.parent / "golden/pixel_ops.json").read_text())["files"]
images += json.loads((here.parent / "golden/image_files.json").read_text())
for i, entry in enumerate(images):
    (out / "images" / f"seed{i}").write_bytes(bytes.fromhex(entry["bytes"]))
places = re.findall(r'\{"([^"]+)", "((?:[^"\\]|\\.)*)"\}', (here / "lists.cpp").read_text())
for i, (path, good) in enumerate(places):
    content = good.encode().decode("unicode_escape").encode()
    (out / "lists" / f"seed{i}").write_bytes(bytes([i]) + content)
    (out / "lists" / f"mark{i}").write_bytes(bytes([i]) + MARK + content)
mat = [p for p, _ in places].index("annotations.mat")
for i, path in enumerate(sorted((here.parent / "golden/cars").glob("*.mat"))):
    (out / "lists" / f"mat{i}").write_bytes(bytes([mat]) + path.read_bytes())
descriptor = [p for p, _ in places].index("descriptor.json")
for i, path in enumerate(sorted((here.parents[1] / "datasets").glob("*.json"))):
    (out / "lists" / f"json{i}").write_bytes(bytes([descriptor]) + path.read_bytes())
for path in sorted((here.parent / "golden/weights").iterdir()):
    fuzzer = "safetensors" if path.suffix == ".safetensors" else "torch_files"
    (out / fuzzer / path.name).write_bytes(path.read_bytes())
# The first byte of a text selects its reader: the numbers are those of texts.cpp.
arguments = [
    "--preset quick --epochs 3",
    "--seeds 0,1,2 --dry-run",
    "--method byol_lcr --tau 0.4",
    "--checkpoint-every 0.5min --pin-epochs 1,2",
]
texts = [(0, text.replace(" ", "\n").encode()) for text in arguments]
presets = [path.read_bytes() for path in sorted((here.parents[1] / "presets").glob("*.ini"))]
texts += [(1, text) for text in presets] + [(1, MARK + presets[0].replace(b"\n", b"\r\n"))]
source = (here.parents[1] / "lib/lcr/record/results_csv.h").read_text()
header = re.search(r"kResultColumns = \{(.*?)\};", source, re.S).group(1)
columns = re.findall(r'"([^"]+)"', header)
plain_row = ",".join(["3"] * len(columns))
quoted_row = '3,"a ""quoted"", cell"' + "," * (len(columns) - 2)
results = (",".join(columns) + "\n" + plain_row + "\n" + quoted_row + "\n").encode()
saved_by_spreadsheets = [
    MARK + results.replace(b"\n", b"\r\n\r\n"),
    results.replace(b",", b";"),
    results.decode().encode("utf-16"),
]
texts += [(2, text) for text in [results, *saved_by_spreadsheets]]
texts.append((3, (here.parents[1] / "results/paper/claims.csv").read_bytes()))
texts += [
    (4, b"data=d\nnumerics_revision=4\nseed=1\n"),
    (5, b"# Options\nepochs = 100\nmethod = lcr\n"),
    (6, b"epoch,loss\n1,2\n"),
    (
        7,
        b'{"identity":"x","measurements":[{"selection":"last","pooling":"average",'
        b'"metric":"rank1","value":50,"epoch":3}],"evaluation_hash":"e","wall_seconds":1,'
        b'"samples_per_second":1,"peak_memory_mib":1,"provenance":{"commit":"c","threads":1}}',
    ),
]
references = sorted((here.parents[1] / "results/reference").glob("*/metrics.json"))
texts += [(8, path.read_bytes()[:20000]) for path in references]
texts += [
    (
        8,
        b'{"format":1,"name":"n","recorded":"2026-01-01","commit":"c","device":"d",'
        b'"precision":"float32","libtorch":"1","floor_level":0.01,"floor_seeds":3,"configs":{},'
        b'"rows":[{"experiment":"main","row":"LCR","dataset":"d","method":"lcr","options":"",'
        b'"selection":"last","pooling":"average","metric":"rank1","config_hash":"c",'
        b'"evaluation_hash":"e","direction":"higher","floor":1.5,"ceiling":null,"seeds":[1,2],'
        b'"values":[3.5,4]}]}',
    ),
    (
        9,
        b'{"format":1,"recorded":"2026-01-01","speeds":[{"device":"d","name":"n","unit":"ns",'
        b'"values":[1,2.5]}]}',
    ),
    (
        10,
        b'{"context":{"device":"d"},"benchmarks":[{"name":"n","run_type":"iteration",'
        b'"real_time":2.0,"time_unit":"ms","items_per_second":5.0}]}',
    ),
    (11, b'{"0a":"data=d\\n"}'),
]
for i, (kind, text) in enumerate(texts):
    (out / "texts" / f"seed{i}").write_bytes(bytes([kind]) + text)
