#!/usr/bin/env bash
# How good the metric gate is: trains a pool of clean smoke runs and one for each planted defect (ci/defects/*.patch, each applied to a copy of the sources and built), then
# lets lcr-check study count false alarms and caught defects. The tables of ci/README.md are its output. About an hour on two cores; it goes on where it was stopped.
#
# Usage: ci/power_study.sh OUT [CLEAN_SEEDS] [DEFECT_SEEDS]     (60 and 15)
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
[ $# -ge 1 ] || { sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
clean_seeds=${2:-60}
defect_seeds=${3:-15}
export OMP_WAIT_POLICY=passive LCR_HOME="$out/source"

# A copy of what is committed, built once; for each defect one or two units again.
[ -d "$out/source" ] || git clone -q "$root" "$out/source"
mkdir -p "$out/bin"
build() { cmake --build "$out/build" -j "$(nproc)" --target main_results lcr-check >"$out/build.log" 2>&1 || { tail -n 30 "$out/build.log"; exit 1; }; }
keep() { cp "$out/build/bin/main_results" "$out/bin/$1.part" && mv "$out/bin/$1.part" "$out/bin/$1"; }
if [ ! -x "$out/bin/clean" ]; then
  cmake -S "$out/source" -B "$out/build" -DLCR_TESTS=OFF -DLCR_BENCHMARKS=OFF >"$out/build.log"
  build
  cp "$out/build/bin/lcr-check" "$out/bin/lcr-check"
  keep clean
fi
for patch in "$root"/ci/defects/*.patch; do
  name=$(basename "$patch" .patch)
  [ ! -x "$out/bin/$name" ] || continue
  echo "building $name"
  git -C "$out/source" checkout -q .  # of a study that was stopped here
  git -C "$out/source" apply "$patch"
  build
  keep "$name"
done

git -C "$out/source" checkout -q .

# Seeds of the pools: none that CI trains (0, 1, 2), none that two pools share.
train() { # name, first seed, count
  echo "training $1: $3 seeds"
  "$out/bin/$1" --preset smoke --seeds "$(seq -s, "$2" $(($2 + $3 - 1)))" --other-seeds "$(seq -s, "$2" $(($2 + $3 - 1)))" --runs "$out/runs/$1" --results "$out/results/$1" >"$out/$1.log" 2>&1 ||
    { tail -n 5 "$out/$1.log"; exit 1; }
}
train clean 1000 "$clean_seeds"
first=2000
defects=()
for patch in "$root"/ci/defects/*.patch; do
  name=$(basename "$patch" .patch)
  train "$name" $first "$defect_seeds"
  first=$((first + 100))
  defects+=("$out/results/$name")
done
"$out/bin/lcr-check" study --pool "$out/results/clean" --defects "${defects[@]}" --markdown "$out/study.md"
