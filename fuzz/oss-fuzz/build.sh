#!/bin/bash -eu
# Builds the fuzz targets as OSS-Fuzz and ClusterFuzzLite ask: compilers, flags and engine come from the environment
# (CC, CXX, CFLAGS, CXXFLAGS, LIB_FUZZING_ENGINE, FUZZING_ENGINE, SANITIZER), sources lie in $SRC/tensorvet, results go
# to $OUT: fuzz_NAME, fuzz_NAME_seed_corpus.zip, fuzz_NAME.dict, fuzz_NAME.options. Nothing of ours sets a flag.
cd "$SRC/tensorvet"
options=(-DTV_FUZZ_ENGINE=oss "-DTV_FUZZ_LINK=$LIB_FUZZING_ENGINE" -DCMAKE_BUILD_TYPE=None -DTV_WERROR=OFF -DBUILD_TESTING=OFF)
# Custom mutators are libFuzzer's interface; the other engines mutate by themselves.
[[ "${FUZZING_ENGINE:-libfuzzer}" != libfuzzer ]] || options+=(-DTV_FUZZ_MUTATORS=ON)
# The memory sanitizer wants everything instrumented: core needs no library, and a mutator would read what libFuzzer's
# own code, which is not instrumented, has written.
[[ "${SANITIZER:-address}" != memory ]] || options+=(-DTV_CORE_ONLY=ON -DTV_FUZZ_MUTATORS=OFF)

cmake -G Ninja -S . -B "$WORK/tensorvet" "${options[@]}"
cmake --build "$WORK/tensorvet" --target fuzz_targets -j "$(nproc)"
for program in "$WORK"/tensorvet/fuzz/fuzz_*; do
  [[ -f "$program" && -x "$program" ]] || continue
  name=$(basename "$program")
  cp "$program" "$OUT/"
  python3 fuzz/oss-fuzz/seed_corpus.py "${name#fuzz_}" "$WORK/tensorvet/fuzz/${name#fuzz_}.seeds" "$OUT/${name}_seed_corpus.zip"
  [[ ! -f "fuzz/dict/${name#fuzz_}.dict" ]] || cp "fuzz/dict/${name#fuzz_}.dict" "$OUT/$name.dict"
  awk -v name="${name#fuzz_}" '$1 == name { print "[libfuzzer]\nmax_len = " $3 "\ntimeout = 25" }' fuzz/targets >"$OUT/$name.options"
done
