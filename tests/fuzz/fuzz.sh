#!/bin/sh
# Builds the fuzzers with clang and its sanitizers, and runs each for SECONDS (default 600) on one
# core: tests/fuzz/fuzz.sh [SECONDS]. TARGETS="images lists" selects some of them. Keeps inputs that
# increase coverage, and findings, in build-fuzz/. Exits with 1 on a finding.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-600}
mkdir -p build-fuzz
python3 tests/fuzz/make_corpus.py build-fuzz/corpus

build() { # TARGET SOURCES AND LIBRARIES...
  target=$1
  shift
  ${CXX:-clang++-14} -std=c++20 -g -O1 -Ilib -I. \
    -DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION -DFMT_HEADER_ONLY \
    -fno-omit-frame-pointer -fsanitize=address,undefined,fuzzer -fno-sanitize-recover=undefined \
    lib/lcr/base/files.cpp lib/lcr/base/text.cpp lib/lcr/base/signals.cpp "$@" \
    -o "build-fuzz/$target"
}
image=lib/lcr/image
weights=lib/lcr/weights
data=lib/lcr/data
base=lib/lcr/base
status=0
for target in ${TARGETS:-images lists safetensors torch_files texts}; do
  case $target in
    images)
      build images tests/fuzz/images.cpp $image/image_file.cpp $image/jpeg_file.cpp \
        $image/png_file.cpp $base/failed_download.cpp \
        -lturbojpeg -ljpeg -lpng -lz ;;
    lists)
      build lists tests/fuzz/lists.cpp $data/listing.cpp $data/cub200.cpp $data/fgvc_aircraft.cpp \
        $data/mat_file.cpp $data/descriptor.cpp -lz ;;
    safetensors | torch_files) # one reader of both forms, two sets of first inputs
      build "$target" tests/fuzz/weights.cpp $weights/weight_file.cpp $weights/safetensors.cpp \
        $weights/torch_*.cpp $weights/pickle*.cpp $base/failed_download.cpp $base/hashing.cpp \
        -larchive -lcrypto -lz ;;
    texts)
      build texts tests/fuzz/texts.cpp ci/measured.cpp ci/reference.cpp ci/metric_gate.cpp \
        ci/throughput.cpp lib/lcr/record/*.cpp $base/csv.cpp $base/hashing.cpp \
        $base/statistics.cpp $base/error.cpp $base/memory.cpp \
        -lboost_program_options -lcrypto -lz ;;
    *)
      echo "fuzz.sh: no fuzzer '$target'; choose from images, lists, safetensors, torch_files," \
        "texts" >&2
      exit 2 ;;
  esac
  "build-fuzz/$target" -max_total_time="$seconds" -max_len=20000 -rss_limit_mb=4096 -timeout=20 \
    "-artifact_prefix=build-fuzz/$target-" -print_final_stats=1 \
    "build-fuzz/corpus/$target" 2> "build-fuzz/$target.log" || status=1
  echo "$target: $(grep -E 'DONE|ERROR' "build-fuzz/$target.log" | tail -1)"
  grep -E 'number_of_executed_units|peak_rss' "build-fuzz/$target.log" | sed "s/^/$target: /"
done
exit $status
