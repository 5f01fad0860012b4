#!/usr/bin/env bash
# Checks that include arrows only point down (docs/architecture.md): ci/layers.sh [--graph] [ROOT]
#   --graph  prints "FROM TO COUNT" for each pair of rooms instead
# Needs only the sources. Exits with 1 and one line per wrong include.
set -eu
graph=no
[ "${1:-}" != --graph ] || { graph=yes; shift; }
cd "${1:-$(dirname "$0")/..}"
# shellcheck disable=SC2016  # the dollars are for awk
find lib/lcr plots ci experiments tools benchmarks tests \
  -name '*.cpp' -o -name '*.h' -o -name '*.cu' | sort | xargs awk -v graph="$graph" '
  BEGIN {
    # Layers of the library by height; rooms of one height do not include each other. Up to `data`
    # there is no LibTorch.
    split("base 0 config 1 record 2 image 2 weights 2 data 3 model 4 method 5 train 6 evaluate 6 " \
          "experiment 7", words)
    for (i = 1; i in words; i += 2) height[words[i]] = words[i + 1]
    # Folders outside the library, with the highest room that they may include. Only tests may
    # include the other folders.
    split("plots 5 ci 5 experiments 7 tools 7 benchmarks 7 tests 7", words)
    for (i = 1; i in words; i += 2) reach[words[i]] = words[i + 1]
  }
  function wrong(why) { printf "%s:%d: %s: %s\n", FILENAME, FNR, why, $0; bad = 1 }
  FNR == 1 {
    files++
    split(FILENAME, path, "/")
    inside = path[1] == "lib"
    room = inside ? path[3] : path[1]
    if (inside && !(room in height)) wrong("no such room")
    top = inside ? height[room] : reach[room]
  }
  /^#include [<"](torch|ATen|c10)\// && inside && top <= 3 { wrong("LibTorch in lcr_base") }
  /^#include "/ {
    split($2, path, /["\/]/)
    target = path[2] == "lcr" ? path[3] : path[2]
    if (path[2] == "lcr") {
      if (!(target in height)) wrong("no such room")
      else if (target != room && (inside ? height[target] >= top : height[target] > top))
        wrong("include points up")
    } else if (inside || (target != room && room != "tests")) {
      wrong("include from outside the library")
    }
    if (target != room) edges[room " " target]++
  }
  END {
    if (files < 30) { print "layers.sh: found only " files " files"; bad = 1 }
    if (graph == "yes") for (edge in edges) print edge, edges[edge] | "sort"
    exit bad
  }' || exit 1
