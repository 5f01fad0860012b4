#!/usr/bin/env bash
# Checks what a compiler does not: ci/lint.sh BUILD (a configured build folder). Exits with 1 if
# anything is found: format of C++, include arrows, shell scripts, clang-tidy on changed C++ sources.
# LINT_BASE: changed means "differs from this commit" (default: the parent of the last commit);
# "all" means every source.
set -eu
cd "$(dirname "$0")/.."
build=${1:?"usage: ci/lint.sh BUILD"}
base=${LINT_BASE:-HEAD~1}
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
# LibTorch 1.13's headers are not valid C++20 to clang: only what is found in our own files counts.
found=$(echo "$sources" |
  xargs -r -P "$(nproc)" -n 1 clang-tidy -p "$build" --quiet \
    --extra-arg=-Wno-unknown-warning-option 2>/dev/null |
  grep -E "^$PWD/(lib|plots|ci|tools|experiments|tests|benchmarks)/[^:]*:[0-9]+:[0-9]+: (warning|error)" |
  sort -u || true)
[ -z "$found" ] || echo "$found"
report "clang-tidy of $(echo "$sources" | grep -c . || true) sources" "$([ -z "$found" ] && echo 0 || echo 1)"
exit $failed
