package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/hashicorp/vault/api/auth/approle"
	"github.com/hashicorp/vault/api/auth/userpass"
)

func tokens(r *run) {
	store := r.root.Auth().Token()
	made, err := store.CreateWithContext(r, &api.TokenCreateRequest{
		Policies: []string{"default"}, TTL: "1h", ExplicitMaxTTL: "3h", DisplayName: "go", Metadata: map[string]string{"of": "go"},
	})
	r.ok(err)
	own := r.client(made.Auth.ClientToken)
	found, err := own.Auth().Token().LookupSelfWithContext(r)
	r.ok(err)
	ttl, err := found.TokenTTL()
	r.ok(err)
	meta, err := found.TokenMetadata()
	r.ok(err)
	names, err := found.TokenPolicies()
	r.ok(err)
	r.is(ttl > 59*time.Minute && ttl <= time.Hour, "it lives "+ttl.String())
	r.equal(meta, map[string]string{"of": "go"})
	r.equal(names, []string{"default"})
	r.equal(found.Data["display_name"], "token-go")
	renewed, err := own.Auth().Token().RenewSelfWithContext(r, 7200)
	r.ok(err)
	r.equal(renewed.Auth.LeaseDuration, 7200)
	_, err = store.RenewWithContext(r, made.Auth.ClientToken, 600)
	r.ok(err)
	byAccessor, err := store.LookupAccessorWithContext(r, made.Auth.Accessor)
	r.ok(err)
	r.equal(byAccessor.Data["id"], "")
	_, err = store.RenewAccessorWithContext(r, made.Auth.Accessor, 600)
	r.ok(err)

	orphan, err := store.CreateOrphanWithContext(r, &api.TokenCreateRequest{Policies: []string{"default"}})
	r.ok(err)
	r.equal(orphan.Auth.Orphan, true)
	r.ok(store.RevokeAccessorWithContext(r, orphan.Auth.Accessor))
	_, err = store.LookupWithContext(r, orphan.Auth.ClientToken)
	r.refused(err, 403, "bad token")
	r.ok(store.RevokeTreeWithContext(r, made.Auth.ClientToken))
	_, err = own.Auth().Token().LookupSelfWithContext(r)
	r.refused(err, 403, "permission denied")

	role := r.prefix + "-role"
	_, err = r.root.Logical().WriteWithContext(r, "auth/token/roles/"+role, map[string]any{
		"allowed_policies": "default", "orphan": true, "token_period": "30m",
	})
	r.ok(err)
	fromRole, err := store.CreateWithRoleWithContext(r, &api.TokenCreateRequest{}, role)
	r.ok(err)
	r.equal([]any{fromRole.Auth.Orphan, fromRole.Auth.LeaseDuration}, []any{true, 1800})
	batch, err := store.CreateWithContext(r, &api.TokenCreateRequest{Type: "batch", Policies: []string{"default"}, TTL: "5m"})
	r.ok(err)
	r.is(strings.HasPrefix(batch.Auth.ClientToken, "hvb.") && batch.Auth.Accessor == "", "not a batch token")
	_, err = r.client(batch.Auth.ClientToken).Auth().Token().LookupSelfWithContext(r)
	r.ok(err)
	r.ok(r.client(fromRole.Auth.ClientToken).Auth().Token().RevokeSelfWithContext(r, ""))
}

// watcher renews by itself until the token can be renewed no more.
func watcher(r *run) {
	made, err := r.root.Auth().Token().CreateWithContext(r, &api.TokenCreateRequest{
		Policies: []string{"default"}, TTL: "4s", ExplicitMaxTTL: "8s",
	})
	r.ok(err)
	client := r.client(made.Auth.ClientToken)
	watching, err := client.NewLifetimeWatcher(&api.LifetimeWatcherInput{Secret: made})
	r.ok(err)
	go watching.Start()
	defer watching.Stop()
	renewals := 0
	for {
		select {
		case <-watching.RenewCh():
			renewals++
		case err := <-watching.DoneCh():
			if err != nil {
				r.refused(err, 403, "permission denied") // it came too late to the last renewal
			}
			r.is(renewals >= 2, fmt.Sprintf("renewed %d times", renewals))
			return
		case <-r.Done():
			r.fail("the token is still renewed after its end")
		}
	}
}

func wrapping(r *run) {
	path := r.mount("kv", map[string]string{"version": "1"})
	r.ok(r.root.KVv1(path).Put(r, "one", map[string]any{"n": "1"}))
	wrapper := r.client(r.root.Token())
	wrapper.SetWrappingLookupFunc(func(operation, path string) string { return "5m" })
	wrapped, err := wrapper.Logical().ReadWithContext(r, path+"/one")
	r.ok(err)
	r.is(wrapped.Data == nil && wrapped.WrapInfo != nil, "not wrapped")
	r.equal([]any{wrapped.WrapInfo.TTL, wrapped.WrapInfo.CreationPath}, []any{300, path + "/one"})
	lookup, err := r.root.Logical().WriteWithContext(r, "sys/wrapping/lookup", map[string]any{"token": wrapped.WrapInfo.Token})
	r.ok(err)
	r.equal(lookup.Data["creation_path"], path+"/one")
	again, err := r.root.Logical().WriteWithContext(r, "sys/wrapping/rewrap", map[string]any{"token": wrapped.WrapInfo.Token})
	r.ok(err)
	open, err := r.root.Logical().UnwrapWithContext(r, again.WrapInfo.Token)
	r.ok(err)
	r.equal(open.Data, map[string]any{"n": "1"})
	_, err = r.root.Logical().UnwrapWithContext(r, again.WrapInfo.Token)
	r.refused(err, 400, "wrapping token is not valid or does not exist")
	// Whoever gets the wrapping token opens it with nothing else.
	made, err := wrapper.Auth().Token().CreateWithContext(r, &api.TokenCreateRequest{Policies: []string{"default"}})
	r.ok(err)
	open, err = r.client(made.WrapInfo.Token).Logical().UnwrapWithContext(r, "")
	r.ok(err)
	r.is(made.WrapInfo.WrappedAccessor != "" && open.Auth.Accessor == made.WrapInfo.WrappedAccessor, "another accessor")
}

// leases of a token's own making: a KV engine that was asked to lease what it gives.
func leases(r *run) {
	path := r.mount("kv", map[string]string{"version": "1", "leased_passthrough": "true"})
	sys := r.root.Sys()
	r.ok(r.root.KVv1(path).Put(r, "one", map[string]any{"n": "1", "ttl": "1h"}))
	read := func() string {
		secret, err := r.root.Logical().ReadWithContext(r, path+"/one")
		r.ok(err)
		r.is(strings.HasPrefix(secret.LeaseID, path+"/one/"), "lease "+secret.LeaseID)
		r.equal([]any{secret.LeaseDuration, secret.Renewable}, []any{3600, true})
		return secret.LeaseID
	}
	one := read()
	found, err := sys.LookupWithContext(r, one)
	r.ok(err)
	r.equal(found.Data["id"], one)
	renewed, err := sys.RenewWithContext(r, one, 60)
	r.ok(err)
	r.equal(renewed.LeaseID, one)
	r.ok(sys.RevokeWithOptionsWithContext(r, &api.RevokeOptions{LeaseID: one, Sync: true}))
	_, err = sys.LookupWithContext(r, one)
	r.refused(err, 400, "invalid lease")
	two, three := read(), read()
	r.ok(sys.RevokeWithOptionsWithContext(r, &api.RevokeOptions{LeaseID: path, Prefix: true, Sync: true}))
	for _, lease := range []string{two, three} {
		_, err = sys.LookupWithContext(r, lease)
		r.refused(err, 400, "invalid lease")
	}
}

func userpassLogin(r *run) {
	path := r.prefix + "-userpass"
	r.ok(r.root.Sys().EnableAuthWithOptionsWithContext(r, path, &api.EnableAuthOptions{Type: "userpass"}))
	user := map[string]any{"password": "correct horse", "token_policies": "default", "token_ttl": "1h"}
	_, err := r.root.Logical().WriteWithContext(r, "auth/"+path+"/users/ann", user)
	r.ok(err)
	login := func(password string) (*api.Client, *api.Secret, error) {
		client := r.client("")
		method, err := userpass.NewUserpassAuth("ann", &userpass.Password{FromString: password}, userpass.WithMountPath(path))
		r.ok(err)
		secret, err := client.Auth().Login(r, method)
		return client, secret, err
	}
	client, secret, err := login("correct horse")
	r.ok(err)
	r.equal([]any{secret.Auth.LeaseDuration, secret.Auth.Metadata["username"]}, []any{3600, "ann"})
	_, err = client.Auth().Token().LookupSelfWithContext(r)
	r.ok(err)
	_, _, err = login("wrong")
	r.refused(err, 400, "invalid username or password")
}

func approleLogin(r *run) {
	path := r.prefix + "-approle"
	logical := r.root.Logical()
	r.ok(r.root.Sys().EnableAuthWithOptionsWithContext(r, path, &api.EnableAuthOptions{Type: "approle"}))
	role := "auth/" + path + "/role/app"
	_, err := logical.WriteWithContext(r, role, map[string]any{"token_policies": "default", "secret_id_num_uses": 1})
	r.ok(err)
	id, err := logical.ReadWithContext(r, role+"/role-id")
	r.ok(err)
	secretID, err := logical.WriteWithContext(r, role+"/secret-id", nil)
	r.ok(err)
	login := func() (*api.Secret, error) {
		method, err := approle.NewAppRoleAuth(
			id.Data["role_id"].(string), &approle.SecretID{FromString: secretID.Data["secret_id"].(string)},
			approle.WithMountPath(path),
		)
		r.ok(err)
		return r.client("").Auth().Login(r, method)
	}
	secret, err := login()
	r.ok(err)
	r.equal(secret.Auth.Metadata["role_name"], "app")
	_, err = login()
	r.refused(err, 400, "invalid role or secret ID")
}
