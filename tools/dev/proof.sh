#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Replays the long runs from their seeds and closes with their figures, in the rows of docs/Testing.md: tiers against each other, readers under
# libFuzzer, planted faults. VTPU_PROOF=tiers,readers,mutation chooses parts; no more than two processes work at a time. Exit code 0: all hold.
# What the parts say stands in build/proof/*.log.
set -uo pipefail
cd "$(dirname "$0")/../.."
parts=,${VTPU_PROOF:-tiers,readers,mutation},
for part in ${parts//,/ }; do
  case $part in
    tiers | readers | mutation) ;;
    *) echo "proof: VTPU_PROOF names '$part'; parts are tiers, readers, mutation" >&2; exit 2 ;;
  esac
done
python=$PWD/.venv/bin/python
out=build/proof
mkdir -p $out
rm -f $out/*.log $out/*.row $out/*.failed

tiers="vtpu-fuzz --seed=1 --executed=100000000 --iterations=16 --least=100 --orc-every=32 --orc-least=1"
long="vtpu-fuzz --seed=1 --programs=8 --words=2000 --orc-every=1"
faults="tools/dev/mutate.py --faults 55 --seed 1"
# Of each reader: the inputs that it gets, and the longest of them. The seeds in test/Fuzz/corpus are shorter.
inputs=10000000
declare -A longest=([object]=2048 [word]=256 [assembly]=1024 [coordinate]=256)

# configure FOLDER OPTION...: the runtime's side alone.
configure() {
  cmake -G Ninja -S . -B "$@" -DCMAKE_BUILD_TYPE=Release -DVTPU_BUILD_COMPILER=OFF -DVTPU_BUILD_PYTHON=OFF -DPython_EXECUTABLE="$python" > /dev/null
}
# failed NAME: leaves a mark, and the end of what was said.
failed() {
  touch "$out/$1.failed"
  echo "== $1 FAILED; the end of $out/$1.log:"
  tail -n 40 "$out/$1.log"
}
row() { printf '| %s | %s | `%s` |\n' "$2" "$3" "$4" > "$out/$1.row"; }

run_tiers() {
  { configure $out/release && ninja --quiet -C $out/release -j1 vtpu-fuzz VTPUORC &&
    $out/release/bin/$tiers --coverage=$out/coverage.json; } > $out/tiers.log 2>&1 || { failed tiers; return; }
  $out/release/bin/$long > $out/long.log 2>&1 || { failed long; return; }
  "$python" - $out/tiers.log > $out/tiers.figure << 'END' || { failed tiers; return; }
import re, sys
text = open(sys.argv[1]).read()
first, last, executed, traps = re.search(r"seeds (\d+) to (\d+): .* slots, (\d+) executed .*, (\d+) programs ended", text).groups()
ran = {tier: (programs, forms, least) for tier, programs, forms, least in
       re.findall(r"^(\w+): (\d+) programs of \d+ words, each of (\d+) forms ran untrapped at least (\d+) times", text, re.M)}
if "orc" not in ran or "jit" not in ran:
    sys.exit(f"only {', '.join(ran)} ran")
print(f"{int(executed):,} executed words in programs of the seeds {first} to {last}, of which {traps} ended in a trap; no difference; each of "
      f"{ran['interpreter'][1]} forms ran at least {ran['interpreter'][2]} times in the interpreter and the template JIT and, in "
      f"{ran['orc'][0]} programs, {ran['orc'][2]} times in ORC")
END
  row 1-tiers "tiers against each other" "$(cat $out/tiers.figure)" "$tiers"
  row 1-tiers-long "long functions, which ORC translates in pieces" "$(sed -n 's/^orc: \(.*\), each.*/\1/p' $out/long.log), no difference" "$long"
}

run_readers() {
  configure $out/fuzz -DCMAKE_C_COMPILER=clang-22 -DCMAKE_CXX_COMPILER=clang++-22 -DVTPU_BUILD_ORC=OFF -DVTPU_BUILD_FUZZERS=ON \
    -DVTPU_SANITIZE=address,undefined > $out/readers.log 2>&1 || { failed readers; return; }
  rm -rf $out/corpus # a run starts from the seeds alone
  for name in coordinate word assembly object; do
    mkdir -p "$out/corpus/$name"
    { ninja --quiet -C $out/fuzz -j1 "fuzz-$name" &&
      "$out/fuzz/bin/fuzz-$name" -runs=$inputs -seed=1 "-max_len=${longest[$name]}" -verbosity=0 -print_funcs=0 -print_final_stats=1 \
        "-artifact_prefix=$out/" "$out/corpus/$name" "test/Fuzz/corpus/$name"; } > "$out/$name.log" 2>&1 || { failed "$name"; continue; }
    executed=$(sed -n 's/^stat::number_of_executed_units: //p' "$out/$name.log")
    [ "${executed:-0}" -ge $inputs ] || { failed "$name"; continue; }
    executed=$(sed -E ':a; s/([0-9])([0-9]{3})(,|$)/\1,\2\3/; ta' <<< "$executed")
    row "2-$name" "reader of $name under libFuzzer" "$executed inputs of up to ${longest[$name]} bytes, no finding" \
      "VTPU_PROOF=readers tools/dev/proof.sh"
  done
}

run_mutation() {
  "$python" $faults --jobs "$1" --scratch $out/mutation > $out/mutation.log 2>&1 || { failed mutation; return; }
  sanitized=$(grep -c "under sanitizers: " $out/mutation.log)
  row 3-mutation "planted faults" "$(tail -n 1 $out/mutation.log | cut -d' ' -f1-5), $sanitized of them by a sanitizer alone" "$faults"
}

export LC_ALL=C.UTF-8
wants() { [[ $parts == *,$1,* ]]; }
wants readers && run_readers &
if wants tiers; then run_tiers; fi
if wants mutation; then
  kill -0 $! 2> /dev/null && run_mutation 1 || run_mutation 2
fi
wait

echo "| Run | Figure | Command |"
echo "|---|---|---|"
cat $out/*.row 2> /dev/null
if compgen -G "$out/*.failed" > /dev/null; then
  echo "FAILED: $(cd $out && ls ./*.failed | sed 's|^./||; s|.failed$||' | tr '\n' ' ')"
  exit 1
fi
echo "all hold"
