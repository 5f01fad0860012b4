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
  if ! command -v sudo >/dev/null 2>&1; then
    echo "setup: not root and no sudo, so not installed:$missing"
    echo "setup: going on; CMake will say what it misses"
    exit 0
  fi
  as_root=sudo
fi
echo "setup: installing$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt="$as_root env DEBIAN_FRONTEND=noninteractive apt-get"
if ! { $apt update && $apt install -y --no-install-recommends $missing; } >"$log" 2>&1 </dev/null; then
  tail -n 20 "$log" >&2
  # On another Debian or Ubuntu some names differ: what is there may do.
  echo "setup: apt-get failed, its last words stand above; going on, CMake will say what it misses" >&2
  exit 0
fi
echo "setup: done"
