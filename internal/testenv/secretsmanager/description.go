package secretsmanager

// description is what DescribeSecret and ListSecrets say of a secret.
type description struct {
	ARN               string
	Name              string
	Description       string         `json:",omitempty"`
	KmsKeyID          string         `json:"KmsKeyId,omitempty"`
	RotationEnabled   *bool          `json:",omitempty"`
	RotationLambdaARN string         `json:",omitempty"`
	RotationRules     *rotationRules `json:",omitempty"`
	LastRotatedDate   *stamp         `json:",omitempty"`
	NextRotationDate  *stamp         `json:",omitempty"`
	CreatedDate       *stamp         `json:",omitempty"`
	LastChangedDate   *stamp         `json:",omitempty"`
	LastAccessedDate  *stamp         `json:",omitempty"`
	DeletedDate       *stamp         `json:",omitempty"`
	Tags              []tag          `json:",omitempty"`
}

func (s *secret) describe() description {
	d := description{
		ARN: s.arn, Name: s.name, Description: s.description, KmsKeyID: s.kmsKey,
		CreatedDate: optional(s.created), LastChangedDate: optional(s.changed),
		LastAccessedDate: optional(s.accessed), DeletedDate: optional(s.deleted), Tags: s.tags,
		LastRotatedDate: optional(s.rotation.last),
	}
	if !s.rotation.configured {
		return d
	}
	enabled := s.rotation.enabled
	d.RotationEnabled, d.RotationLambdaARN = &enabled, s.rotation.lambda
	if rules := s.rotation.rules.shown(); rules != nil {
		d.RotationRules = rules
	}
	if enabled {
		d.NextRotationDate = optional(s.rotation.next)
	}
	return d
}

// described is the result of DescribeSecret.
type described struct {
	description
	VersionIDsToStages map[string][]string `json:"VersionIdsToStages,omitempty"`
}

func (s *Server) describeSecret(in idInput) (*described, error) {
	known, err := s.find(in.SecretID)
	if err != nil {
		return nil, err
	}
	return &described{description: known.describe(), VersionIDsToStages: known.stages()}, nil
}
