#!/bin/sh
# Runs each fuzz target for SECONDS (first argument, 30 by default) on its seeds; findings end it with 1.
# FUZZ_SEED chooses the random numbers (1 by default, so that a run repeats).
# What is found is left in build/fuzz/findings/; add the file to fuzz/corpus/ once it is mended.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-30}
command -v clang++-19 >/dev/null || { echo "SKIPPED: clang++-19 is not installed (apt-get install clang-19 libclang-rt-19-dev)"; exit 77; }
[ -f build/fuzz/build.ninja ] || cmake --preset fuzz >/dev/null
cmake --build build/fuzz --target fuzz_all -j "${JOBS:-2}"
mkdir -p build/fuzz/findings
for target in build/fuzz/bin/fuzz_*; do
  name=$(basename "$target")
  echo "fuzzing $name for $seconds s"
  mkdir -p "build/fuzz/corpus/$name"
  dictionary=fuzz/json.dict
  [ ! -f "fuzz/$name.dict" ] || dictionary=fuzz/$name.dict
  "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -verbosity=0 -print_final_stats=1 \
    -seed="${FUZZ_SEED:-1}" -dict="$dictionary" -artifact_prefix="build/fuzz/findings/$name-" \
    "build/fuzz/corpus/$name" "fuzz/corpus/$name" 2>&1 | grep -vE '^(INFO|Loading|stat::(new|peak|slowest))' || true
  [ -z "$(ls build/fuzz/findings/"$name"-* 2>/dev/null)" ] || { echo "$name found something: build/fuzz/findings/"; exit 1; }
done
echo "nothing found"
