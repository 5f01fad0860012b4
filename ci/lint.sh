#!/usr/bin/env bash
# Checks what a compiler does not: ci/lint.sh BUILD (a configured build folder). Exits with 1 if
# anything is found: format of C++, include arrows, shell scripts, clang-tidy on changed C++ sources.
# LINT_BASE: changed means "differs from this commit" (default: the parent of the last commit);
# "all" means every source.
set -eu
cd "$(dirname "$0")/.."
build=${1:?"usage: ci/lint.sh BUILD"}
base=${LINT_BASE:-HEAD~1}
command -v clang-format clang-tidy shellcheck >/dev/null ||
  { echo "lint: needs clang-format, clang-tidy and shellcheck (ci/packages-lint.txt)" >&2; exit 2; }
failed=0
report() { # NAME EXIT_CODE
  if [ "$2" = 0 ]; then echo "lint: $1: passed"; else echo "lint: $1: FAILED" >&2; failed=1; fi
}

code=0
git ls-files -z '*.cpp' '*.h' '*.cu' | xargs -0 clang-format --dry-run -Werror || code=$?
report format $code

code=0
ci/layers.sh || code=$?
report "include arrows" $code

code=0
git ls-files -z '*.sh' .ci/run | xargs -0 shellcheck || code=$?
report shellcheck $code

if [ "$base" = all ] || ! git rev-parse -q --verify "$base^{commit}" >/dev/null; then
  sources=$(git ls-files '*.cpp')
else
  sources=$(git diff --name-only --diff-filter=d "$base" -- '*.cpp')
fi
sources=$(echo "$sources" | grep -v -e '^tests/fuzz/' || true)  # not part of the build
[ -r "$build/compile_commands.json" ] || { echo "lint: $build is not configured" >&2; exit 2; }
# LibTorch 1.13's headers are not valid C++20 to clang: an error in them does not count, and what is
# found in our own files does. A crash does too.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "$sources" |
  xargs -r -P "$(nproc)" -n 1 clang-tidy -p "$build" --quiet \
    --extra-arg=-Wno-unknown-warning-option >"$log" 2>&1 || true
found=$(grep -E '^/[^:]*:[0-9]+:[0-9]+: (warning|error): |Stack dump|PLEASE submit a bug report' "$log" |
  grep -E 'Stack dump|PLEASE submit|/(lib/lcr|plots|ci|tools|experiments|tests|benchmarks)/' |
  sort -u || true)
[ -z "$found" ] || echo "$found"
code=0
[ -z "$found" ] || code=1
report "clang-tidy of $(echo "$sources" | grep -c . || true) sources" $code
exit $failed
