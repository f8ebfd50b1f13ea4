package vault

import (
	"context"

	"github.com/hashicorp/vault/api"
	"github.com/hashicorp/vault/api/auth/kubernetes"
)

// Kubernetes logs in with the service account of the pod, as a role of Vault's Kubernetes auth method. The projected token
// is read for each login: Kubernetes replaces it every hour or so. Options are those of Vault's own package.
func Kubernetes(role string, options ...kubernetes.LoginOption) api.AuthMethod {
	return authFunc(func(ctx context.Context, client *api.Client) (*api.Secret, error) {
		auth, err := kubernetes.NewKubernetesAuth(role, options...) // reads the file
		if err != nil {
			return nil, err
		}
		return auth.Login(ctx, client)
	})
}

// authFunc makes an auth method of a function.
type authFunc func(context.Context, *api.Client) (*api.Secret, error)

func (f authFunc) Login(ctx context.Context, client *api.Client) (*api.Secret, error) {
	return f(ctx, client)
}
