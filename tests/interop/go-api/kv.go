package main

import (
	"errors"

	"github.com/hashicorp/vault/api"
)

func kvVersion1(r *run) {
	path := r.mount("kv", map[string]string{"version": "1"})
	kv := r.root.KVv1(path)
	r.ok(kv.Put(r, "a/one", map[string]any{"text": "ä€𝄞", "list": []any{true, nil}}))
	secret, err := kv.Get(r, "a/one")
	r.ok(err)
	r.equal(secret.Data, map[string]any{"text": "ä€𝄞", "list": []any{true, nil}})
	r.equal(secret.Raw.LeaseDuration, 2764800)
	r.ok(kv.Put(r, "a/b/two", map[string]any{"n": "2"}))
	listed, err := r.root.Logical().ListWithContext(r, path+"/a")
	r.ok(err)
	r.equal(listed.Data["keys"], []any{"b/", "one"})
	r.ok(kv.Delete(r, "a/one"))
	_, err = kv.Get(r, "a/one")
	r.is(errors.Is(err, api.ErrSecretNotFound), "a deleted secret is still there")
	nothing, err := r.root.Logical().ListWithContext(r, path+"/nothing")
	r.ok(err)
	r.is(nothing == nil, "a listing of nothing is something")
}

func kvVersion2(r *run) {
	path := r.mount("kv", map[string]string{"version": "2"})
	kv := r.root.KVv2(path)
	first, err := kv.Put(r, "app/db", map[string]any{"user": "app", "port": 5432})
	r.ok(err)
	r.equal(first.VersionMetadata.Version, 1)
	_, err = kv.Put(r, "app/db", map[string]any{"user": "other"}, api.WithCheckAndSet(0))
	r.refused(err, 400, "check-and-set parameter did not match the current version")
	_, err = kv.Patch(r, "app/db", map[string]any{"password": "x"})
	r.ok(err)
	_, err = kv.Patch(r, "app/db", map[string]any{"user": nil}, api.WithMergeMethod("rw"))
	r.ok(err)
	secret, err := kv.Get(r, "app/db")
	r.ok(err)
	r.equal(secret.VersionMetadata.Version, 3)
	r.equal(secret.Data["password"], "x")
	r.equal(r.number(secret.Data["port"]), int64(5432))
	old, err := kv.GetVersion(r, "app/db", 1)
	r.ok(err)
	r.equal(old.Data["user"], "app")
	restored, err := kv.Rollback(r, "app/db", 1)
	r.ok(err)
	r.equal(restored.VersionMetadata.Version, 4)

	r.ok(kv.Delete(r, "app/db"))
	deleted, err := kv.Get(r, "app/db")
	r.ok(err)
	r.is(deleted.Data == nil && !deleted.VersionMetadata.DeletionTime.IsZero(), "not marked as deleted")
	r.ok(kv.Undelete(r, "app/db", []int{4}))
	r.ok(kv.DeleteVersions(r, "app/db", []int{2}))
	r.ok(kv.Destroy(r, "app/db", []int{1}))
	versions, err := kv.GetVersionsAsList(r, "app/db")
	r.ok(err)
	r.equal(len(versions), 4)
	r.is(versions[0].Destroyed && !versions[1].DeletionTime.IsZero(), "versions 1 and 2 live")

	r.ok(kv.PutMetadata(r, "app/db", api.KVMetadataPutInput{
		MaxVersions: 2, CASRequired: true, CustomMetadata: map[string]any{"owner": "team"},
	}))
	limit := 3
	r.ok(kv.PatchMetadata(r, "app/db", api.KVMetadataPatchInput{MaxVersions: &limit}))
	metadata, err := kv.GetMetadata(r, "app/db")
	r.ok(err)
	r.equal(metadata.MaxVersions, 3)
	r.equal(metadata.CASRequired, true)
	r.equal(metadata.CustomMetadata, map[string]any{"owner": "team"})
	_, err = kv.Put(r, "app/db", map[string]any{})
	r.refused(err, 400, "check-and-set parameter required for this call")
	r.ok(kv.DeleteMetadata(r, "app/db"))
	_, err = kv.Get(r, "app/db")
	r.is(errors.Is(err, api.ErrSecretNotFound), "a secret without metadata is still there")
}
