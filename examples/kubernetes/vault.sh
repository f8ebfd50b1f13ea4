#!/usr/bin/env bash
# The Vault side of the manifests, once per cluster, as somebody who may do that (VAULT_ADDR, VAULT_TOKEN). The database
# engine and its statements are explained in docs/vault.md.
#
#   KUBERNETES_HOST=https://kubernetes.default.svc ENGINE_PASSWORD=... ./vault.sh
set -euo pipefail

# Who may log in: Vault asks the cluster whether a service account's token is good. A Vault inside of the cluster does so as
# its own service account, which needs the cluster role system:auth-delegator.
vault auth enable kubernetes
vault write auth/kubernetes/config kubernetes_host="$KUBERNETES_HOST"

# What the service may do. The agent renews leases; the service in process gives them back, too.
vault policy write app - <<'HCL'
path "database/creds/app" { capabilities = ["read"] }
path "sys/leases/renew"   { capabilities = ["update"] }
path "sys/leases/revoke"  { capabilities = ["update"] }
# for external-secrets-kv.yaml
path "secret/data/app/db" { capabilities = ["read"] }
HCL

# The service account "app" of the namespace "app", with a token for the audience "vault". A lease dies with the token that
# asked for it: with a period, a token lives as long as somebody renews it, and two hours where nobody does (External Secrets
# Operator), which is longer than a lease of an hour.
vault write auth/kubernetes/role/app \
    bound_service_account_names=app bound_service_account_namespaces=app \
    audience=vault token_policies=app token_period=2h

# The logins. docs/vault.md has the statements, and what the engine's own login must be allowed to do.
vault secrets enable database
vault write database/config/app \
    plugin_name=postgresql-database-plugin \
    connection_url='postgresql://{{username}}:{{password}}@db.internal:5432/app?sslmode=verify-full' \
    username=vault_engine password="$ENGINE_PASSWORD" \
    allowed_roles=app password_authentication=scram-sha-256
vault write -force database/rotate-root/app
vault write database/roles/app db_name=app default_ttl=1h max_ttl=24h \
    creation_statements=@create.sql renew_statements=@renew.sql revocation_statements=@revoke.sql
