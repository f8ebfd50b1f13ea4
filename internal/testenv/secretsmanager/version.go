package secretsmanager

import (
	"slices"
	"time"
)

// Staging labels that the service moves by itself.
const (
	current  = "AWSCURRENT"
	pending  = "AWSPENDING"
	previous = "AWSPREVIOUS"
)

// mostLabels is a limit of the API, for one version.
const mostLabels = 20

// version is one value of a secret; without labels it is deprecated.
type version struct {
	id       string
	content  content // empty while a rotation has not stored one
	kmsKey   string
	created  time.Time
	accessed time.Time
	labels   []string // sorted
}

func (v *version) has(label string) bool { return slices.Contains(v.labels, label) }

func (v *version) add(label string) {
	if i, found := slices.BinarySearch(v.labels, label); !found {
		v.labels = slices.Insert(v.labels, i, label)
	}
}

func (v *version) drop(label string) {
	v.labels = slices.DeleteFunc(v.labels, func(l string) bool { return l == label })
}

func checkLabel(label string) error {
	if label == "" || len(label) > 256 {
		return constraint("versionStage", "Member must have a length between 1 and 256")
	}
	return nil
}

func checkLabels(labels []string) error {
	if len(labels) > mostLabels {
		return constraint("versionStages", "Member must have length less than or equal to %d", mostLabels)
	}
	for _, label := range labels {
		if err := checkLabel(label); err != nil {
			return err
		}
	}
	return nil
}
