package secretsmanager

import (
	"slices"
	"strings"
)

// mostTags is a limit of the API, for one secret.
const mostTags = 50

// tag is a key and a value that somebody gave a secret.
type tag struct{ Key, Value string }

func checkTags(tags []tag) error {
	for _, t := range tags {
		switch {
		case t.Key == "" || len(t.Key) > 128:
			return constraint("tags.key", "Member must have a length between 1 and 128")
		case len(t.Value) > 256:
			return constraint("tags.value", "Member must have length less than or equal to 256")
		case strings.HasPrefix(strings.ToLower(t.Key), "aws:"):
			return badParameter("Tag keys that begin with aws: are reserved.")
		}
	}
	if len(tags) > mostTags {
		return limitExceeded("A secret can't have more than %d tags.", mostTags)
	}
	return nil
}

// mergeTags replaces the tags whose keys are named again.
func mergeTags(tags, more []tag) []tag {
	if more == nil {
		return tags
	}
	merged := withoutTags(tags, func(key string) bool {
		return slices.ContainsFunc(more, func(t tag) bool { return t.Key == key })
	})
	return append(merged, more...)
}

func withoutTags(tags []tag, drop func(key string) bool) []tag {
	return slices.DeleteFunc(slices.Clone(tags), func(t tag) bool { return drop(t.Key) })
}

// tagInput is what TagResource takes.
type tagInput struct {
	SecretID string `json:"SecretId"`
	Tags     []tag
}

func (s *Server) tagResource(in tagInput) (*empty, error) {
	known, err := s.live(in.SecretID)
	if err != nil {
		return nil, err
	}
	merged := mergeTags(known.tags, in.Tags)
	if err := checkTags(merged); err != nil {
		return nil, err
	}
	known.tags = merged
	return &empty{}, nil
}

// untagInput is what UntagResource takes.
type untagInput struct {
	SecretID string `json:"SecretId"`
	TagKeys  []string
}

func (s *Server) untagResource(in untagInput) (*empty, error) {
	known, err := s.live(in.SecretID)
	if err != nil {
		return nil, err
	}
	known.tags = withoutTags(known.tags, func(key string) bool { return slices.Contains(in.TagKeys, key) })
	return &empty{}, nil
}
