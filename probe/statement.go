package probe

// Statement is one of the caller's own.
type Statement struct {
	// Name is what errors call it. Defaults to its position.
	Name string

	// SQL is one statement that can run in a transaction.
	SQL string

	// Args are its arguments, as the driver takes them. They appear in no error.
	Args []any `json:"-"`
}

// String returns the name and nothing else, so that arguments stay out of logs.
func (s Statement) String() string {
	if s.Name == "" {
		return "unnamed statement"
	}
	return printable(s.Name)
}

// GoString is String, for %#v.
func (s Statement) GoString() string { return s.String() }
