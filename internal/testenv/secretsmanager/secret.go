package secretsmanager

import (
	"slices"
	"time"
)

// mostVersions is how many versions a secret keeps, but for those that have labels. The service lets versions of the
// last 24 hours pass as well, and refuses new ones above a quota; this server drops the oldest at once.
const mostVersions = 100

// secret is one secret with its versions. The server's mu guards it.
type secret struct {
	name, arn   string
	description string
	kmsKey      string
	created     time.Time
	changed     time.Time
	accessed    time.Time
	deleted     time.Time // zero unless it is scheduled for deletion
	purge       time.Time // when the recovery window ends
	tags        []tag
	versions    []*version // oldest first
	rotation    rotation
	keyFault    KeyFault
}

func (s *secret) version(id string) *version {
	for _, v := range s.versions {
		if v.id == id {
			return v
		}
	}
	return nil
}

func (s *secret) holder(label string) *version {
	for _, v := range s.versions {
		if v.has(label) {
			return v
		}
	}
	return nil
}

// attach moves a label to a version. Behind AWSCURRENT follows AWSPREVIOUS; an AWSPENDING that was left on the version
// that AWSCURRENT leaves goes with it.
func (s *secret) attach(label string, to *version) {
	from := s.holder(label)
	if from == to {
		return
	}
	if from != nil {
		from.drop(label)
	}
	to.add(label)
	if label == current && from != nil {
		from.drop(pending)
		s.attach(previous, from)
	}
}

// store adds a version, or fills the one that a rotation has begun with, and gives it labels.
func (s *secret) store(id string, value content, labels []string, now time.Time) *version {
	v := s.version(id)
	if v == nil {
		v = &version{id: id}
		s.versions = append(s.versions, v)
	}
	v.content, v.kmsKey, v.created = value, s.kmsKey, now
	if s.holder(current) == nil {
		s.attach(current, v)
	}
	for _, label := range labels {
		s.attach(label, v)
	}
	s.changed = now
	s.trim()
	return v
}

// trim drops the oldest deprecated versions above what is kept.
func (s *secret) trim() {
	surplus := len(s.versions) - mostVersions
	s.versions = slices.DeleteFunc(s.versions, func(v *version) bool {
		if surplus > 0 && len(v.labels) == 0 {
			surplus--
			return true
		}
		return false
	})
}

// stages is which version has which labels; nil when there is no version.
func (s *secret) stages() map[string][]string {
	var stages map[string][]string
	for _, v := range s.versions {
		if len(v.labels) == 0 {
			continue
		}
		if stages == nil {
			stages = map[string][]string{}
		}
		stages[v.id] = slices.Clone(v.labels)
	}
	return stages
}

func (s *secret) scheduled() bool { return !s.deleted.IsZero() }

func (s *secret) named() *named { return &named{ARN: s.arn, Name: s.name} }
