package probe

// Target is what a probe checks.
type Target struct {
	// Conn is a connection that logged in with the new credential.
	Conn Conn

	// Current is the role name of the login in use, as the server knows it (session_user). Empty means
	// that there is none: the credential is the first.
	Current string

	// Notes belong to the login under check, and CurrentNotes to the login in use, from its own check on. nil: nothing
	// is remembered.
	Notes        *Notes
	CurrentNotes *Notes
}
