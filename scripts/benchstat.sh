#!/usr/bin/env bash
# Runs the Go benchmarks of benchmarks/ that compare pools, and sets those side by side with benchstat. Each round runs all of them
# once, and rounds follow each other, so that what else the machine does hits all: a count of the go command would
# run one many times, then the next.
#
# benchstat.sh BENCHSTAT FOLDER COUNT BENCHTIME PATTERN: the program; where to leave what was measured and the comparison; how
# often; for how long each; which.
set -euo pipefail

benchstat=$1 folder=$2 count=${3:-6} benchtime=${4:-200ms} pattern=${5:-.}
packages=(hotpath sqladapter)

mkdir -p "$folder"
binaries=$(mktemp -d)
trap 'rm -rf "$binaries"' EXIT
for package in "${packages[@]}"; do go test -c -o "$binaries/$package" "./$package"; done

: >"$folder/gobench.txt"
for round in $(seq "$count"); do
	for package in "${packages[@]}"; do
		printf 'round %s of %s: %s\n' "$round" "$count" "$package" >&2
		(cd "$package" && "$binaries/$package" -test.run '^$' -test.bench "$pattern" -test.benchtime "$benchtime" -test.timeout 10m) \
			>>"$folder/gobench.txt" || { tail -n 20 "$folder/gobench.txt" >&2; exit 1; }
	done
done
"$benchstat" -col /pool "$folder/gobench.txt" | tee "$folder/benchstat.txt"
