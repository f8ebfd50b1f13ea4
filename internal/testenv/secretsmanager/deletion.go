package secretsmanager

import "time"

// deleteInput is what DeleteSecret takes.
type deleteInput struct {
	SecretID                   string `json:"SecretId"`
	RecoveryWindowInDays       *int64
	ForceDeleteWithoutRecovery bool
}

// deletion is the result of DeleteSecret.
type deletion struct {
	ARN          string
	Name         string
	DeletionDate *stamp
}

func (in deleteInput) check() error {
	if in.RecoveryWindowInDays == nil {
		return nil
	}
	if in.ForceDeleteWithoutRecovery {
		return badParameter("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
	}
	if days := *in.RecoveryWindowInDays; days < 7 || days > 30 {
		return badParameter("The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")
	}
	return nil
}

// window is how long the secret can be restored.
func (in deleteInput) window() time.Duration {
	days := int64(30)
	if in.RecoveryWindowInDays != nil {
		days = *in.RecoveryWindowInDays
	}
	return time.Duration(days) * 24 * time.Hour
}

func (s *Server) deleteSecret(in deleteInput) (*deletion, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	known, err := s.find(in.SecretID)
	if errName(err) == errName(secretNotFound()) && in.ForceDeleteWithoutRecovery {
		return &deletion{ARN: s.arnPrefix() + in.SecretID, Name: in.SecretID, DeletionDate: optional(s.now())}, nil
	}
	if err != nil {
		return nil, err
	}
	if in.ForceDeleteWithoutRecovery {
		s.forget(known)
		return &deletion{ARN: known.arn, Name: known.name, DeletionDate: optional(s.now())}, nil
	}
	if known.scheduled() {
		return nil, badRequest("You tried to perform the operation on a secret that's currently marked deleted.")
	}
	known.deleted = s.now()
	known.purge = known.deleted.Add(in.window())
	return &deletion{ARN: known.arn, Name: known.name, DeletionDate: optional(known.purge)}, nil
}

// idInput is what operations take that only ask which secret.
type idInput struct {
	SecretID string `json:"SecretId"`
}

// restoreSecret takes a deletion back. It does nothing to a secret that was not deleted.
func (s *Server) restoreSecret(in idInput) (*named, error) {
	known, err := s.find(in.SecretID)
	if err != nil {
		return nil, err
	}
	known.deleted, known.purge = time.Time{}, time.Time{}
	return known.named(), nil
}
