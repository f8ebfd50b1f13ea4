package main

import (
	"github.com/hashicorp/vault/plugins/database/postgresql"
	"github.com/hashicorp/vault/sdk/helper/consts"
)

// postgresPlugin is the one plugin that the database engine finds here.
const postgresPlugin = "postgresql-database-plugin"

// builtins is the registry of plugins that are part of the program, instead of Vault's own, which knows them all and
// would have them all compiled.
type builtins struct{}

func (builtins) Contains(name string, kind consts.PluginType) bool {
	return kind == consts.PluginTypeDatabase && name == postgresPlugin
}

func (b builtins) Get(name string, kind consts.PluginType) (func() (any, error), bool) {
	if !b.Contains(name, kind) {
		return nil, false
	}
	return postgresql.New, true
}

func (builtins) Keys(kind consts.PluginType) []string {
	if kind != consts.PluginTypeDatabase {
		return nil
	}
	return []string{postgresPlugin}
}

func (b builtins) DeprecationStatus(name string, kind consts.PluginType) (consts.DeprecationStatus, bool) {
	if !b.Contains(name, kind) {
		return consts.Unknown, false
	}
	return consts.Supported, true
}

func (builtins) IsBuiltinEntPlugin(string, consts.PluginType) bool { return false }
