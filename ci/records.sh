#!/usr/bin/env bash
# Makes tables, figures, claims and report of every folder in results/records from its archive of
# runs, without data or training: ci/records.sh BIN OUT [PRESET...]
#
# The results go to OUT/PRESET. results/records/PRESET/options holds further options of the
# programs, which name the initial weights.
set -eu
bin=$(realpath "$1") out=$2
shift 2
if [ $# -eq 0 ]; then
  for folder in results/records/*/; do
    set -- "$@" "$(basename "$folder")"
  done
fi

for preset in "$@"; do
  record=results/records/$preset
  store=$out/$preset/runs
  rm -rf "${out:?}/$preset"
  mkdir -p "$store"
  "$bin/lcr-runs" import "$record/runs.tar.gz" --runs "$store"
  # shellcheck disable=SC2046  # words
  "$bin/reproduce" --preset "$preset" --runs "$store" --records "$record" \
    --results "$out/$preset" $(cat "$record/options")
  "$bin/lcr-plot" report --results "$out/$preset"
  # From there, because the report's title says the folder.
  (cd "$out" && "$bin/lcr-check" claims --results "$preset" --markdown "$preset/claims.md" >/dev/null)
done
