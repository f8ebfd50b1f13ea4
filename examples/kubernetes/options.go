package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Kinds of sources, for -source.
const (
	sourceFile  = "file"
	sourceDir   = "dir"
	sourceVault = "vault"
)

// options are what the flags say, and the environment where there is no flag.
type options struct {
	listen   string
	database string
	source   string

	path          string // of file and dir
	sighup        bool
	leaseDuration time.Duration
	owners        userIDs

	vaultRole     string // of vault
	vaultAuth     string
	vaultToken    string
	databaseMount string
	databaseRole  string

	drain time.Duration
	stop  time.Duration
}

// flags describes the options.
func (o *options) flags(output io.Writer) *flag.FlagSet {
	f := flag.NewFlagSet("kubernetes", flag.ContinueOnError)
	f.SetOutput(output)
	f.StringVar(&o.listen, "listen", ":8080", "`address` to serve HTTP at")
	f.StringVar(&o.database, "database", "", "connection `string` without a login; PGHOST and the like if empty")
	f.StringVar(&o.source, "source", "", "where the login is from: file, dir or vault")
	f.StringVar(&o.path, "path", "", "file, dir: the `path` of what holds the login")
	f.BoolVar(&o.sighup, "sighup", false, "file, dir: look again at SIGHUP; without it, SIGHUP ends this program")
	f.DurationVar(&o.leaseDuration, "lease-duration", 0, "file, dir: after what time the login is replaced at the latest")
	f.Var(&o.owners, "owners", "file, dir: user `IDs` that may own the files, besides root and ours, with commas")
	f.StringVar(&o.vaultRole, "vault-role", "", "vault: `role` of the Kubernetes auth method")
	f.StringVar(&o.vaultAuth, "vault-auth", "kubernetes", "vault: where the auth method is `mounted`")
	f.StringVar(&o.vaultToken, "vault-token", "/var/run/secrets/vault/token", "vault: `path` of the service account's token")
	f.StringVar(&o.databaseMount, "database-mount", "database", "vault: where the database engine is `mounted`")
	f.StringVar(&o.databaseRole, "database-role", "", "vault: dynamic `role` of the database engine")
	f.DurationVar(&o.drain, "drain", 0, "how long to go on serving after SIGTERM: others still send requests")
	f.DurationVar(&o.stop, "stop", 10*time.Second, "how long requests, and then the pool, may take to end")
	return f
}

// parseOptions reads the environment and then args, which win.
func parseOptions(args []string, getenv func(string) string, stderr io.Writer) (options, error) {
	var o options
	f := o.flags(stderr)
	if err := setFromEnvironment(f, getenv); err != nil {
		return o, err
	}
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	return o, o.check()
}

// setFromEnvironment sets the flags that the environment has.
func setFromEnvironment(f *flag.FlagSet, getenv func(string) string) (err error) {
	f.VisitAll(func(each *flag.Flag) {
		value := getenv(variable(each.Name))
		if value == "" || err != nil {
			return
		}
		if e := f.Set(each.Name, value); e != nil {
			err = fmt.Errorf("%s: %w", variable(each.Name), e)
		}
	})
	return err
}

// variable names the variable that stands for a flag.
func variable(name string) string {
	return "APP_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// check says what is missing, or makes no sense.
func (o *options) check() error {
	files := o.source == sourceFile || o.source == sourceDir
	switch {
	case !files && o.source != sourceVault:
		return fmt.Errorf("-source is %q; it must be file, dir or vault", o.source)
	case files && o.path == "":
		return errors.New("-path is missing")
	case !files && (o.vaultRole == "" || o.databaseRole == ""):
		return errors.New("-vault-role or -database-role is missing")
	case !files && (o.path != "" || o.sighup || o.leaseDuration != 0 || len(o.owners) > 0):
		return errors.New("-path, -sighup, -lease-duration and -owners are for files")
	case o.drain < 0 || o.stop <= 0:
		return errors.New("-drain must not be negative, and -stop must be positive")
	}
	return nil
}

// atMost is how long the program may take to end after SIGTERM, apart from giving its token back to Vault.
func (o *options) atMost() time.Duration { return o.drain + 2*o.stop }

// userIDs is a list of numbers with commas between.
type userIDs []int

// String implements flag.Value.
func (u *userIDs) String() string {
	var parts []string
	for _, id := range *u {
		parts = append(parts, strconv.Itoa(id))
	}
	return strings.Join(parts, ",")
}

// Set implements flag.Value.
func (u *userIDs) Set(text string) error {
	*u = nil
	for part := range strings.SplitSeq(text, ",") {
		id, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || id < 0 {
			return fmt.Errorf("%q is no user ID", part)
		}
		*u = append(*u, id)
	}
	return nil
}
