#!/usr/bin/env bash
# Trains the rows of one preset in the order of results/records/PRESET/campaign.txt (without it,
# results/records/campaign.txt), then packs their records: ci/campaign.sh BIN PRESET [OPTION...]
#
# Runs live in runs/campaign-PRESET, results in results/PRESET. Runs that
# results/records/PRESET/runs.tar.gz holds are imported first and not trained again; at the end, or
# when interrupted, the finished runs are packed there. OPTIONs go to every program; with --dry-run
# nothing is trained or packed.
set -eu
bin=$1 preset=$2
shift 2
record=results/records/$preset
list=$record/campaign.txt
[ -f "$list" ] || list=results/records/campaign.txt
store=runs/campaign-$preset

mkdir -p "$store"
if [ -f "$record/runs.tar.gz" ]; then
  "$bin/lcr-runs" import "$record/runs.tar.gz" --runs "$store"
fi

pack() {
  # Nothing finished, nothing to pack.
  [ -f "results/$preset/inputs.json" ] || return 0
  mkdir -p "$record"
  "$bin/lcr-runs" export "$record/runs.new.tar.gz" --runs "$store"
  mv "$record/runs.new.tar.gz" "$record/runs.tar.gz"
  cp "results/$preset/inputs.json" "$record/"
}

dry=
for option in "$@"; do
  [ "$option" = --dry-run ] && dry=yes
done
[ -n "$dry" ] || trap pack EXIT

while read -r line; do
  case $line in '' | '#'*) continue ;; esac
  declare -a words
  eval "words=($line)"
  program=${words[0]}
  echo "campaign $preset: $line"
  "$bin/$program" --preset "$preset" --runs "$store" "${words[@]:1}" "$@"
done <"$list"
