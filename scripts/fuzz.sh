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

fuzz_folder() {
	local names name
	names=$(go test -list '^Fuzz' "$1")
	for name in $names; do
		case $name in
		Fuzz*)
			printf '== fuzz %s in %s for %s\n' "$name" "$1" "$duration"
			go test -run '^$' -fuzz "^$name\$" -fuzztime "$duration" "$1"
			;;
		esac
	done
}

folders=$(folders_with_targets)
for folder in $folders; do fuzz_folder "$folder"; done
