#!/usr/bin/env bash
# Installs the Debian packages of packages-debian.txt that are missing. Does nothing where all are there.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
packages=$(sed 's/#.*//' "$here/packages-debian.txt")

if ! command -v apt-get >/dev/null 2>&1; then
  echo "setup: this is no Debian system. Install these by your own means (Debian's names); CMake will say what it misses:"
  sed 's/^/  /' "$here/packages-debian.txt"
  exit 0
fi

missing=
for package in $packages; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
done
if [ -z "$missing" ]; then
  echo "setup: all packages are installed"
  exit 0
fi

as_root=
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null 2>&1 || { echo "setup: error: to install$missing, run 'make setup' as root, or install sudo" >&2; exit 2; }
  as_root=sudo
fi
echo "setup: installing$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
if ! { $as_root apt-get update && $as_root apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1; then
  tail -n 20 "$log" >&2
  echo "setup: error: apt-get failed, its last words stand above" >&2
  exit 2
fi
echo "setup: done"
