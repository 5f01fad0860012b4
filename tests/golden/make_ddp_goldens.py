#!/usr/bin/env python3
"""Writes ddp.safetensors: gradients of 2, 3 and 4 ranks, and what PyTorch's DDP makes of them.

DistributedDataParallel over Gloo, with buckets of 900 bytes, so that the parameters fill several.
The loss is linear, so that a rank's own gradients are known to the bit. The last parameter has no
part in it. Run with PyTorch 2.11.
"""
import os
import pathlib
import tempfile

import torch
import torch.distributed as dist
import torch.multiprocessing as processes

from safetensors_file import save

SHAPES = [(8, 3, 3, 3), (8,), (8,), (40, 8), (40,), (5, 40), (5,), (9,)]
SIZES = [2, 3, 4]


class Linear(torch.nn.Module):
    """A loss whose gradients are the given factors."""

    def __init__(self):
        super().__init__()
        self.values = torch.nn.ParameterList(torch.zeros(shape) for shape in SHAPES)

    def forward(self, factors):
        return sum((value * factor).sum() for value, factor in zip(self.values, factors))


def factors_of(rank, size):
    generator = torch.Generator().manual_seed(100 * size + rank)
    return [torch.randn(shape, generator=generator) for shape in SHAPES[:-1]]


def average(rank, size, folder):
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=size)
    module = Linear()
    ddp = torch.nn.parallel.DistributedDataParallel(
        module, bucket_cap_mb=900 / 2**20, find_unused_parameters=True)
    for _ in range(2):  # DDP arranges its buckets anew after the first step
        module.zero_grad(set_to_none=True)
        ddp(factors_of(rank, size)).backward()
    assert module.values[-1].grad is None
    torch.save([value.grad for value in list(module.values)[:-1]], f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def main():
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    tensors = {}
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            processes.spawn(average, (size, folder), size)
            means = [torch.load(f"{folder}/{rank}.pt", weights_only=True) for rank in range(size)]
        own = [factors_of(rank, size) for rank in range(size)]
        for i in range(len(SHAPES) - 1):
            assert all(torch.equal(means[0][i], other[i]) for other in means)
            tensors[f"{size}/{i}/own"] = torch.stack([factors[i] for factors in own])
            tensors[f"{size}/{i}/mean"] = means[0][i]
    save(pathlib.Path(__file__).parent / "ddp.safetensors", tensors, {"torch": torch.__version__})


if __name__ == "__main__":
    main()
