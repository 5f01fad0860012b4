#!/usr/bin/env bash
# Measures how good the metric gate is: trains a pool of clean smoke runs and one pool per planted
# defect (ci/defects/*.patch, each applied to a copy of the sources and built), then counts false
# alarms and caught defects with lcr-check study, whose tables are in ci/README.md. Takes some
# hours on two cores; resumes where it was stopped.
#
# Usage: ci/power_study.sh OUT [CLEAN_SEEDS] [DEFECT_SEEDS]     (60 and 12)
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
[ $# -ge 1 ] || { sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
clean_seeds=${2:-60}
defect_seeds=${3:-12}
export OMP_WAIT_POLICY=passive LCR_HOME="$out/source"

# A copy of the committed sources, built once; each defect recompiles one or two units.
[ -d "$out/source" ] || git clone -q "$root" "$out/source"
mkdir -p "$out/bin"
build() {
  cmake --build "$out/build" -j "$(nproc)" --target main_results lcr-check >"$out/build.log" 2>&1 ||
    { tail -n 30 "$out/build.log"; exit 1; }
}
keep() {
  cp "$out/build/bin/main_results" "$out/bin/$1.part" && mv "$out/bin/$1.part" "$out/bin/$1"
}
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
  git -C "$out/source" checkout -q .  # a study that was stopped here left its patch
  git -C "$out/source" apply "$patch"
  build
  keep "$name"
done

git -C "$out/source" checkout -q .

# Seeds of the pools: not those that CI trains (0, 1, 2), and no two pools share one.
train() { # NAME FIRST_SEED COUNT
  echo "training $1: $3 seeds"
  seeds=$(seq -s, "$2" $(($2 + $3 - 1)))
  "$out/bin/$1" --preset smoke --seeds "$seeds" --other-seeds "$seeds" \
    --runs "$out/runs/$1" --results "$out/results/$1" >"$out/$1.log" 2>&1 ||
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
"$out/bin/lcr-check" study --resamples 200 --pool "$out/results/clean" --defects "${defects[@]}" \
  --markdown "$out/study.md"
