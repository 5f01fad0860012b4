#!/bin/sh
# Builds the fuzzers with clang and its sanitizers and runs each for SECONDS (default 600) on one core: tests/fuzz/fuzz.sh [SECONDS]. TARGETS names some of them.
# Inputs that grow coverage and findings are kept in build-fuzz/. Exits with 1 on a finding.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-600}
mkdir -p build-fuzz/include
ln -sfn "$PWD/lib" build-fuzz/include/lcr
python3 tests/fuzz/make_corpus.py build-fuzz/corpus
flags="-std=c++20 -g -O1 -DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION -DFMT_HEADER_ONLY -Ibuild-fuzz/include -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined"
base="lib/base/files.cpp lib/base/text.cpp lib/base/signals.cpp"
${CXX:-clang++-14} $flags -fsanitize=fuzzer tests/fuzz/images.cpp lib/data/image_file.cpp $base -lturbojpeg -lpng -lz -o build-fuzz/images
${CXX:-clang++-14} $flags -fsanitize=fuzzer tests/fuzz/lists.cpp lib/data/listing.cpp lib/data/cub200.cpp lib/data/fgvc_aircraft.cpp lib/data/mat_file.cpp lib/data/descriptor.cpp $base -lz -o build-fuzz/lists
${CXX:-clang++-14} $flags -fsanitize=fuzzer tests/fuzz/weights.cpp lib/data/weight_file.cpp lib/data/safetensors.cpp lib/data/torch_file.cpp lib/data/pickle.cpp lib/base/hashing.cpp $base -larchive -lcrypto -lz -o build-fuzz/weights
${CXX:-clang++-14} $flags -fsanitize=fuzzer -Ici tests/fuzz/texts.cpp ci/measured.cpp ci/reference.cpp ci/metric_gate.cpp ci/throughput.cpp lib/record/*.cpp lib/base/csv.cpp lib/base/hashing.cpp lib/base/statistics.cpp $base -lboost_program_options -lcrypto -lz -o build-fuzz/texts
ln -sfn weights build-fuzz/safetensors
ln -sfn weights build-fuzz/torch_files
status=0
for target in ${TARGETS:-images lists safetensors torch_files texts}; do
  build-fuzz/$target -max_total_time="$seconds" -max_len=20000 -rss_limit_mb=4096 -timeout=20 -artifact_prefix=build-fuzz/$target- -print_final_stats=1 \
    build-fuzz/corpus/$target 2> build-fuzz/$target.log || status=1
  echo "$target: $(grep -E 'DONE|ERROR' build-fuzz/$target.log | tail -1)"
  grep -E 'number_of_executed_units|peak_rss' build-fuzz/$target.log | sed "s/^/$target: /"
done
exit $status
