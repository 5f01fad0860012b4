#!/usr/bin/env bash
# Installs the Debian packages of a list that are missing: ci/setup.sh [--prefix DIR] [LIST], by
# default packages-debian.txt.
#   --prefix DIR  unpacks them into DIR instead, without root (ci/unpack_packages.sh)
# A prefix is remembered in the link .packages, and used from then on. TORCH=pip leaves out what
# only Debian's LibTorch needs. Exits with 2 and one line if nothing can be installed there.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
prefix=$(realpath -qe "$here/../.packages") || prefix=
if [ "${1:-}" = --prefix ]; then
  prefix=${2:?"setup: --prefix needs a folder"}
  shift 2
fi
list=$here/${1:-packages-debian.txt}
case ${1:-} in /*) list=$1 ;; esac

if ! command -v apt-get >/dev/null 2>&1; then
  echo "setup: no apt-get here. Install these packages (Debian's names; docs/install.md) yourself;" \
    "CMake reports what is missing:"
  sed 's/^/  /' "$list"
  exit 0
fi

# The names in the list.
wanted() {
  local without='^$'
  [ "${TORCH:-}" != pip ] || without='^lib(torch-dev|openblas0-openmp)$'
  sed -e 's/#.*//' -e 's/ //g' "$list" | grep -vE "^$|$without"
}

is_there() {
  dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'install ok installed' ||
    { [ -n "$prefix" ] && grep -qsx "$1" "$prefix/packages.txt"; }
}

missing=
for package in $(wanted); do
  is_there "$package" || missing="$missing $package"
done
if [ -n "$prefix" ] && { [ -n "$missing" ] || [ ! -e "$prefix/environment" ]; }; then
  if [ ! -w "$here/.." ]; then
    echo "setup: $(realpath "$here/.."): the prefix is remembered here, but nothing can be written" >&2
    exit 2
  fi
  # shellcheck disable=SC2086  # a list of packages
  "$here/unpack_packages.sh" "$prefix" $missing
  ln -sfn "$(realpath "$prefix")" "$here/../.packages"
  rm -f "$here"/../build*/CMakeCache.txt  # configured without it
  exit 0
fi
if [ -z "$missing" ]; then
  echo "setup: all packages are installed"
  exit 0
fi

as_root=
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null 2>&1; then
    echo "setup: not root, and there is no sudo; 'make setup PREFIX=DIR' unpacks into a folder what is" \
      "missing:$missing"
    echo "setup: continuing; CMake reports what is missing"
    exit 0
  fi
  as_root=sudo
fi
echo "setup: installing$missing"
# apt-get never ends when the disk fills up while it reads package lists.
free=$(df -Pm /var/lib/apt/lists 2>/dev/null | awk 'NR == 2 { print $4 }')
if [ "${free:-200}" -lt 200 ]; then
  echo "setup: the package lists need 200 MB in /var/lib/apt/lists, $free MB are free, nothing was installed;" \
    "free some space, then run the same command again" >&2
  exit 2
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt="$as_root env DEBIAN_FRONTEND=noninteractive apt-get"
# Other releases of Debian and Ubuntu lack some names, and apt-get installs nothing if it lacks one.
keep_known() {
  local package known='' unknown=''
  for package in $missing; do
    if apt-cache show "$package" >/dev/null 2>&1; then known="$known $package"; else unknown="$unknown $package"; fi
  done
  if [ -n "$unknown" ]; then
    grep -E "^[WE]: " "$log" >&2 || true
    echo "setup: apt has no$unknown; continuing without, CMake reports what is missing" >&2
  fi
  missing=$known
}
$apt update >"$log" 2>&1 </dev/null && keep_known
[ -n "$missing" ] || exit 0
# shellcheck disable=SC2086  # a list of packages
if ! $apt install -y --no-install-recommends $missing >>"$log" 2>&1 </dev/null; then
  if grep -qE "No space left on device|enough free space" "$log"; then
    echo "setup: the disk is full, apt-get stopped; free some space, then run the same command again" >&2
    exit 2
  fi
  tail -n 20 "$log" >&2
  # What is installed may suffice.
  echo "setup: apt-get failed (see above); continuing, CMake reports what is missing" >&2
  exit 0
fi
echo "setup: done"
