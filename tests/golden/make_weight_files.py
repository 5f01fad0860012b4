#!/usr/bin/python3
"""Writes weights/: the same tensors in all forms of torch.save, for tests/weights/torch_file_test.cpp.

Needs Debian's python3-torch. `*.expected.safetensors` holds the tensors as they should be read,
under the names that they should have.
"""
import argparse
import collections
import os
import pathlib
import pickle
import zipfile

import numpy as np
import torch

from safetensors_file import save

here = pathlib.Path(__file__).parent
folder = here / "weights"
folder.mkdir(exist_ok=True)
g = torch.Generator().manual_seed(0)


def randn(*shape):
    return torch.randn(shape, generator=g)


base = randn(6, 4)
tensors = collections.OrderedDict()
tensors["conv1.weight"] = randn(2, 3, 2, 2)
tensors["channels_last"] = randn(2, 3, 2, 2).contiguous(memory_format=torch.channels_last)
tensors["double"] = randn(3).double()
tensors["half"] = randn(2, 2).half()
tensors["bfloat16"] = randn(5).bfloat16()
tensors["long"] = torch.arange(-2, 3)
tensors["int"] = torch.tensor([-7, 7], dtype=torch.int32)
tensors["short"] = torch.tensor([-300, 300], dtype=torch.int16)
tensors["char"] = torch.tensor([-3, 3], dtype=torch.int8)
tensors["byte"] = torch.tensor([0, 255], dtype=torch.uint8)
tensors["bool"] = torch.tensor([True, False, True])
tensors["scalar"] = torch.tensor(4.5)
tensors["counter"] = torch.tensor(17)
tensors["empty"] = torch.zeros(0, 3)
tensors["shared.whole"] = base
tensors["shared.rows"] = base[2:4]
tensors["shared.column"] = base[:, 1]
tensors["shared.transposed"] = base.t()
tensors["shared.every_other"] = base[::2, ::3]
tensors["tied"] = tensors["conv1.weight"]
tensors["parameter"] = torch.nn.Parameter(randn(2, 2))

weight = torch.nn.Parameter(randn(3, 2))
optimiser = torch.optim.SGD([weight], 0.1, momentum=0.9)
weight.sum().backward()
optimiser.step()
checkpoint = {
    "epoch": 100,
    "arch": "resnet50",
    "best_acc1": 12.5,
    "state_dict": {
        "module.encoder_q.conv1.weight": weight,
        "module.encoder_k.conv1.weight": weight.detach() + 1,
    },
    "optimizer": optimiser.state_dict(),
    "args": argparse.Namespace(lr=0.03, device="cuda"),
    "size": torch.Size([3, 2]),
    "numpy": np.float64(0.25),
    "log": {"a line\nof text": "caf\u00e9"},
    "milestones": collections.Counter([60, 80]),
    "list": [weight.detach() * 2],
}

save(
    folder / "state_dict.expected.safetensors",
    {n: t.detach().contiguous() for n, t in tensors.items()},
    {},
)
save(
    folder / "checkpoint.expected.safetensors",
    {
        "state_dict.module.encoder_q.conv1.weight": weight.detach(),
        "state_dict.module.encoder_k.conv1.weight": weight.detach() + 1,
        "optimizer.state.0.momentum_buffer": optimiser.state_dict()["state"][0]["momentum_buffer"],
        "list.0": weight.detach() * 2,
    },
    {},
)
for form, zipped in (("zip", True), ("legacy", False)):
    torch.save(
        tensors, folder / f"state_dict_{form}.pth", _use_new_zipfile_serialization=zipped
    )
    torch.save(
        checkpoint, folder / f"checkpoint_{form}.pth.tar", _use_new_zipfile_serialization=zipped
    )
    torch.save(
        dict(tensors),
        folder / f"state_dict_{form}_protocol4.pth",
        _use_new_zipfile_serialization=zipped,
        pickle_protocol=4,
    )
    torch.save(
        {"expanded": torch.ones(1).expand(1000)},
        folder / f"expanded_{form}.pth",
        _use_new_zipfile_serialization=zipped,
    )


class Command:
    def __init__(self, call, *arguments):
        self.made = call, arguments

    def __reduce__(self):
        return self.made


hostile = {"a": torch.ones(1), "system": Command(os.system, "touch hacked")}
torch.save(hostile, folder / "bad_system_zip.pth")
torch.save(hostile, folder / "bad_system_legacy.pth", _use_new_zipfile_serialization=False)
torch.save({"a": torch.ones(1), "b": Command(eval, "1")}, folder / "bad_eval_zip.pth")
nothing = torch.zeros(0)
shared = {str(i): nothing for i in range(1000)}
torch.save({"x" * 900: [shared] * 1000}, folder / "bad_shared.pth")
circle = {"a": torch.ones(1)}
circle["again"] = circle
torch.save(circle, folder / "bad_circle.pth")
torch.save({"caf\u00e9\n": torch.ones(1)}, folder / "bad_name.pth")
(folder / "bad_plain_pickle.pth").write_bytes(pickle.dumps({"a": 1}, 2))
with zipfile.ZipFile(folder / "bad_bomb.pth", "w", zipfile.ZIP_DEFLATED) as bomb:
    with zipfile.ZipFile(folder / "state_dict_zip.pth") as good:
        bomb.writestr("archive/data.pkl", good.read("state_dict_zip/data.pkl"))
    bomb.writestr("archive/data/0", bytes(10_000_000))
with zipfile.ZipFile(folder / "bad_no_pickle.pth", "w") as other:
    other.writestr("readme.txt", "no weights")
print(sum(p.stat().st_size for p in folder.iterdir()), "bytes")
