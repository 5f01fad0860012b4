#!/usr/bin/env bash
# Checks what a compiler does not: ci/lint.sh BUILD (a configured build folder). Exits with 1 if anything is found.
#   format of all C++ files, include arrows, shell scripts, and clang-tidy on the changed C++ sources
# LINT_BASE: changed means "differs from this commit" (default: the last commit's parent); "all": every source.
set -u
cd "$(dirname "$0")/.."
build=${1:?"usage: ci/lint.sh BUILD"}
base=${LINT_BASE:-HEAD~1}
status=0
step() { # NAME COMMAND...
  local name=$1
  shift
  if "$@"; then echo "lint: $name: passed"; else echo "lint: $name: FAILED" >&2; status=1; fi
}

format() { git ls-files -z '*.cpp' '*.h' '*.cu' | xargs -0 clang-format --dry-run -Werror; }
shell() { git ls-files -z '*.sh' .ci/run | xargs -0 shellcheck; }
tidy() {
  local sources
  if [ "$base" = all ] || ! git rev-parse -q --verify "$base^{commit}" >/dev/null; then
    sources=$(git ls-files '*.cpp')
  else
    sources=$(git diff --name-only --diff-filter=d "$base" -- '*.cpp')
  fi
  # Fuzzers are not part of the build.
  echo "$sources" | grep -v -e '^tests/fuzz/' -e '^$' |
    xargs -r -P "$(nproc)" -n 1 clang-tidy -p "$build" --quiet 2>&1 |
    grep -v -e 'warnings generated' -e '^Suppressed' -e 'Use -header-filter' -e 'treated as error'
  [ "${PIPESTATUS[1]}" = 0 ]
}

step format format
step "include arrows" ci/layers.sh
step shellcheck shell
step "clang-tidy (${base})" tidy
exit $status
