#!/usr/bin/python3
"""Writes torch_globals/VERSION.txt: the names that this PyTorch's weights_only reader accepts.

Needs a PyTorch from 1.13 on, one call per version: Debian's python3-torch and pip's torch 2.11.0 made
the files. tests/weights/torch_file_test.cpp checks that the suite's reader knows all of them.
"""
import pathlib

import torch
from torch._weights_only_unpickler import _get_allowed_globals

folder = pathlib.Path(__file__).parent / "torch_globals"
folder.mkdir(exist_ok=True)
names = sorted(_get_allowed_globals())
(folder / f"{torch.__version__.split('+')[0]}.txt").write_text("".join(name + "\n" for name in names))
