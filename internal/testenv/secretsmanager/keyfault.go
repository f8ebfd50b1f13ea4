package secretsmanager

// KeyFault says what is wrong with the KMS key that protects a secret.
type KeyFault int

const (
	// KeyFine is a key that works.
	KeyFine KeyFault = iota
	// KeyForbidden is a key that the caller may not use: AccessDeniedException, "Access to KMS is not allowed".
	KeyForbidden
	// KeyDisabled is a key that nobody can use: DecryptionFailure for reads, EncryptionFailure for writes.
	KeyDisabled
)

// SetKeyFault breaks the KMS key of a secret, which is named as in a request. What needs no value still works.
func (s *Server) SetKeyFault(secretID string, fault KeyFault) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	target, err := s.find(secretID)
	if err != nil {
		return err
	}
	target.keyFault = fault
	return nil
}

func (f KeyFault) reading() error {
	if f == KeyDisabled {
		return modeled("DecryptionFailure", "Secrets Manager can't decrypt the protected secret text using the provided KMS key.")
	}
	return f.forbidden()
}

func (f KeyFault) writing() error {
	if f == KeyDisabled {
		return modeled("EncryptionFailure", "Secrets Manager can't encrypt the protected secret text using the provided KMS key.")
	}
	return f.forbidden()
}

func (f KeyFault) forbidden() error {
	if f == KeyForbidden {
		return accessDenied("Access to KMS is not allowed")
	}
	return nil
}
