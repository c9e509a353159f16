"""Tokens with hvac: their making, their ends, their trees."""

import hvac.exceptions
import pytest

import processes


def make(root, **wanted):
    return root.auth.token.create(**wanted)["auth"]


def works(vault, token):
    """Whether a token is known."""
    answer = vault.request("GET", "auth/token/lookup-self", token=token)
    assert answer.status_code in (200, 403)
    return answer.status_code == 200


def test_the_root_token_looks_itself_up(root):
    data = root.auth.token.lookup_self()["data"]
    assert data["policies"] == ["root"] and data["id"] == root.token
    assert (data["ttl"], data["expire_time"], data["num_uses"], data["type"]) == (0, None, 0, "service")
    assert (data["path"], data["display_name"], data["orphan"]) == ("auth/token/root", "root", True)


def test_a_child_has_what_it_was_given(root):
    made = make(root, policies=["reader", "default"], ttl="1h", meta={"who": "tests"}, display_name="child of tests")
    assert made["policies"] == made["token_policies"] == ["default", "reader"]
    assert (made["lease_duration"], made["renewable"], made["token_type"], made["orphan"]) == (3600, True, "service", False)
    data = root.auth.token.lookup(made["client_token"])["data"]
    assert data["meta"] == {"who": "tests"} and data["display_name"] == "token-child-of-tests"
    assert 3590 < data["ttl"] <= 3600 and data["creation_ttl"] == 3600
    assert data["expire_time"] > data["issue_time"] and data["orphan"] is False
    by_accessor = root.auth.token.lookup_accessor(made["accessor"])["data"]
    assert by_accessor["id"] == "" and by_accessor["accessor"] == data["accessor"] == made["accessor"]
    assert made["accessor"] in root.auth.token.list_accessors()["data"]["keys"]


def test_unknown_policies_are_told(root):
    answer = root.auth.token.create(policies=["no-such-policy"])
    assert answer["warnings"] == ['Policy "no-such-policy" does not exist']
    assert root.auth.token.create(policies=["default"])["warnings"] is None


def test_unknown_tokens_are_refused(vault, root):
    with pytest.raises(hvac.exceptions.Forbidden, match="bad token"):
        root.auth.token.lookup("hvs.unknown")
    for token in ["hvs.unknown", None, "x" * 5000]:
        answer = vault.request("GET", "auth/token/lookup-self", token=token)
        assert (answer.status_code, answer.json()["errors"]) == (403, ["permission denied"]), token


def test_orphans_outlive_their_makers(vault, root):
    maker = make(root, policies=["root"])["client_token"]
    client = vault.client(maker)
    child = make(client, policies=["default"])["client_token"]
    by_path = client.auth.token.create_orphan(policies=["default"])["auth"]
    by_field = make(client, policies=["default"], no_parent=True)
    assert by_path["orphan"] and by_field["orphan"]
    root.auth.token.revoke(maker)
    assert [works(vault, token) for token in (maker, child, by_path["client_token"], by_field["client_token"])] == [
        False, False, True, True,
    ]


def test_a_tree_falls_whole(vault, root):
    tree, parent = [], root
    for _ in range(4):
        token = make(parent, policies=["root"])["client_token"]
        leaves = [make(vault.client(token), policies=["default"])["client_token"] for _ in range(3)]
        tree += [token, *leaves]
        parent = vault.client(token)
    beside = make(root, policies=["default"])["client_token"]
    assert all(works(vault, token) for token in tree)
    root.auth.token.revoke(tree[0])
    assert not any(works(vault, token) for token in tree)
    assert works(vault, beside)


def test_children_of_one_revoked_alone_stay(vault, root):
    parent = make(root, policies=["root"])["client_token"]
    child = make(vault.client(parent), policies=["default"])
    root.auth.token.revoke_and_orphan_children(parent)
    assert not works(vault, parent) and works(vault, child["client_token"])
    assert root.auth.token.lookup(child["client_token"])["data"]["orphan"] is True


def test_tokens_are_revoked_by_accessor_and_by_themselves(vault, root):
    first, second = make(root, policies=["default"]), make(root, policies=["default"])
    root.auth.token.revoke_accessor(first["accessor"])
    vault.client(second["client_token"]).auth.token.revoke_self()
    for made in (first, second):
        assert not works(vault, made["client_token"])
        with pytest.raises(hvac.exceptions.InvalidRequest, match="invalid accessor"):
            root.auth.token.lookup_accessor(made["accessor"])


def test_uses_are_counted(vault, root):
    token = make(root, policies=["default"], num_uses=3)["client_token"]
    assert root.auth.token.lookup(token)["data"]["num_uses"] == 3
    for _ in range(3):
        assert works(vault, token)
    assert not works(vault, token)
    limited = make(root, policies=["root"], num_uses=2)["client_token"]
    with pytest.raises(hvac.exceptions.InvalidRequest, match="restricted use token cannot generate child tokens"):
        make(vault.client(limited), policies=["default"])


def test_tokens_are_renewed(vault, root):
    made = make(root, policies=["default"], ttl="1h")
    renewed = root.auth.token.renew(made["client_token"], increment="3h")["auth"]
    assert renewed["lease_duration"] == 3 * 3600 and renewed["client_token"] == made["client_token"]
    own = vault.client(made["client_token"])
    assert own.auth.token.renew_self(increment="2h")["auth"]["lease_duration"] == 2 * 3600
    assert 7190 < own.auth.token.lookup_self()["data"]["ttl"] <= 7200
    assert root.auth.token.renew_accessor(made["accessor"])["auth"]["client_token"] == ""
    fixed = make(root, policies=["default"], ttl="1h", renewable=False)
    assert fixed["renewable"] is False
    with pytest.raises(hvac.exceptions.InvalidRequest):
        root.auth.token.renew(fixed["client_token"])
    with pytest.raises(hvac.exceptions.InvalidRequest):
        root.auth.token.renew_self()


def test_an_explicit_maximum_is_not_exceeded(root):
    made = make(root, policies=["default"], ttl="1h", explicit_max_ttl="2h")
    assert root.auth.token.lookup(made["client_token"])["data"]["explicit_max_ttl"] == 7200
    renewed = root.auth.token.renew(made["client_token"], increment="10h")
    assert 7190 < renewed["auth"]["lease_duration"] <= 7200
    assert any("capped" in warning for warning in renewed["warnings"])
    longer = root.auth.token.create(policies=["default"], ttl="5h", explicit_max_ttl="1h")
    assert longer["auth"]["lease_duration"] == 3600 and longer["warnings"]


def test_periodic_tokens_start_anew_at_each_renewal(root):
    made = make(root, policies=["default"], period="10m")
    assert made["lease_duration"] == 600
    assert root.auth.token.lookup(made["client_token"])["data"]["period"] == 600
    assert root.auth.token.renew(made["client_token"], increment="5h")["auth"]["lease_duration"] == 600


def test_tokens_end_by_themselves(vault, root):
    made = make(root, policies=["default"], ttl="1s")
    processes.eventually(lambda: not works(vault, made["client_token"]), what="the end of the token")
    processes.eventually(
        lambda: made["accessor"] not in root.auth.token.list_accessors()["data"]["keys"], what="the removal of its accessor"
    )


def test_children_have_no_more_than_their_parents(vault, root):
    root.sys.create_or_update_policy("maker", 'path "auth/token/create" { capabilities = ["update"] }')
    limited = vault.client(make(root, policies=["maker"])["client_token"])
    assert make(limited)["policies"] == ["default", "maker"]
    for wanted in [{"policies": ["root"]}, {"policies": ["other"]}, {"no_parent": True}, {"period": "1h"}, {"id": "own"}]:
        with pytest.raises(hvac.exceptions.InvalidRequest):
            make(limited, **wanted)
    with pytest.raises(hvac.exceptions.Forbidden):
        limited.auth.token.list_accessors()
    bare = make(root, policies=["maker"], no_default_policy=True)
    assert bare["policies"] == ["maker"]
    own = make(root, id="an-id-of-its-own", policies=["default"])
    assert own["client_token"] == "an-id-of-its-own" and works(vault, "an-id-of-its-own")


def test_roles_are_made_listed_and_used(root):
    with pytest.raises(hvac.exceptions.InvalidPath):
        root.auth.token.list_roles()
    made = root.auth.token.create_or_update_role("team", allowed_policies="reader,writer", orphan=True, token_period="30m")
    assert made.status_code == 204
    assert root.auth.token.list_roles()["data"]["keys"] == ["team"]
    role = root.auth.token.read_role("team")["data"]
    assert role["allowed_policies"] == ["reader", "writer"] and role["orphan"] and role["renewable"]
    auth = root.auth.token.create(role_name="team", ttl="1h")["auth"]
    assert auth["policies"] == ["default", "reader", "writer"] and auth["orphan"]
    data = root.auth.token.lookup(auth["client_token"])["data"]
    assert data["role"] == "team" and data["path"] == "auth/token/create/team"
    with pytest.raises(hvac.exceptions.InvalidRequest, match="must be subset of the role's allowed policies"):
        root.auth.token.create(role_name="team", policies=["other"])
    root.auth.token.delete_role("team")
    with pytest.raises(hvac.exceptions.InvalidRequest, match="unknown role team"):
        root.auth.token.create(role_name="team")
    with pytest.raises(hvac.exceptions.InvalidRequest, match="could not be found, not renewing"):
        root.auth.token.renew(auth["client_token"])


def test_batch_tokens_carry_themselves(vault, root):
    parent = make(root, policies=["root"])["client_token"]
    made = make(vault.client(parent), type="batch", policies=["default"], ttl="1h", meta={"k": "v"})
    assert made["client_token"].startswith("hvb.") and made["token_type"] == "batch"
    assert made["accessor"] == "" and made["renewable"] is False
    data = root.auth.token.lookup(made["client_token"])["data"]
    assert data["type"] == "batch" and data["meta"] == {"k": "v"} and 3590 < data["ttl"] <= 3600
    with pytest.raises(hvac.exceptions.InvalidRequest, match="batch tokens cannot be renewed"):
        root.auth.token.renew(made["client_token"])
    with pytest.raises(hvac.exceptions.InvalidRequest, match="batch tokens cannot be revoked"):
        root.auth.token.revoke(made["client_token"])
    with pytest.raises(hvac.exceptions.InvalidRequest, match="batch tokens cannot have"):
        make(root, type="batch", policies=["default"], num_uses=3)
    root.auth.token.revoke(parent)
    assert not works(vault, made["client_token"])
