package main

import (
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"testing"

	"gopkg.in/yaml.v3"
)

// manifest is one YAML document. The YAML package refuses keys that appear twice.
type manifest struct {
	file string
	node yaml.Node
	head
}

// head is what every Kubernetes object has.
type head struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct{ Name, Namespace string }
}

// readManifests reads all documents of this folder's manifests, by file.
func readManifests(t *testing.T) map[string][]manifest {
	t.Helper()
	files, err := filepath.Glob("*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no manifests: %v", err)
	}
	all := map[string][]manifest{}
	for _, name := range files {
		all[name] = readManifest(t, name)
	}
	return all
}

func readManifest(t *testing.T, name string) (docs []manifest) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for decoder := yaml.NewDecoder(f); ; {
		m := manifest{file: name}
		err := decoder.Decode(&m.node)
		if errors.Is(err, io.EOF) {
			return docs
		}
		if err == nil {
			err = m.node.Decode(&m.head)
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		docs = append(docs, m)
	}
}

// into decodes the document of a kind; there must be one.
func into[T any](t *testing.T, docs []manifest, kind string) (object T) {
	t.Helper()
	found := 0
	for _, m := range docs {
		if m.Kind == kind {
			found++
			if err := m.node.Decode(&object); err != nil {
				t.Fatalf("%s: %s: %v", m.file, kind, err)
			}
		}
	}
	if found != 1 {
		t.Fatalf("%d documents of kind %s", found, kind)
	}
	return object
}

// deployment is what the tests look at in a Deployment.
type deployment struct {
	Metadata struct{ Namespace string }
	Spec     struct {
		Template struct {
			Metadata struct{ Annotations map[string]string }
			Spec     podSpec
		}
	}
}

type podSpec struct {
	ServiceAccountName            string          `yaml:"serviceAccountName"`
	ShareProcessNamespace         bool            `yaml:"shareProcessNamespace"`
	TerminationGracePeriodSeconds int             `yaml:"terminationGracePeriodSeconds"`
	SecurityContext               securityContext `yaml:"securityContext"`
	Containers                    []container
	Volumes                       []volume
}

type securityContext struct {
	RunAsUser *int `yaml:"runAsUser"`
	FSGroup   *int `yaml:"fsGroup"`
}

type container struct {
	Args  []string
	Env   []struct{ Name, Value string }
	Ports []struct {
		ContainerPort int `yaml:"containerPort"`
	}
	LivenessProbe   probe           `yaml:"livenessProbe"`
	ReadinessProbe  probe           `yaml:"readinessProbe"`
	SecurityContext securityContext `yaml:"securityContext"`
	VolumeMounts    []mount         `yaml:"volumeMounts"`
}

type probe struct {
	HTTPGet struct{ Path, Port string } `yaml:"httpGet"`
}

type mount struct {
	Name      string
	MountPath string `yaml:"mountPath"`
}

type volume struct {
	Name   string
	Secret struct {
		SecretName  string `yaml:"secretName"`
		DefaultMode int    `yaml:"defaultMode"`
	}
	ConfigMap struct{ Name string } `yaml:"configMap"`
	Projected struct {
		Sources []struct {
			ServiceAccountToken struct {
				Audience          string
				ExpirationSeconds int `yaml:"expirationSeconds"`
				Path              string
			} `yaml:"serviceAccountToken"`
		}
	}
}

// environment returns the value of a variable, as the program's own.
func (c container) environment(name string) string {
	for _, e := range c.Env {
		if e.Name == name {
			return e.Value
		}
	}
	return ""
}

// volumeAt returns the volume that holds a path, and where in it the path is.
func (s podSpec) volumeAt(t *testing.T, wanted string) (volume, string) {
	t.Helper()
	for _, m := range s.Containers[0].VolumeMounts {
		inside, err := filepath.Rel(m.MountPath, wanted)
		if err != nil || inside == ".." || path.IsAbs(inside) || len(inside) > 2 && inside[:3] == "../" {
			continue
		}
		for _, v := range s.Volumes {
			if v.Name == m.Name {
				return v, inside
			}
		}
	}
	t.Fatalf("%s is not mounted", wanted)
	return volume{}, ""
}
