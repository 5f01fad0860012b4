#!/usr/bin/env bash
# Uses a machine with a GPU and no network: builds the programs or takes built ones, runs the tests
# with CUDA, then checks the kernels with compute-sanitizer, counts what a step does with nsys and
# compares its speed with PyTorch's, where the machine has these, then runs experiments. All results
# end in one folder. Can be called several times: skips the parts that have passed with the same
# sources or binaries.
#
#   ci/gpu_session.sh [--out DIR] [--work DIR] [--debs DIR] [--binaries DIR] [--torch PREFIX]
#                     [--jobs N] [--device NAME] [--list FILE] [--deadline SECONDS] [--check]
#
#   --out DIR        CSVs and logs (default: gpu-out)
#   --work DIR       build and run store, kept between calls (default: gpu-work)
#   --debs DIR       unpacked Debian packages (a tree with usr/): libraries that the machine lacks.
#                    To unpack one: dpkg -x NAME.deb DIR
#   --binaries DIR   take built programs from DIR (base_tests, lcr_tests, cifar100_baseline, ...)
#                    instead of building
#   --torch PREFIX   CMake prefix of a LibTorch with CUDA (default: the pip torch of python3)
#   --jobs N         build jobs (default: one per processor)
#   --device NAME    device of tests and experiments (default: cuda; cpu to try the script)
#   --list FILE      command lines of experiments, one per line, for example
#                    "cifar100_baseline --preset cifar100 --seeds 0"; skips blank lines and # lines
#   --deadline S     stop the part that runs after S seconds, and start no further one (default: 540)
#   --check          do all but the GPU part: check the arguments and tools, build or take binaries,
#                    parse each command line
set -u
here=$(cd "$(dirname "$0")/.." && pwd)
out=gpu-out work=gpu-work debs='' binaries='' torch='' device=cuda list='' deadline=540 check=no
jobs=$(nproc)
die() { echo "gpu_session: error: $*" >&2; exit 2; }
while [ $# -gt 0 ]; do
  case $1 in
    --check) check=yes; shift; continue ;;
    --out|--work|--debs|--binaries|--torch|--jobs|--device|--list|--deadline)
      [ $# -ge 2 ] || die "$1 needs a value" ;;
    *) die "unknown argument '$1'; the head of $0 lists them" ;;
  esac
  case $1 in
    --out) out=$2 ;;
    --work) work=$2 ;;
    --debs) debs=$2 ;;
    --binaries) binaries=$2 ;;
    --torch) torch=$2 ;;
    --jobs) jobs=$2 ;;
    --device) device=$2 ;;
    --list) list=$2 ;;
    --deadline) deadline=$2 ;;
  esac
  shift 2
done
case $deadline$jobs in *[!0-9]*) die "--deadline and --jobs must be whole numbers" ;; esac
[ -z "$list" ] || [ -r "$list" ] || die "$list: no such file"
[ -z "$list" ] || list=$(realpath "$list")
[ -z "$torch" ] || torch=$(realpath "$torch") || die "--torch: no such folder"
[ -z "$debs" ] || [ -d "$debs/usr" ] ||
  die "$debs: holds no usr/ (unpack with dpkg -x NAME.deb $debs)"
[ -z "$binaries" ] || [ -x "$binaries/lcr_tests" ] || die "$binaries: holds no lcr_tests"
mkdir -p "$out" "$work" || die "cannot write $out or $work"
out=$(cd "$out" && pwd) work=$(cd "$work" && pwd)
export OMP_WAIT_POLICY=passive LCR_HOME=$here
started=$SECONDS
left() { echo $((deadline - (SECONDS - started))); }
# What the parts depend on, in one hash; timestamps do not count.
hash_of() { (cd "$1" && shift && find "$@" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum) | sha256sum | cut -c1-12; }
say() { echo "gpu_session: $*" | tee -a "$out/session.log"; }

if [ -n "$debs" ]; then
  debs=$(cd "$debs" && pwd)
  libraries=$debs/usr/lib/x86_64-linux-gnu
  export CMAKE_PREFIX_PATH=$debs/usr CPATH=$debs/usr/include LIBRARY_PATH=$libraries
  export LD_LIBRARY_PATH=$libraries:$debs/lib/x86_64-linux-gnu:${LD_LIBRARY_PATH:-}
  export PKG_CONFIG_PATH=$libraries/pkgconfig:$debs/usr/share/pkgconfig
  export PATH=$debs/usr/bin:$PATH
fi
if [ -z "$torch" ]; then
  torch=$(python3 -c 'import os, torch; print(os.path.dirname(torch.__file__))' 2>/dev/null) || torch=
fi
# The Python package of LibTorch keeps the libraries of CUDA in packages beside it.
for folder in "$torch/lib" "$torch/../nvidia"/*/lib; do
  [ -n "$torch" ] && [ -d "$folder" ] &&
    LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$(cd "$folder" && pwd)
done
export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:-}

{
  date
  uname -a
  nvidia-smi 2>/dev/null || echo "no nvidia-smi"
  nvidia-smi -q -d CLOCK,POWER 2>/dev/null
  echo "torch prefix: ${torch:-none}"
} > "$out/machine.txt" 2>&1

if [ -n "$binaries" ]; then
  bin=$(cd "$binaries" && pwd)
  state=$(hash_of "$bin" .)
  say "binaries: $bin"
else
  bin=$work/build/bin
  [ -n "$torch" ] || die "no LibTorch: give its CMake prefix with --torch"
  state=$(hash_of "$here" CMakeLists.txt benchmarks ci cmake datasets experiments lib plots presets tests tools)
  if [ ! -e "$work/build-$state.done" ]; then
    say "building with $jobs jobs"
    prefix="$torch;${debs:+$debs/usr}"
    cmake -S "$here" -B "$work/build" -DCMAKE_PREFIX_PATH="$prefix" > "$out/configure.log" 2>&1 ||
      { tail -n 20 "$out/configure.log"; die "configure failed, see $out/configure.log"; }
    timeout "$(left)" cmake --build "$work/build" -j "$jobs" > "$out/build.log" 2>&1 ||
      { [ $? -ne 124 ] || die "the build took longer than --deadline; call again to continue it"
        tail -n 20 "$out/build.log"; die "build failed, see $out/build.log"; }
    touch "$work/build-$state.done"
  fi
  say "build: done after $((SECONDS - started)) s"
fi

# part NAME COMMAND...: runs the command, for no longer than is left, unless it passed before with the
# same state; its output goes to NAME.log.
failures=0
part() {
  local name=$1 mark=$work/$1-$state.done seconds began=$SECONDS code=0; shift
  seconds=$(left)
  if [ -e "$mark" ]; then say "$name: done before"; return; fi
  if [ "$seconds" -le 0 ]; then say "$name: no time left, call again"; failures=$((failures + 1)); return; fi
  # TERM first: a program then keeps what it has trained.
  timeout --kill-after=20 "$seconds" "$@" > "$out/$name.log" 2>&1 || code=$?
  if [ $code -eq 0 ]; then
    touch "$mark"
    say "$name: passed in $((SECONDS - began)) s"
    return
  fi
  failures=$((failures + 1))
  if [ "$(left)" -le 0 ]; then
    say "$name: stopped by --deadline after $((SECONDS - began)) s, call again"
  else
    say "$name: FAILED ($code) after $((SECONDS - began)) s, see $name.log"
  fi
}

# What nsys counts in 60 steps: kernels, host synchronisations and copies, the longest first.
profile() {
  nsys profile --force-overwrite true --output "$out/profile" \
    "$bin/main_results" --preset paper --pretrain none --dataset synthbirds --rows "MoCo v2" \
    --precision bfloat16 --seeds 0 --max-steps 60 --device "$device" --runs "$work/profile-runs" \
    --results "$out/results-profile" &&
    nsys stats --report cuda_gpu_kern_sum,cuda_api_sum,cuda_gpu_mem_time_sum "$out/profile.nsys-rep"
}

cd "$work" || die "cannot enter $work"
if [ "$check" = yes ]; then
  "$bin/cifar100_baseline" --help > /dev/null || die "the programs do not start"
else
  part base_tests "$bin/base_tests"
  # cuBLAS reads its setting once, and a test of deterministic operations needs it.
  part lcr_tests env LCR_TEST_DEVICE="$device" CUBLAS_WORKSPACE_CONFIG=:4096:8 OMP_NUM_THREADS=1 \
    "$bin/lcr_tests"
  for tool in memcheck racecheck; do
    if [[ $device != cuda* ]] || ! command -v compute-sanitizer > /dev/null; then
      say "$tool: skipped, needs CUDA's compute-sanitizer and --device cuda"
    else
      part $tool env LCR_TEST_DEVICE="$device" OMP_NUM_THREADS=1 compute-sanitizer --tool $tool \
        --error-exitcode 1 "$bin/lcr_tests" --gtest_filter='DeviceViews.*:FusedNorm.TheForm*:Sgd.TheForm*'
    fi
  done
  if [[ $device != cuda* ]] || ! command -v nsys > /dev/null; then
    say "profile: skipped, needs nsys and --device cuda"
  else
    export -f profile && export bin device out work
    part profile bash -ec profile
  fi
  if [[ $device != cuda* ]] || [ ! -x "$bin/lcr-benchmark" ]; then
    say "benchmark: skipped, needs lcr-benchmark and --device cuda"
  else
    part benchmark "$bin/lcr-benchmark" --device "$device" --benchmark_format=json
  fi
  if [[ $device != cuda* ]] || [ ! -x "$bin/lcr-benchmark" ] ||
    ! python3 -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' 2> /dev/null; then
    say "peer: skipped, needs lcr-benchmark, a PyTorch of python3 with CUDA and --device cuda"
  else
    part peer python3 "$here/benchmarks/peers/compare_steps.py" --benchmark "$bin/lcr-benchmark" \
      --python python3 --device "$device" --precision bfloat16 --rounds 3
  fi
fi
if [ -n "$list" ]; then
  number=0
  while IFS= read -r line || [ -n "$line" ]; do
    number=$((number + 1))
    case $line in ''|'#'*) continue ;; esac
    program=${line%% *} arguments=
    [ "$program" = "$line" ] || arguments=${line#* }
    if [ "$check" = yes ]; then
      # shellcheck disable=SC2086  # the words of the line are its arguments
      "$bin/$program" $arguments --device cpu --dry-run > "$out/check-$number.log" 2>&1 ||
        { tail -n 2 "$out/check-$number.log"; die "line $number of $list: '$line'"; }
      say "line $number: parses"
    else
      digest=$(printf %s "$line" | sha256sum | cut -c1-8)
      # shellcheck disable=SC2086
      part "experiment-$number-$digest" "$bin/$program" $arguments --device "$device" \
        --runs "$work/runs" --results "$out/results-$number"
    fi
  done < "$list"
fi
say "session ends after $((SECONDS - started)) s, $failures parts not run or failed"
[ "$failures" -eq 0 ]
