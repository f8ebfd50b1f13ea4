package secretsmanager

// stageInput is what UpdateSecretVersionStage takes.
type stageInput struct {
	SecretID            string `json:"SecretId"`
	VersionStage        string
	MoveToVersionID     string `json:"MoveToVersionId"`
	RemoveFromVersionID string `json:"RemoveFromVersionId"`
}

func (s *Server) updateSecretVersionStage(in stageInput) (*named, error) {
	known, err := s.live(in.SecretID)
	if err != nil {
		return nil, err
	}
	if err := known.checkStage(in); err != nil {
		return nil, err
	}
	if in.MoveToVersionID == "" {
		known.version(in.RemoveFromVersionID).drop(in.VersionStage)
	} else {
		known.attach(in.VersionStage, known.version(in.MoveToVersionID))
	}
	known.changed = s.now()
	known.trim()
	return known.named(), nil
}

// checkStage applies the rules of the operation, before anything is changed.
func (s *secret) checkStage(in stageInput) error {
	if err := checkLabel(in.VersionStage); err != nil {
		return err
	}
	for _, id := range []string{in.MoveToVersionID, in.RemoveFromVersionID} {
		if id != "" && s.version(id) == nil {
			return notFound("Secrets Manager can't find the specified secret version: %s", id)
		}
	}
	switch {
	case in.MoveToVersionID == "" && in.RemoveFromVersionID == "":
		return badParameter("You must specify MoveToVersionId or RemoveFromVersionId.")
	case in.MoveToVersionID == "":
		return s.checkRemoval(in)
	}
	return s.checkMove(in)
}

func (s *secret) checkRemoval(in stageInput) error {
	if in.VersionStage == current {
		return badParameter("You can only move staging label %s to a different secret version. It can’t be completely removed.", current)
	}
	if !s.version(in.RemoveFromVersionID).has(in.VersionStage) {
		return badParameter("Staging label %s is not attached to version %s.", in.VersionStage, in.RemoveFromVersionID)
	}
	return nil
}

func (s *secret) checkMove(in stageInput) error {
	holder, to := s.holder(in.VersionStage), s.version(in.MoveToVersionID)
	if holder != nil && holder != to && in.RemoveFromVersionID == "" {
		return badParameter("The parameter RemoveFromVersionId can't be empty. Staging label %s is currently attached to "+
			"version %s, so you must explicitly reference that version in RemoveFromVersionId.", in.VersionStage, holder.id)
	}
	if in.RemoveFromVersionID != "" && (holder == nil || holder.id != in.RemoveFromVersionID) {
		return badParameter("When you move staging label %s, if you specify RemoveFromVersionId, it must be set to the "+
			"version that currently has the staging label %s.", in.VersionStage, in.VersionStage)
	}
	if holder != to && len(to.labels) >= mostLabels {
		return limitExceeded("A version can't have more than %d staging labels.", mostLabels)
	}
	return nil
}
