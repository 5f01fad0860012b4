#!/usr/bin/env bash
# Makes tables, figures, claims and report of every folder in results/records from its archive of
# runs, without data or training: ci/records.sh BIN OUT [PRESET...]
#
# The results go to OUT/PRESET. results/records/PRESET/campaign.txt names the programs, and options
# beside it their further options, which name the initial weights.
set -eu
bin=$(realpath "$1") out=$2
shift 2
if [ $# -eq 0 ]; then
  for folder in results/records/*/; do
    # A folder without an archive is planned and has not run yet.
    [ ! -f "$folder/runs.tar.gz" ] || set -- "$@" "$(basename "$folder")"
  done
fi

for preset in "$@"; do
  record=results/records/$preset
  store=$out/$preset/runs
  rm -rf "${out:?}/$preset"
  mkdir -p "$store"
  "$bin/lcr-runs" import "$record/runs.tar.gz" --runs "$store"
  # shellcheck disable=SC2013  # words are meant
  for program in $(sed 's/#.*//; s/ .*//' "$record/campaign.txt" | sort -u); do
    # shellcheck disable=SC2046  # words
    "$bin/$program" --preset "$preset" --runs "$store" --records "$record" \
      --results "$out/$preset" $(cat "$record/options")
  done
  "$bin/lcr-plot" report --results "$out/$preset"
  # From there, because the report's title says the folder.
  (cd "$out" && "$bin/lcr-check" claims --results "$preset" --markdown "$preset/claims.md" >/dev/null)
done
