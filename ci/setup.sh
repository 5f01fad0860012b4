#!/usr/bin/env bash
# Installs the Debian packages of a list that are missing: ci/setup.sh [LIST], by default packages-debian.txt.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
list=$here/${1:-packages-debian.txt}
packages=$(sed 's/#.*//' "$list")

if ! command -v apt-get >/dev/null 2>&1; then
  echo "setup: not a Debian system. Install these packages (Debian's names) yourself;" \
    "CMake reports what is missing:"
  sed 's/^/  /' "$list"
  exit 0
fi

missing=
for package in $packages; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' ||
    missing="$missing $package"
done
if [ -z "$missing" ]; then
  echo "setup: all packages are installed"
  exit 0
fi

as_root=
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null 2>&1; then
    echo "setup: not root, and there is no sudo; not installed:$missing"
    echo "setup: continuing; CMake reports what is missing"
    exit 0
  fi
  as_root=sudo
fi
echo "setup: installing$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt="$as_root env DEBIAN_FRONTEND=noninteractive apt-get"
# shellcheck disable=SC2086  # a list of packages
if ! { $apt update && $apt install -y --no-install-recommends $missing; } >"$log" 2>&1 </dev/null
then
  tail -n 20 "$log" >&2
  # Other releases of Debian and Ubuntu use some other names; what is installed may suffice.
  echo "setup: apt-get failed (see above); continuing, CMake reports what is missing" >&2
  exit 0
fi
echo "setup: done"
