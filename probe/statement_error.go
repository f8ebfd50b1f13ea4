package probe

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// StatementError says which of the caller's statements failed. [Lacks] is true if the login lacks a right that the
// statement needs; otherwise (a lock that was not granted, a timeout, a broken connection, a constraint) the check
// could not be made, and another try may help.
//
// The text never shows the statement's arguments. The wrapped error is the driver's own, which may.
type StatementError struct {
	Index    int    // position in the list, from 0
	Name     string // the statement's name, may be empty
	SQLState string // empty if the server did not answer
	cause    string
	err      error
}

// Error names the statement, the SQLSTATE, and the server's words where those only say what is missing.
func (e *StatementError) Error() string {
	return fmt.Sprintf("probe: statement %s: %s", label(e.Index, e.Name), e.cause)
}

// Unwrap returns the driver's error.
func (e *StatementError) Unwrap() error { return e.err }

// Lacks reports whether the SQLSTATE is one of those named at the function [Lacks].
func (e *StatementError) Lacks() bool { return lackingState(e.SQLState) }

// cause is what may be told of err: nothing that shows an argument.
func cause(err error, code string, args []any) string {
	var answer stateError
	switch {
	case lackingState(code) && errors.As(err, &answer) && !echoes(answer.Error(), args):
		return printable(answer.Error())
	case code != "":
		return "SQLSTATE " + code
	case errors.Is(err, context.Canceled):
		return context.Canceled.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded.Error()
	}
	// A driver's complaint about an argument shows the argument. A network error does not, but they look
	// alike from here.
	return "it could not be run"
}

// echoes reports whether text shows one of the arguments. What the server says about missing privileges holds names
// only, but a caller's own function can raise the same SQLSTATE with any text.
func echoes(text string, args []any) bool {
	for _, a := range args {
		if shown := fmt.Sprint(a); shown != "" && strings.Contains(text, shown) {
			return true
		}
	}
	return false
}

// label is what errors call a statement: counted from 1, as people do.
func label(index int, name string) string {
	if name == "" {
		return strconv.Itoa(index + 1)
	}
	return fmt.Sprintf("%d (%s)", index+1, printable(name))
}

func statementError(i int, st Statement, err error) error {
	code := sqlState(err)
	return &StatementError{Index: i, Name: st.Name, SQLState: code, cause: cause(err, code, st.Args), err: err}
}
