package main

import (
	"encoding/base64"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"
)

func system(r *run) {
	sys := r.client("").Sys()
	initialised, err := sys.InitStatusWithContext(r)
	r.ok(err)
	health, err := sys.HealthWithContext(r)
	r.ok(err)
	r.is(initialised && health.Initialized && !health.Sealed && !health.Standby, "not an active, open vault")
	r.is(strings.HasPrefix(health.Version, "1.14."), "version "+health.Version)
	r.is(time.Since(time.Unix(health.ServerTimeUTC, 0)).Abs() < time.Hour, "the server's time")
	status, err := sys.SealStatusWithContext(r)
	r.ok(err)
	r.equal([]any{status.Type, status.T, status.N, status.ClusterID}, []any{"shamir", 3, 5, health.ClusterID})
	leader, err := sys.LeaderWithContext(r)
	r.ok(err)
	r.is(leader.IsSelf || !leader.HAEnabled, "somebody else leads")
	_, err = sys.UnsealWithContext(r, "not a share")
	r.refused(err, 400, "'key' must be a valid hex or base64 string")
	_, err = sys.ResetUnsealProcessWithContext(r)
	r.refused(err, 400, "vault is unsealed")

	before, err := r.root.Sys().KeyStatusWithContext(r)
	r.ok(err)
	r.ok(r.root.Sys().RotateWithContext(r))
	after, err := r.root.Sys().KeyStatusWithContext(r)
	r.ok(err)
	r.equal(after.Term, before.Term+1)

	_, err = r.client("").Sys().ListMountsWithContext(r)
	r.refused(err, 403, "permission denied")
	// This client takes a 404 without data for "nothing there", whatever its message.
	nothing, err := r.root.Logical().ReadWithContext(r, "no/such/mount")
	r.ok(err)
	r.is(nothing == nil, "something where nothing is mounted")
	_, err = r.root.Logical().WriteWithContext(r, "no/such/mount", nil)
	r.refused(err, 404, `no handler for route "no/such/mount`)
	help, err := r.root.HelpWithContext(r, "sys/mounts")
	r.ok(err)
	r.is(help.Help != "", "no help for sys/mounts")
}

func mounts(r *run) {
	path := r.mount("kv", map[string]string{"version": "2"})
	sys := r.root.Sys()
	r.refused(sys.MountWithContext(r, path, &api.MountInput{Type: "kv"}), 400, "path is already in use at "+path+"/")
	r.refused(sys.MountWithContext(r, path+"-x", &api.MountInput{Type: "none"}), 400, "plugin not found")
	text := "of go"
	r.ok(sys.TuneMountWithContext(r, path, api.MountConfigInput{
		DefaultLeaseTTL: "1h", MaxLeaseTTL: "2h", Description: &text, ListingVisibility: "unauth",
	}))
	config, err := sys.MountConfigWithContext(r, path)
	r.ok(err)
	r.equal([]any{config.DefaultLeaseTTL, config.MaxLeaseTTL, config.ListingVisibility}, []any{3600, 7200, "unauth"})
	all, err := sys.ListMountsWithContext(r)
	r.ok(err)
	one := all[path+"/"]
	r.is(one != nil && one.Type == "kv" && one.Description == text, "the mount is not listed as it is")
	r.equal(one.Options, map[string]string{"version": "2"})
	r.ok(sys.UnmountWithContext(r, path))
	all, err = sys.ListMountsWithContext(r)
	r.ok(err)
	r.is(all[path+"/"] == nil, "the mount is still there")
	auths, err := sys.ListAuthWithContext(r)
	r.ok(err)
	r.equal(auths["token/"].Type, "token")
}

func policies(r *run) {
	sys := r.root.Sys()
	name := r.policy(`path "secret/data/app/*" { capabilities = ["read", "list"] }`)
	text, err := sys.GetPolicyWithContext(r, name)
	r.ok(err)
	r.is(strings.Contains(text, `["read", "list"]`), "the text of the policy is "+text)
	names, err := sys.ListPoliciesWithContext(r)
	r.ok(err)
	r.is(contains(names, name) && contains(names, "root"), strings.Join(names, " "))
	made, err := r.root.Auth().Token().CreateWithContext(r, &api.TokenCreateRequest{Policies: []string{name}})
	r.ok(err)
	may, err := sys.CapabilitiesWithContext(r, made.Auth.ClientToken, "secret/data/app/db")
	r.ok(err)
	r.equal(may, []string{"list", "read"})
	may, err = r.client(made.Auth.ClientToken).Sys().CapabilitiesSelfWithContext(r, "secret/data/other")
	r.ok(err)
	r.equal(may, []string{"deny"})
	r.refused(sys.PutPolicyWithContext(r, name, `path "x" { capabilities = ["fly"] }`), 400, "invalid capability")
	r.ok(sys.DeletePolicyWithContext(r, name))
	text, err = sys.GetPolicyWithContext(r, name)
	r.ok(err)
	r.equal(text, "")
}

func auditDevices(r *run) {
	sys, path := r.root.Sys(), r.prefix+"-audit"
	r.ok(sys.EnableAuditWithOptionsWithContext(r, path, &api.EnableAuditOptions{
		Type: "file", Options: map[string]string{"file_path": "discard"},
	}))
	devices, err := sys.ListAuditWithContext(r)
	r.ok(err)
	r.is(devices[path+"/"] != nil && devices[path+"/"].Type == "file", "the device is not listed")
	hash, err := sys.AuditHashWithContext(r, path, "secret")
	r.ok(err)
	again, err := sys.AuditHashWithContext(r, path, "secret")
	r.ok(err)
	r.is(hash == again && strings.HasPrefix(hash, "hmac-sha256:"), hash)
	r.ok(sys.DisableAuditWithContext(r, path))
}

// generateRoot begins and cancels: the shares are not this program's to know.
func generateRoot(r *run) {
	sys := r.client("").Sys()
	begun, err := sys.GenerateRootInitWithContext(r, "", "")
	r.ok(err)
	r.is(begun.Started && begun.Nonce != "" && len(begun.OTP) == begun.OTPLength, "not begun")
	r.equal(begun.Required, 3)
	status, err := sys.GenerateRootStatusWithContext(r)
	r.ok(err)
	r.equal([]any{status.Nonce, status.OTP}, []any{begun.Nonce, ""})
	// Whoever comes along could end an attempt on Vault; here it takes a token that may.
	r.refused(sys.GenerateRootCancelWithContext(r), 403, "")
	r.ok(r.root.Sys().GenerateRootCancelWithContext(r))
	status, err = sys.GenerateRootStatusWithContext(r)
	r.ok(err)
	r.equal(status.Started, false)
}

func transit(r *run) {
	path := r.mount("transit", nil)
	logical := r.root.Logical()
	_, err := logical.WriteWithContext(r, path+"/keys/app", map[string]any{})
	r.ok(err)
	plain := base64.StdEncoding.EncodeToString([]byte("ä€𝄞"))
	sealed, err := logical.WriteWithContext(r, path+"/encrypt/app", map[string]any{"plaintext": plain})
	r.ok(err)
	text, _ := sealed.Data["ciphertext"].(string)
	r.is(strings.HasPrefix(text, "vault:v1:"), text)
	_, err = logical.WriteWithContext(r, path+"/keys/app/rotate", nil)
	r.ok(err)
	renewed, err := logical.WriteWithContext(r, path+"/rewrap/app", map[string]any{"ciphertext": text})
	r.ok(err)
	open, err := logical.WriteWithContext(r, path+"/decrypt/app", renewed.Data)
	r.ok(err)
	r.equal(open.Data["plaintext"], plain)
	_, err = logical.WriteWithContext(r, path+"/decrypt/app", map[string]any{"ciphertext": plain})
	r.refused(err, 400, "invalid ciphertext: no prefix")

	_, err = logical.WriteWithContext(r, path+"/keys/signer", map[string]any{"type": "ed25519"})
	r.ok(err)
	signed, err := logical.WriteWithContext(r, path+"/sign/signer", map[string]any{"input": plain})
	r.ok(err)
	check := map[string]any{"input": plain, "signature": signed.Data["signature"]}
	verified, err := logical.WriteWithContext(r, path+"/verify/signer", check)
	r.ok(err)
	r.equal(verified.Data["valid"], true)
}

func contains(all []string, one string) bool {
	for _, each := range all {
		if each == one {
			return true
		}
	}
	return false
}
