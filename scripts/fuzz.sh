#!/usr/bin/env bash
# Runs every fuzz target of the module in the current folder for a while: fuzz.sh 10s
set -euo pipefail

duration=${1:-10s}

# Compiling every test binary to ask it for its targets takes minutes: ask only where the text has one.
folders_with_targets() {
	local folder
	go list -f '{{.Dir}}' ./... | while read -r folder; do
		if grep -qs '^func Fuzz' "$folder"/*_test.go; then echo "$folder"; fi
	done
}

# Before Go 1.27 the end of -fuzztime itself is reported as a failure now and then (go.dev/issue/75804): "context deadline
# exceeded", and no input that fails. Only that is tried again, twice at most.
fuzz_target() {
	local output try
	output=$(mktemp)
	for try in 1 2 3; do
		if go test -run '^$' -fuzz "^$1\$" -fuzztime "$duration" "$2" 2>&1 | tee "$output"; then
			rm -f "$output"
			return 0
		fi
		if ! grep -A1 "^--- FAIL: $1 " "$output" | grep -qx '    context deadline exceeded' || grep -q 'Failing input' "$output"; then
			break
		fi
		printf 'the end of the time was taken for a failure (go.dev/issue/75804)\n'
	done
	rm -f "$output"
	return 1
}

fuzz_folder() {
	local names name
	names=$(go test -list '^Fuzz' "$1")
	for name in $names; do
		case $name in
		Fuzz*)
			printf '== fuzz %s in %s for %s\n' "$name" "$1" "$duration"
			fuzz_target "$name" "$1"
			;;
		esac
	done
}

folders=$(folders_with_targets)
for folder in $folders; do fuzz_folder "$folder"; done
