package main

import (
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/template"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/rekeyhq/rekey/source/file"
)

// kinds are the objects that the manifests may have.
var kinds = map[string]string{
	"ServiceAccount":     "v1",
	"Service":            "v1",
	"Deployment":         "apps/v1",
	"ExternalSecret":     "external-secrets.io/v1",
	"SecretStore":        "external-secrets.io/v1",
	"VaultDynamicSecret": "generators.external-secrets.io/v1alpha1",
}

func TestManifestsAreWhole(t *testing.T) {
	for name, docs := range readManifests(t) {
		for _, m := range docs {
			if kinds[m.Kind] == "" || kinds[m.Kind] != m.APIVersion || m.Metadata.Name == "" || m.Metadata.Namespace != "app" {
				t.Errorf("%s: %s %s %+v", name, m.APIVersion, m.Kind, m.Metadata)
			}
			for _, key := range keysOf(&m.node) {
				if strings.HasPrefix(key, "subPath") || key == "secretKeyRef" || key == "envFrom" {
					t.Errorf("%s: %s: %s never changes while a pod runs", name, m.Kind, key)
				}
			}
		}
	}
}

// keysOf returns all keys below a node.
func keysOf(n *yaml.Node) (keys []string) {
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			keys = append(keys, child.Value)
		}
		keys = append(keys, keysOf(child)...)
	}
	return keys
}

// programs are the manifests with a Deployment, and what its program is told.
func programs(t *testing.T, check func(t *testing.T, docs []manifest, pod deployment, opts options)) {
	for _, name := range []string{"agent.yaml", "in-process.yaml", "external-secrets.yaml"} {
		t.Run(name, func(t *testing.T) {
			docs := readManifest(t, name)
			pod := into[deployment](t, docs, "Deployment")
			c := pod.Spec.Template.Spec.Containers[0]
			opts, err := parseOptions(c.Args, c.environment, io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			check(t, docs, pod, opts)
		})
	}
}

// Every flag is one of the program's (or parseOptions fails), and so is every variable.
func TestVariablesExist(t *testing.T) {
	known := []string{"VAULT_ADDR", "VAULT_CACERT", "PGHOST", "PGDATABASE", "PGSSLMODE", "PGSSLROOTCERT"}
	new(options).flags(io.Discard).VisitAll(func(f *flag.Flag) { known = append(known, variable(f.Name)) })
	programs(t, func(t *testing.T, _ []manifest, pod deployment, opts options) {
		c := pod.Spec.Template.Spec.Containers[0]
		for _, e := range c.Env {
			if !slices.Contains(known, e.Name) || e.Value == "" {
				t.Errorf("nobody reads %s=%q", e.Name, e.Value)
			}
		}
		for _, name := range []string{"VAULT_ADDR", "VAULT_CACERT"} {
			if (c.environment(name) != "") != (opts.source == sourceVault) {
				t.Errorf("%s is %q", name, c.environment(name))
			}
		}
		for _, name := range []string{"PGSSLROOTCERT", "VAULT_CACERT"} {
			if p := c.environment(name); p != "" {
				pod.Spec.Template.Spec.volumeAt(t, p)
			}
		}
	})
}

func TestProbesAndTimes(t *testing.T) {
	mux := newServer(nil, nil).handler()
	programs(t, func(t *testing.T, _ []manifest, pod deployment, opts options) {
		spec := pod.Spec.Template.Spec
		c := spec.Containers[0]
		if c.LivenessProbe.HTTPGet.Path != "/healthz" || c.ReadinessProbe.HTTPGet.Path != "/readyz" {
			t.Errorf("probes %+v and %+v", c.LivenessProbe, c.ReadinessProbe)
		}
		for _, p := range []probe{c.LivenessProbe, c.ReadinessProbe} {
			r, _ := http.NewRequest(http.MethodGet, p.HTTPGet.Path, nil)
			if _, pattern := mux.Handler(r); pattern == "" {
				t.Errorf("nothing is served at %s", p.HTTPGet.Path)
			}
		}
		if want := ":" + strconv.Itoa(c.Ports[0].ContainerPort); opts.listen != want {
			t.Errorf("it listens at %s, not at %s", opts.listen, want)
		}
		const login = 5 * time.Second // what giving the token back may take
		if grace := seconds(spec.TerminationGracePeriodSeconds); grace <= opts.atMost()+login {
			t.Errorf("the pod is killed after %v, and its program may take %v", grace, opts.atMost()+login)
		}
		if opts.drain < 5*time.Second {
			t.Errorf("it drains for %v", opts.drain)
		}
	})
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// The user is the image's, by its number, and the service account is the one that Vault knows.
func TestUser(t *testing.T) {
	user, err := strconv.Atoi(inDockerfile(t, `USER (\d+):\d+`))
	if err != nil {
		t.Fatal(err)
	}
	programs(t, func(t *testing.T, _ []manifest, pod deployment, _ options) {
		spec := pod.Spec.Template.Spec
		if spec.ServiceAccountName != "app" {
			t.Errorf("service account %q", spec.ServiceAccountName)
		}
		got := spec.Containers[0].SecurityContext.RunAsUser
		if got == nil {
			got = spec.SecurityContext.RunAsUser
		}
		if got == nil || *got != user {
			t.Errorf("it runs as %v, and the image as %d", got, user)
		}
	})
}

// inDockerfile returns what the first group matches.
func inDockerfile(t *testing.T, pattern string) string {
	t.Helper()
	text, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^` + pattern + `$`).FindSubmatch(text)
	if found == nil {
		t.Fatalf("the Dockerfile has no %s", pattern)
	}
	return string(found[1])
}

// What vault.sh makes: a role of the Kubernetes auth method, and a path that gives logins.
const (
	role      = "app"
	credsPath = "database/creds/app"
)

const injector = "vault.hashicorp.com/"

// A signal needs a process namespace, a user, a program of that name, and a program that asks for it.
func TestSignal(t *testing.T) {
	programs(t, func(t *testing.T, _ []manifest, pod deployment, opts options) {
		notes, spec := pod.Spec.Template.Metadata.Annotations, pod.Spec.Template.Spec
		command := notes[injector+"agent-inject-command-db.json"]
		if signals := command != ""; signals != opts.sighup || signals != spec.ShareProcessNamespace {
			t.Fatalf("command %q, sighup %t, shareProcessNamespace %t", command, opts.sighup, spec.ShareProcessNamespace)
		}
		if command == "" {
			return
		}
		program := inDockerfile(t, `ENTRYPOINT \["/([^"]+)"\]`)
		if want := "pid=$(pidof " + program + ") && kill -HUP $pid || true"; command != want {
			t.Errorf("command %q, want %q", command, want)
		}
		if notes[injector+"agent-run-as-same-user"] != "true" || spec.Containers[0].SecurityContext.RunAsUser == nil {
			t.Error("the agent does not run as the first container's user")
		}
	})
}

func TestAgent(t *testing.T) {
	pod := into[deployment](t, readManifest(t, "agent.yaml"), "Deployment")
	notes, spec := pod.Spec.Template.Metadata.Annotations, pod.Spec.Template.Spec
	opts, err := parseOptions(spec.Containers[0].Args, spec.Containers[0].environment, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if opts.source != sourceFile || opts.path != "/vault/secrets/db.json" || notes[injector+"secret-volume-path"] != "" {
		t.Errorf("the program reads %s, and the agent writes to /vault/secrets", opts.path)
	}
	name := strings.TrimPrefix(opts.path, "/vault/secrets/")
	if notes[injector+"role"] != role || notes[injector+"agent-inject-secret-"+name] != credsPath {
		t.Errorf("role %q, secret %q", notes[injector+"role"], notes[injector+"agent-inject-secret-"+name])
	}
	rendered := render(t, notes[injector+"agent-inject-template-"+name], notes[injector+"agent-inject-secret-"+name])
	c, err := file.Auto([]byte(rendered))
	if err != nil || c.Username != `u"1` || c.Password.Reveal() != `p"\<1>` {
		t.Errorf("the template renders %q: %v", rendered, err)
	}
	grace, err := strconv.Atoi(notes[injector+"agent-revoke-grace"])
	if err != nil || seconds(grace) <= opts.atMost() || grace >= spec.TerminationGracePeriodSeconds {
		t.Errorf("logins end %d s after SIGTERM (%v), the program after %v, the pod after %d s", grace, err,
			opts.atMost(), spec.TerminationGracePeriodSeconds)
	}
	for _, v := range spec.Volumes {
		if v.Name == notes[injector+"agent-service-account-token-volume-name"] {
			checkToken(t, v)
			return
		}
	}
	t.Error("the agent's token is no volume")
}

// render runs a template as an agent does, with the two functions that it uses here.
func render(t *testing.T, text, secret string) string {
	t.Helper()
	functions := template.FuncMap{
		"secret": func(path string) map[string]any {
			if path != secret {
				t.Errorf("the template asks for %q, and the annotation for %q", path, secret)
			}
			return map[string]any{"Data": map[string]any{"username": `u"1`, "password": `p"\<1>`}}
		},
		"toJSON": func(v any) (string, error) {
			text, err := json.Marshal(v)
			return string(text), err
		},
	}
	var b strings.Builder
	parsed, err := template.New("").Funcs(functions).Parse(text)
	if err == nil {
		err = parsed.Execute(&b, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestInProcess(t *testing.T) {
	pod := into[deployment](t, readManifest(t, "in-process.yaml"), "Deployment")
	spec := pod.Spec.Template.Spec
	opts, err := parseOptions(spec.Containers[0].Args, spec.Containers[0].environment, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	v, inside := spec.volumeAt(t, opts.vaultToken)
	checkToken(t, v)
	if opts.source != sourceVault || v.Projected.Sources[0].ServiceAccountToken.Path != inside {
		t.Errorf("source %s reads %s of the volume %s", opts.source, inside, v.Name)
	}
	if opts.vaultRole != role || opts.vaultAuth != "kubernetes" || opts.databaseMount+"/creds/"+opts.databaseRole != credsPath {
		t.Errorf("roles %s and %s/creds/%s", opts.vaultRole, opts.databaseMount, opts.databaseRole)
	}
}

// checkToken checks a volume that holds a token for Vault.
func checkToken(t *testing.T, v volume) {
	t.Helper()
	if len(v.Projected.Sources) != 1 {
		t.Fatalf("volume %+v", v)
	}
	token := v.Projected.Sources[0].ServiceAccountToken
	if token.Audience != "vault" || token.Path == "" || token.ExpirationSeconds < 600 {
		t.Errorf("token %+v", token)
	}
}

type externalSecret struct {
	Spec struct {
		RefreshInterval string `yaml:"refreshInterval"`
		Target          struct{ Name string }
		StoreRef        struct{ Name, Kind string } `yaml:"secretStoreRef"`
		Data            []struct {
			SecretKey string `yaml:"secretKey"`
		}
		DataFrom []struct {
			SourceRef struct {
				GeneratorRef struct {
					APIVersion string `yaml:"apiVersion"`
					Kind, Name string
				} `yaml:"generatorRef"`
			} `yaml:"sourceRef"`
		} `yaml:"dataFrom"`
	}
}

type dynamicSecret struct {
	Spec struct {
		Path     string
		Provider struct {
			Auth struct{ Kubernetes struct{ Role string } }
		}
	}
}

func TestExternalSecrets(t *testing.T) {
	docs, kv := readManifest(t, "external-secrets.yaml"), readManifest(t, "external-secrets-kv.yaml")
	pod, secret := into[deployment](t, docs, "Deployment"), into[externalSecret](t, docs, "ExternalSecret").Spec
	spec := pod.Spec.Template.Spec
	opts, err := parseOptions(spec.Containers[0].Args, spec.Containers[0].environment, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	v, inside := spec.volumeAt(t, opts.path)
	if opts.source != sourceDir || inside != "." || v.Secret.SecretName != secret.Target.Name {
		t.Errorf("source %s reads %s of the secret %q, and %q is written", opts.source, inside, v.Secret.SecretName, secret.Target.Name)
	}
	if spec.SecurityContext.FSGroup == nil || v.Secret.DefaultMode != 0o440 {
		t.Errorf("the files have mode %o and group %v", v.Secret.DefaultMode, spec.SecurityContext.FSGroup)
	}
	ref := secret.DataFrom[0].SourceRef.GeneratorRef
	if made := into[head](t, docs, "VaultDynamicSecret"); ref.Name != made.Metadata.Name || ref.APIVersion != made.APIVersion || ref.Kind != made.Kind {
		t.Errorf("reference %+v to %+v", ref, made)
	}
	if made := into[dynamicSecret](t, docs, "VaultDynamicSecret").Spec; made.Path != "/"+credsPath || made.Provider.Auth.Kubernetes.Role != role {
		t.Errorf("generator %+v", made)
	}
	// Twice the interval, and what the kubelet takes, must fit into a lease.
	interval, err := time.ParseDuration(secret.RefreshInterval)
	if err != nil || 2*interval+90*time.Second >= leaseInScript(t) {
		t.Errorf("refreshed every %s (%v), and a lease lives for %v", secret.RefreshInterval, err, leaseInScript(t))
	}

	second := into[externalSecret](t, kv, "ExternalSecret").Spec
	store := into[head](t, kv, "SecretStore")
	if second.Target != secret.Target || second.StoreRef.Name != store.Metadata.Name || second.StoreRef.Kind != store.Kind {
		t.Errorf("the key-value secret has store %+v and target %+v", second.StoreRef, second.Target)
	}
	for i, want := range []string{"username", "password"} {
		if second.Data[i].SecretKey != want {
			t.Errorf("key %q, want %q", second.Data[i].SecretKey, want)
		}
	}
}

func script(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("vault.sh")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// leaseInScript is how long a lease lives that nobody renews.
func leaseInScript(t *testing.T) time.Duration {
	t.Helper()
	found := regexp.MustCompile(`default_ttl=(\S+)`).FindStringSubmatch(script(t))
	if found == nil {
		t.Fatal("vault.sh has no default_ttl")
	}
	lease, err := time.ParseDuration(found[1])
	if err != nil {
		t.Fatal(err)
	}
	return lease
}

// The script makes what the manifests name.
func TestVaultScript(t *testing.T) {
	if out, err := exec.Command("bash", "-n", "vault.sh").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	text := script(t)
	for _, want := range []string{
		"vault auth enable kubernetes", "auth/kubernetes/role/" + role + " ", "bound_service_account_names=app ",
		"bound_service_account_namespaces=app ", "audience=vault ", credsPath, "secret/data/app/db", "max_ttl=24h ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("vault.sh has no %q", want)
		}
	}
	pod := into[deployment](t, readManifest(t, "agent.yaml"), "Deployment").Spec.Template
	if !slices.Contains(pod.Spec.Containers[0].Args, "-lease-duration=24h") {
		t.Error("-lease-duration is not the role's max_ttl")
	}
}
