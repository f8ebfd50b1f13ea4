package secretsmanager

import (
	"fmt"
	"slices"
	"strings"
)

// listInput is what ListSecrets takes.
type listInput struct {
	Filters                []filter
	IncludePlannedDeletion bool
	MaxResults             *int32
	NextToken              string
	SortOrder              string
}

// secretList is the result of ListSecrets.
type secretList struct {
	SecretList []listed
	NextToken  string `json:",omitempty"`
}

// listed is one secret of a list.
type listed struct {
	description
	SecretVersionsToStages map[string][]string `json:",omitempty"`
}

func (s *Server) listSecrets(in listInput) (*secretList, error) {
	for _, f := range in.Filters {
		if err := f.check(); err != nil {
			return nil, err
		}
	}
	if in.SortOrder != "" && in.SortOrder != "asc" && in.SortOrder != "desc" {
		return nil, constraint("sortOrder", "Member must satisfy enum value set: [asc, desc]")
	}
	all := make([]listed, 0, len(s.secrets))
	for _, known := range s.secrets {
		if (in.IncludePlannedDeletion || !known.scheduled()) && passes(in.Filters, known) {
			all = append(all, listed{description: known.describe(), SecretVersionsToStages: known.stages()})
		}
	}
	if in.SortOrder == "desc" {
		slices.Reverse(all)
	}
	name := fmt.Sprint("secrets", in.Filters, in.IncludePlannedDeletion, in.SortOrder)
	cut, next, err := paginate(s, name, all, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &secretList{SecretList: cut, NextToken: next}, nil
}

// filter is one condition for a list of secrets.
type filter struct {
	Key    string
	Values []string
}

func (f filter) check() error {
	switch f.Key {
	case "description", "name", "tag-key", "tag-value", "primary-region", "owning-service", "all":
	default:
		return constraint("filters.key", "Member must satisfy enum value set")
	}
	if len(f.Values) == 0 || len(f.Values) > 10 {
		return constraint("filters.values", "Member must have a length between 1 and 10")
	}
	return nil
}

func passes(filters []filter, known *secret) bool {
	for _, f := range filters {
		if !slices.ContainsFunc(f.Values, func(v string) bool { return f.matches(known, v) }) {
			return false
		}
	}
	return true
}

// matches applies one of the filter's values; with a leading "!" it is for everything else.
func (f filter) matches(known *secret, v string) bool {
	if rest, negated := strings.CutPrefix(v, "!"); negated {
		return !f.finds(known, rest)
	}
	return f.finds(known, v)
}

func (f filter) finds(known *secret, v string) bool {
	switch f.Key {
	case "name":
		return strings.HasPrefix(known.name, v)
	case "description":
		return strings.HasPrefix(strings.ToLower(known.description), strings.ToLower(v))
	case "tag-key":
		return slices.ContainsFunc(known.tags, func(t tag) bool { return strings.HasPrefix(t.Key, v) })
	case "tag-value":
		return slices.ContainsFunc(known.tags, func(t tag) bool { return strings.HasPrefix(t.Value, v) })
	case "all":
		return findsAll(known, v)
	}
	return false // of secrets that are replicated or managed by another service there are none
}

// findsAll looks for each word anywhere.
func findsAll(known *secret, v string) bool {
	texts := []string{known.name, known.description}
	for _, t := range known.tags {
		texts = append(texts, t.Key, t.Value)
	}
	everything := strings.ToLower(strings.Join(texts, "\n"))
	for word := range strings.FieldsSeq(strings.ToLower(v)) {
		if !strings.Contains(everything, word) {
			return false
		}
	}
	return true
}

// versionsInput is what ListSecretVersionIds takes.
type versionsInput struct {
	SecretID          string `json:"SecretId"`
	IncludeDeprecated bool
	MaxResults        *int32
	NextToken         string
}

// versionList is the result of ListSecretVersionIds.
type versionList struct {
	ARN       string
	Name      string
	Versions  []listedVersion
	NextToken string `json:",omitempty"`
}

// listedVersion is one version of a list.
type listedVersion struct {
	VersionID        string   `json:"VersionId"`
	VersionStages    []string `json:",omitempty"`
	KmsKeyIDs        []string `json:"KmsKeyIds"`
	CreatedDate      *stamp   `json:",omitempty"`
	LastAccessedDate *stamp   `json:",omitempty"`
}

func (s *Server) listSecretVersionIDs(in versionsInput) (*versionList, error) {
	known, err := s.find(in.SecretID)
	if err != nil {
		return nil, err
	}
	all := make([]listedVersion, 0, len(known.versions))
	for _, v := range known.versions {
		if in.IncludeDeprecated || len(v.labels) > 0 {
			all = append(all, v.listed())
		}
	}
	name := fmt.Sprint("versions", known.arn, in.IncludeDeprecated)
	cut, next, err := paginate(s, name, all, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &versionList{ARN: known.arn, Name: known.name, Versions: cut, NextToken: next}, nil
}

func (v *version) listed() listedVersion {
	kmsKey := v.kmsKey
	if kmsKey == "" {
		kmsKey = "DefaultEncryptionKey"
	}
	return listedVersion{
		VersionID: v.id, VersionStages: slices.Clone(v.labels), KmsKeyIDs: []string{kmsKey},
		CreatedDate: optional(v.created), LastAccessedDate: optional(v.accessed),
	}
}
