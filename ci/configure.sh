#!/usr/bin/env bash
# Configures a build folder: ci/configure.sh BUILD [CMAKE_ARGUMENT]... CMake's output goes to
# BUILD-configure.log. If the suite's own checks refuse something (cmake/refuse.cmake), shows their
# line, else the whole log, and exits with 2.
set -eu
cd "$(dirname "$0")/.."
build=${1:?"usage: ci/configure.sh BUILD [CMAKE_ARGUMENT]..."}
shift
log=$build-configure.log
if ! command -v cmake >/dev/null; then
  echo "configure: there is no cmake; install CMake 3.25 or newer (make setup does on Debian)" >&2
  exit 2
fi
if ! cmake -S . -B "$build" "$@" >"$log" 2>&1; then
  line=$(grep -m 1 -oE '^ *configure: .*' "$log" | sed 's/^ *//')
  if [ -n "$line" ]; then echo "$line" >&2; else cat "$log" >&2; fi
  exit 2
fi
