package probe

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// loginRow is a row of loginsQuery: a role, and what it is to the two logins.
type loginRow struct {
	role
	isSession, isActing, isInUse bool
	sessionMayTake, inUseMayTake bool // by SET ROLE
	database                     string
	session                      settings
}

// readLogins fills p.current, p.next and p.session. It returns false if the server does not know the login in use.
func (p *parity) readLogins(ctx context.Context, current string) (known bool, err error) {
	raw, err := p.conn.Query(ctx, loginsQuery, current)
	if err != nil {
		return false, err
	}
	rows, err := loginRows(raw)
	if err != nil {
		return false, err
	}
	session := slices.IndexFunc(rows, func(r loginRow) bool { return r.isSession })
	acting := slices.IndexFunc(rows, func(r loginRow) bool { return r.isActing })
	inUse := slices.IndexFunc(rows, func(r loginRow) bool { return r.isInUse })
	if session < 0 || acting < 0 {
		return false, errors.New("the session's role is being dropped")
	}
	if inUse < 0 {
		return false, nil
	}
	p.session = rows[session].session
	p.next = loginOf(rows[session], rows, func(r loginRow) bool { return r.sessionMayTake })
	p.current = loginOf(rows[inUse], rows, func(r loginRow) bool { return r.inUseMayTake })
	if chosen := rows[acting].role; chosen.oid != p.next.acting.oid {
		// The application chose the role when it connected, and does so for every login.
		p.next.acting, p.current.acting = chosen, chosen
	}
	return true, nil
}

// loginOf returns the login of a row, acting as its sessions are configured to. A role that it may not take is passed
// over, as the server does.
func loginOf(self loginRow, rows []loginRow, mayTake func(loginRow) bool) login {
	l := login{self: self.role, acting: self.role, database: self.database}
	for name := range self.settings("role") {
		i := slices.IndexFunc(rows, func(r loginRow) bool { return r.name == name && mayTake(r) })
		if i >= 0 {
			l.acting = rows[i].role
		}
		if i >= 0 || name == "none" {
			break
		}
	}
	return l
}

func loginRows(raw [][]string) ([]loginRow, error) {
	var rows []loginRow
	for _, c := range raw {
		var configured []string
		if c[9] != "" {
			if err := json.Unmarshal([]byte(c[9]), &configured); err != nil {
				return nil, err
			}
		}
		rows = append(rows, loginRow{
			role: role{
				name: c[0], oid: c[1],
				attributes: strings.Fields(c[5]), onDatabase: strings.Fields(c[6]),
				configured: configured, ownSchema: c[10] == "true",
			},
			isSession: c[2] == "true", isActing: c[3] == "true", isInUse: c[4] == "true",
			sessionMayTake: c[7] == "true", inUseMayTake: c[8] == "true",
			database: c[11], session: settings{searchPath: c[12], readOnly: c[13]},
		})
	}
	return rows, nil
}

// atoi reads a number that the server wrote.
func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}
