package probe

import (
	"cmp"
	"context"
	"slices"
	"strings"
)

// settings are the values of the settings that decide whether statements find their tables and may write.
type settings struct{ searchPath, readOnly string }

// compareSettings compares them as sessions of the two logins have them.
func (p *parity) compareSettings(ctx context.Context) error {
	inUse, err := p.settingsInUse(ctx)
	if err != nil {
		return err
	}
	want := resolvePath(inUse.searchPath, p.current.acting)
	have := resolvePath(p.session.searchPath, p.next.acting)
	// More at its end hides nothing that the login in use finds.
	if len(have) < len(want) || !slices.Equal(want, have[:len(want)]) {
		p.lack("setting", "", "search_path = "+strings.Join(want, ", "))
	}
	if isOn(p.session.readOnly) && !isOn(inUse.readOnly) {
		p.lack("setting", "", "default_transaction_read_only = off")
	}
	return nil
}

// settingsInUse returns what sessions of the login in use have. Where both logins are configured alike, that is what
// the new login's session has, wherever it comes from.
func (p *parity) settingsInUse(ctx context.Context) (settings, error) {
	inUse := p.session
	if p.configuredAlike("search_path") && p.configuredAlike("default_transaction_read_only") {
		return inUse, nil
	}
	rows, err := p.conn.Query(ctx, settingsQuery)
	if err != nil {
		return inUse, err
	}
	for _, row := range rows {
		name, byClient, byDefault := row[0], row[1] == "true", row[2]
		if byClient || p.configuredAlike(name) {
			continue // what the application itself sets when it connects is in force for both
		}
		value := cmp.Or(p.current.self.setting(name), byDefault)
		switch name {
		case "search_path":
			inUse.searchPath = value
		case "default_transaction_read_only":
			inUse.readOnly = value
		}
	}
	return inUse, nil
}

func (p *parity) configuredAlike(name string) bool {
	return p.current.self.setting(name) == p.next.self.setting(name)
}

// resolvePath returns the schemas of a search_path. "$user" is the schema named like the role, if there is one.
func resolvePath(value string, r role) []string {
	var path []string
	for _, schema := range splitIdentifiers(value) {
		if schema == "$user" {
			if !r.ownSchema {
				continue
			}
			schema = r.name
		}
		path = append(path, schema)
	}
	return path
}

// splitIdentifiers splits a list of identifiers as PostgreSQL stores one: separated by commas, quoted where needed.
func splitIdentifiers(list string) []string {
	var names []string
	for list = strings.TrimLeft(list, ", "); list != ""; list = strings.TrimLeft(list, ", ") {
		name, rest := cutIdentifier(list)
		if list = rest; name != "" {
			names = append(names, name)
		}
	}
	return names
}

// cutIdentifier takes the first identifier off a list.
func cutIdentifier(list string) (name, rest string) {
	if list[0] != '"' {
		name, rest, _ = strings.Cut(list, ",")
		return strings.TrimSpace(name), rest
	}
	var b strings.Builder
	for i := 1; i < len(list); i++ {
		if list[i] == '"' {
			if i+1 == len(list) || list[i+1] != '"' {
				return b.String(), list[i+1:]
			}
			i++
		}
		b.WriteByte(list[i])
	}
	return b.String(), ""
}

// isOn reads a boolean setting, which may be abbreviated: "on", "true", "yes", "1", "t".
func isOn(value string) bool {
	v := strings.ToLower(value)
	return v == "1" || v == "on" || v != "" && (strings.HasPrefix("true", v) || strings.HasPrefix("yes", v))
}
