# a dynamic role
path "database/creds/app" { capabilities = ["read"] }

# dynamic roles: to extend a lease, and to give it back
path "sys/leases/renew"  { capabilities = ["update"] }
path "sys/leases/revoke" { capabilities = ["update"] }
