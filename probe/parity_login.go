package probe

// login is a role that logs in, with the role that its sessions act as.
type login struct {
	self     role
	acting   role
	database string
}

// attributes returns the attributes that count in the login's sessions, in the order in which errors name them. They
// are those of the acting role, except that RESET ROLE gets a superuser back, and that REPLICATION is asked for
// before ALTER ROLE … SET takes effect.
func (l login) attributes() []string {
	var in []string
	for _, a := range []string{superuser, "CREATEROLE", "CREATEDB", "BYPASSRLS", "REPLICATION"} {
		has := l.acting.is(a)
		switch a {
		case superuser:
			has = l.superuser()
		case "REPLICATION":
			has = l.self.is(a)
		}
		if has {
			in = append(in, a)
		}
	}
	return in
}

func (l login) superuser() bool { return l.self.is(superuser) || l.acting.is(superuser) }
