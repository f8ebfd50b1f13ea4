package secretsmanager

import "slices"

// createInput is what CreateSecret takes.
type createInput struct {
	content
	Name               string
	ClientRequestToken string
	Description        string
	KmsKeyID           string `json:"KmsKeyId"`
	Tags               []tag
}

// stored is the result of operations that may have made a version.
type stored struct {
	ARN           string
	Name          string
	VersionID     string   `json:"VersionId,omitempty"`
	VersionStages []string `json:",omitempty"`
}

func (s *Server) createSecret(in createInput) (*stored, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	if known, err := s.first(func(known *secret) bool { return known.name == in.Name }); err == nil {
		return known.createAgain(in)
	}
	now := s.now()
	made := &secret{
		name: in.Name, arn: s.newARN(in.Name), description: in.Description, kmsKey: in.KmsKeyID,
		tags: mergeTags(nil, in.Tags), created: now, changed: now,
	}
	s.secrets = append(s.secrets, made)
	if in.empty() {
		return &stored{ARN: made.arn, Name: made.name}, nil
	}
	v := made.store(in.ClientRequestToken, in.content, []string{current}, now)
	return &stored{ARN: made.arn, Name: made.name, VersionID: v.id}, nil
}

func (in createInput) check() error {
	if err := checkName(in.Name); err != nil {
		return err
	}
	if err := in.content.check(); err != nil {
		return err
	}
	if err := checkTags(in.Tags); err != nil {
		return err
	}
	return checkToken(in.ClientRequestToken)
}

// createAgain is for a name in use: the same request once more has the same result.
func (s *secret) createAgain(in createInput) (*stored, error) {
	if s.scheduled() {
		return nil, badRequest("You can't create this secret because a secret with this name is already scheduled for deletion.")
	}
	v := s.version(in.ClientRequestToken)
	if v == nil || !v.content.equal(in.content) {
		return nil, exists("The operation failed because the secret %s already exists.", s.name)
	}
	return &stored{ARN: s.arn, Name: s.name, VersionID: v.id}, nil
}

const tokenMissing = "You must provide a ClientRequestToken value. We recommend a UUID-type value."

// checkToken holds a token to the API's limits. The SDK makes one where the caller has none.
func checkToken(token string) error {
	if token == "" {
		return badRequest(tokenMissing)
	}
	if len(token) < 32 || len(token) > 64 {
		return constraint("clientRequestToken", "Member must have a length between 32 and 64")
	}
	return nil
}

// putInput is what PutSecretValue takes.
type putInput struct {
	content
	SecretID           string `json:"SecretId"`
	ClientRequestToken string
	VersionStages      []string
}

func (s *Server) putSecretValue(in putInput) (*stored, error) {
	known, err := s.live(in.SecretID)
	if err != nil {
		return nil, err
	}
	if err := checkLabels(in.VersionStages); err != nil {
		return nil, err
	}
	if in.empty() {
		return nil, badRequest("You must provide either SecretString or SecretBinary.")
	}
	labels := in.VersionStages
	if len(labels) == 0 {
		labels = []string{current}
	}
	v, err := s.write(known, in.ClientRequestToken, in.content, labels)
	if err != nil {
		return nil, err
	}
	return &stored{ARN: known.arn, Name: known.name, VersionID: v.id, VersionStages: slices.Clone(v.labels)}, nil
}

// write makes a version, unless the token has made the same one before.
func (s *Server) write(to *secret, token string, value content, labels []string) (*version, error) {
	if err := checkToken(token); err != nil {
		return nil, err
	}
	if err := value.check(); err != nil {
		return nil, err
	}
	if err := to.keyFault.writing(); err != nil {
		return nil, err
	}
	v := to.version(token)
	if v != nil && !v.content.empty() {
		if !v.content.equal(value) {
			return nil, exists("You can't use ClientRequestToken %s because that value is already in use for a version of secret %s.", token, to.arn)
		}
		return v, nil
	}
	now := s.now()
	made := to.store(token, value, labels, now)
	if made.has(current) {
		to.rotation.updated(now)
	}
	return made, nil
}

// updateInput is what UpdateSecret takes.
type updateInput struct {
	content
	SecretID           string `json:"SecretId"`
	ClientRequestToken string
	Description        *string
	KmsKeyID           *string `json:"KmsKeyId"`
}

func (s *Server) updateSecret(in updateInput) (*stored, error) {
	known, err := s.live(in.SecretID)
	if err != nil {
		return nil, err
	}
	out := &stored{ARN: known.arn, Name: known.name}
	if err := checkToken(in.ClientRequestToken); err != nil {
		return nil, err
	}
	kmsKey := known.kmsKey
	if in.KmsKeyID != nil {
		known.kmsKey = *in.KmsKeyID
	}
	if !in.empty() {
		v, err := s.write(known, in.ClientRequestToken, in.content, []string{current})
		if err != nil {
			known.kmsKey = kmsKey
			return nil, err
		}
		out.VersionID = v.id
	}
	if in.Description != nil {
		known.description = *in.Description
	}
	known.changed = s.now()
	return out, nil
}

// getInput is what GetSecretValue takes.
type getInput struct {
	SecretID     string `json:"SecretId"`
	VersionID    string `json:"VersionId"`
	VersionStage string
}

// value is the result of GetSecretValue.
type value struct {
	content
	ARN           string
	Name          string
	CreatedDate   *stamp
	VersionID     string `json:"VersionId"`
	VersionStages []string
}

func (s *Server) getSecretValue(in getInput) (*value, error) {
	known, err := s.live(in.SecretID)
	if err != nil {
		return nil, err
	}
	v, err := known.choose(in.VersionID, in.VersionStage)
	if err != nil {
		return nil, err
	}
	if err := known.keyFault.reading(); err != nil {
		return nil, err
	}
	v.accessed = day(s.now())
	known.accessed = v.accessed
	return &value{
		content: v.content, ARN: known.arn, Name: known.name, CreatedDate: optional(v.created),
		VersionID: v.id, VersionStages: slices.Clone(v.labels),
	}, nil
}

// choose returns the version that an ID or a label names; where both are given they must name the same.
func (s *secret) choose(id, label string) (*version, error) {
	if id == "" {
		if label == "" {
			label = current
		}
		if v := s.holder(label); v != nil && !v.content.empty() {
			return v, nil
		}
		return nil, notFound("Secrets Manager can't find the specified secret value for staging label: %s", label)
	}
	v := s.version(id)
	if v == nil || v.content.empty() {
		return nil, notFound("Secrets Manager can't find the specified secret value for VersionId: %s", id)
	}
	if label != "" && !v.has(label) {
		return nil, badRequest("You provided a VersionStage that is not associated to the provided VersionId.")
	}
	return v, nil
}
