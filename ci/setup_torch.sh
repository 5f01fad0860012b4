#!/usr/bin/env bash
# Puts the official torch 2.11.0 with its CUDA libraries into .venv-torch, for TORCH=pip, and, where
# there is no CUDA compiler, also the parts of the CUDA toolkit that the build needs, in the same
# version. Exits with 2 and one line if that fails.
set -eu
cd "$(dirname "$0")/.."
venv=.venv-torch
fail() { echo "setup-gpu: $*" >&2; exit 2; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT

if [ ! -x $venv/bin/pip ]; then
  python3 -m venv $venv >"$log" 2>&1 ||
    { rm -rf $venv; fail "needs python3 with venv (Debian: python3-venv)"; }
fi
packages="torch==2.11.0 numpy"
toolkit=$($venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/nvidia/cu13
command -v nvcc >/dev/null || packages="$packages cuda-toolkit[nvcc,crt,nvvm,cccl,culibos]"
if ! $venv/bin/python -c 'import torch; assert torch.__version__.startswith("2.11.0")' 2>/dev/null ||
  { [[ $packages = *nvcc* ]] && [ ! -x "$toolkit/bin/nvcc" ]; }; then
  echo "setup-gpu: installing $packages: 5 GB on the disk; a GPU also needs a driver for CUDA 13 (580 or newer)"
  # shellcheck disable=SC2086  # a list of packages
  if ! $venv/bin/pip install $packages >"$log" 2>&1; then
    # Without a connection pip's last word is that there is no such version.
    why=$(grep -m 1 -oE 'connection broken by .*' "$log" || grep -E 'ERROR|OSError|No space' "$log" | tail -n 1)
    fail "pip failed, run the same command again when it can work: $why"
  fi
fi

# CMake looks for lib64 and for libraries by their plain names, which the packages lack.
if [ -x "$toolkit/bin/nvcc" ]; then
  ln -sfn lib "$toolkit/lib64"
  for library in "$toolkit"/lib/*.so.*; do
    plain=${library%%.so.*}.so
    [ -e "$plain" ] || ln -s "${library##*/}" "$plain"
  done
fi
