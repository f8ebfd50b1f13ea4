#!/usr/bin/env bash
# Installs what the tests and the demonstration need besides Go, on Debian and Ubuntu. It can be run again at any
# time: when nothing is missing it looks, says so, and calls no package manager.
#
# Arguments name what only some targets need, and is looked at besides: "scripts/setup.sh browser".
#
# To add something: write a function check_NAME that calls `missing` with a reason and its packages, and name it
# in `checks`, or in `extras` if it is installed only when asked for.
set -euo pipefail

checks=(go certificates compiler postgres mariadb)
extras=(browser)
packages=()

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# missing REASON PACKAGE...
missing() {
	say "missing: $1"
	shift
	packages+=("$@")
}

have() { command -v "$1" >/dev/null 2>&1; }

check_go() {
	have go || die "Go is not on PATH; install the version that go.mod names from https://go.dev/dl/"
}

# Without root certificates Go cannot download modules.
check_certificates() {
	[ "$(uname -s)" = Linux ] || return 0
	local bundle
	for bundle in "${SSL_CERT_FILE:-}" /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
		[ -z "$bundle" ] || [ ! -s "$bundle" ] || return 0
	done
	missing "root certificates" ca-certificates
}

# The race detector needs cgo, and cgo a C compiler with the C library's headers. make runs the rest.
check_compiler() {
	if ! printf '#include <stdlib.h>\nint main(void) { return 0; }\n' | "$(go env CC)" -x c - -o /dev/null 2>/dev/null; then
		missing "a working C compiler (for go test -race)" gcc libc6-dev
	fi
	have make || missing "make" make
}

# The tests look in the same places: internal/testenv/binaries.go.
check_postgres() {
	local dir
	if have initdb && have postgres; then return 0; fi
	for dir in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/libexec/postgresql* \
		/opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin /usr/local/pgsql/bin; do
		if [ -x "$dir/initdb" ] && [ -x "$dir/postgres" ]; then return 0; fi
	done
	missing "PostgreSQL's server binaries" postgresql
}

# The tests look in the same places: internal/testenv/mariadb_program.go. The core package has the server and the SQL of
# its system tables; it starts nothing and needs no client.
check_mariadb() {
	local dir
	if have mariadbd; then return 0; fi
	for dir in /usr/sbin /usr/libexec /opt/homebrew/opt/mariadb*/bin /usr/local/opt/mariadb*/bin /usr/local/mysql/bin; do
		if [ -x "$dir/mariadbd" ]; then return 0; fi
	done
	missing "MariaDB's server" mariadb-server-core
}

# The tests look in the same places: statuspage/e2e/browser_test.go. npm brings axe, which checks accessibility; the fonts
# make screenshots look the same everywhere.
check_browser() {
	have chromium || have chromium-browser || have google-chrome || missing "a browser to test with" chromium
	have npm || missing "npm" npm
	if ! have fc-list || [ -z "$(fc-list Inter)" ]; then
		missing "fonts for screenshots" fontconfig fonts-inter fonts-dejavu-core
	fi
}

# as_root runs a command as root.
as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif [ -t 0 ]; then
		sudo -- "$@"
	else
		sudo -n -- "$@"
	fi
}

apt() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@" </dev/null
}

# without_clusters runs a command while Debian's packages are told not to make and start a database of the
# system's own, which nobody asked for. A setting that is there already is left alone.
without_clusters() {
	local folder=/etc/postgresql-common/createcluster.d
	local file=$folder/rekey-setup.conf
	as_root mkdir -p "$folder"
	printf 'create_main_cluster = false\n' | as_root tee "$file" >/dev/null
	local status=0
	"$@" || status=$?
	as_root rm -f "$file"
	return "$status"
}

install() {
	local wanted="apt-get install ${packages[*]}"
	have apt-get || die "there is no apt-get on this system; install by its own means what is missing (on macOS: brew install postgresql mariadb)"
	if [ "$(id -u)" -ne 0 ]; then
		have sudo || die "not root, and there is no sudo; as root, run: $wanted"
	fi
	say "installing with apt-get: ${packages[*]}"
	apt update || say "apt-get update failed; trying with the package lists that are here"
	without_clusters apt install -y --no-install-recommends "${packages[@]}" || die "this failed: $wanted"
}

run_checks() {
	local name
	packages=()
	for name in "${checks[@]}"; do "check_$name"; done
}

for extra in "$@"; do
	[[ " ${extras[*]} " == *" $extra "* ]] || die "there is no extra \"$extra\", only: ${extras[*]}"
	checks+=("$extra")
done
run_checks
if [ "${#packages[@]}" -eq 0 ]; then
	say "nothing is missing"
	exit 0
fi
install
run_checks
[ "${#packages[@]}" -eq 0 ] || die "installed, and still missing: ${packages[*]}"
say "done"
