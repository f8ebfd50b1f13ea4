package testenv

import "strings"

// quoteIdent quotes a name for SQL.
func quoteIdent(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// quoteLiteral quotes a text for SQL, with standard_conforming_strings on.
func quoteLiteral(text string) string { return `'` + strings.ReplaceAll(text, `'`, `''`) + `'` }

// quoteConn quotes a value for a keyword/value connection string.
func quoteConn(value string) string {
	return `'` + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + `'`
}

// quoteConf quotes a value for postgresql.conf.
func quoteConf(value string) string { return quoteLiteral(value) }

// quoteMariaIdent quotes a name for MariaDB.
func quoteMariaIdent(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// quoteMariaLiteral quotes a text for MariaDB, where a backslash escapes.
func quoteMariaLiteral(text string) string {
	return `'` + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(text) + `'`
}
