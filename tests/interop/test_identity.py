"""Identity with hvac: entities, aliases, groups, and what they give to tokens."""

import hvac.exceptions
import pytest


@pytest.fixture
def users(vault, root):
    """The path of a userpass mount with alice and bob that only this test uses."""
    path = vault.new_name("users")
    root.sys.enable_auth_method("userpass", path=path)
    for name in ["alice", "bob"]:
        root.auth.userpass.create_or_update_user(name, name, mount_point=path)
    yield path
    root.sys.disable_auth_method(path)


@pytest.fixture
def accessor(root, users):
    return root.sys.list_auth_methods()["data"][f"{users}/"]["accessor"]


def login(vault, users, name):
    """A client of that user, and the entity's id."""
    auth = vault.client(token=None).auth.userpass.login(name, name, use_token=False, mount_point=users)["auth"]
    return vault.client(auth["client_token"]), auth["entity_id"]


def policy(vault, root, path):
    name = vault.new_name("policy")
    root.sys.create_or_update_policy(name, f'path "{path}" {{ capabilities = ["create", "update", "read"] }}')
    return name


def test_it_is_mounted_from_the_beginning(root):
    mount = root.sys.list_mounted_secrets_engines()["data"]["identity/"]
    assert (mount["type"], mount["description"]) == ("identity", "identity store")
    with pytest.raises(hvac.exceptions.InvalidRequest):
        root.sys.disable_secrets_engine("identity")


def test_entities_by_id_and_name(vault, root):
    identity = root.secrets.identity
    name = vault.new_name("Entity")
    made = identity.create_or_update_entity(name, metadata={"team": "red"}, policies=["p"])["data"]
    assert made["name"] == name
    data = identity.read_entity(made["id"])["data"]
    assert data == identity.read_entity_by_name(name.upper())["data"]
    assert (data["metadata"], data["policies"], data["disabled"]) == ({"team": "red"}, ["p"], False)
    assert data["namespace_id"] == "root" and data["group_ids"] == data["aliases"] == []
    assert identity.create_or_update_entity(name, metadata={"team": "blue"}).status_code == 204
    assert identity.update_entity(made["id"], name=f"{name}-2").status_code == 204
    assert made["id"] in identity.list_entities()["data"]["keys"]
    assert f"{name}-2" in identity.list_entities_by_name()["data"]["keys"]
    assert identity.list_entities()["data"]["key_info"][made["id"]] == {"name": f"{name}-2"}
    other = identity.create_or_update_entity(f"{name}-3")["data"]["id"]
    with pytest.raises(hvac.exceptions.InvalidRequest, match="entity name is already in use"):
        identity.update_entity(other, name=f"{name}-2")
    with pytest.raises(hvac.exceptions.InvalidRequest, match="policies cannot contain root"):
        identity.update_entity(other, policies=["Root"])
    assert vault.request("POST", "identity/entity/batch-delete", {"entity_ids": [made["id"], other]}).status_code == 204
    for gone in [made["id"], other]:
        with pytest.raises(hvac.exceptions.InvalidPath):
            identity.read_entity(gone)


def test_aliases(vault, root, users, accessor):
    identity = root.secrets.identity
    entity = identity.create_or_update_entity(vault.new_name("entity"))["data"]["id"]
    made = identity.create_or_update_entity_alias("carol", entity, accessor)["data"]
    assert made["canonical_id"] == entity
    data = identity.read_entity_alias(made["id"])["data"]
    assert (data["name"], data["mount_type"], data["mount_path"]) == ("carol", "userpass", f"auth/{users}/")
    assert made["id"] in identity.list_entity_aliases()["data"]["keys"]
    found = identity.lookup_entity(alias_name="Carol", alias_mount_accessor=accessor)["data"]
    assert found["id"] == entity == identity.lookup_entity(alias_id=made["id"])["data"]["id"]
    with pytest.raises(hvac.exceptions.InvalidRequest, match="invalid mount accessor"):
        identity.create_or_update_entity_alias("x", entity, "userpass_none")
    root.auth.userpass.create_or_update_user("carol", "carol", mount_point=users)
    assert login(vault, users, "carol")[1] == entity
    identity.delete_entity_alias(made["id"])
    assert login(vault, users, "carol")[1] != entity
    assert identity.lookup_entity(alias_id=made["id"]).status_code == 204


def test_policies_follow_entities_and_groups_at_once(vault, root, kv1, users):
    identity = root.secrets.identity
    own, inherited = policy(vault, root, f"{kv1}/own"), policy(vault, root, f"{kv1}/inherited")
    client, entity = login(vault, users, "alice")

    def may(path):
        return vault.request("POST", f"{kv1}/{path}", {"a": 1}, token=client.token).status_code == 204

    assert not may("own") and not may("inherited")
    identity.update_entity(entity, policies=[own])
    inner = identity.create_or_update_group(vault.new_name("g"), member_entity_ids=[entity])["data"]["id"]
    outer = identity.create_or_update_group(vault.new_name("g"), member_group_ids=[inner], policies=[inherited])
    assert may("own") and may("inherited")
    data = client.auth.token.lookup_self()["data"]
    assert data["policies"] == ["default"]
    assert sorted(data["identity_policies"]) == sorted([own, inherited])
    with pytest.raises(hvac.exceptions.InvalidRequest, match="cyclic relationship"):
        identity.update_group(inner, vault.new_name("g"), member_group_ids=[outer["data"]["id"]])
    identity.delete_group(outer["data"]["id"])
    assert may("own") and not may("inherited")
    identity.update_entity(entity, disabled=True)
    assert not may("own")
    with pytest.raises(hvac.exceptions.Forbidden):
        login(vault, users, "alice")
    identity.update_entity(entity, disabled=False)
    assert may("own")


def test_templates_reach_a_path_by_name_and_metadata(vault, root, kv2, users, accessor):
    identity = root.secrets.identity
    names = [
        policy(vault, root, f"{kv2}/data/{{{{identity.entity.name}}}}/*"),
        policy(vault, root, f"{kv2}/data/team-{{{{identity.entity.metadata.team}}}}/x"),
        policy(vault, root, f"{kv2}/data/alias/{{{{identity.entity.aliases.{accessor}.name}}}}"),
    ]
    client, entity = login(vault, users, "alice")
    name = vault.new_name("alice")
    identity.update_entity(entity, name=name, metadata={"team": "red"}, policies=names)

    def may(path):
        body = {"data": {"a": 1}}
        return vault.request("POST", f"{kv2}/data/{path}", body, token=client.token).status_code == 200

    assert may(f"{name}/x") and may("team-red/x") and may("alias/alice")
    assert not may("other/x") and not may("team-blue/x") and not may("alias/bob")
    # A name that is a wildcard or more than one level gives nothing (GHSA-59w7-v8rr-pr4p).
    for widening in ["*", "+", "other/x"]:
        identity.update_entity(entity, name=widening, metadata={"team": widening})
        assert not may("other/x") and not may("team-blue/x") and not may(f"{widening}/x")


def test_merged_entities(vault, root, users, accessor):
    identity = root.secrets.identity
    client, alice = login(vault, users, "alice")
    other = identity.create_or_update_entity(vault.new_name("entity"))["data"]["id"]
    assert identity.merge_entities([alice], other).status_code == 204
    assert login(vault, users, "alice")[1] == other
    assert client.auth.token.lookup_self()["data"]["entity_id"] in (alice, other)
    assert identity.read_entity(other)["data"]["merged_entity_ids"] == [alice]
    with pytest.raises(hvac.exceptions.InvalidRequest):
        identity.merge_entities([other], other)


def test_groups_and_their_aliases(vault, root, accessor):
    identity = root.secrets.identity
    name = vault.new_name("group")
    group = identity.create_or_update_group(name, group_type="external", metadata={"a": "b"})["data"]["id"]
    alias = identity.create_or_update_group_alias("ldap-group", mount_accessor=accessor, canonical_id=group)["data"]["id"]
    data = identity.read_group(group)["data"]
    assert data["alias"]["id"] == alias and data["type"] == "external" and data["member_entity_ids"] is None
    assert identity.read_group_alias(alias)["data"]["canonical_id"] == group
    assert alias in identity.list_group_aliases()["data"]["keys"]
    assert identity.lookup_group(alias_name="ldap-group", alias_mount_accessor=accessor)["data"]["id"] == group
    assert identity.read_group_by_name(name.upper())["data"]["id"] == group
    assert group in identity.list_groups()["data"]["keys"] and name in identity.list_groups_by_name()["data"]["keys"]
    with pytest.raises(hvac.exceptions.InvalidRequest, match="group type cannot be changed"):
        identity.update_group(group, name, group_type="internal")
    internal = identity.create_or_update_group(vault.new_name("group"))["data"]["id"]
    with pytest.raises(hvac.exceptions.InvalidRequest, match="internal group"):
        identity.create_or_update_group_alias("x", mount_accessor=accessor, canonical_id=internal)
    identity.delete_entity(group)
    identity.delete_group_by_name(name)
    with pytest.raises(hvac.exceptions.InvalidPath):
        identity.read_group_alias(alias)


def test_it_survives_a_restart(vault, root, users):
    _, entity = login(vault, users, "bob")
    group = root.secrets.identity.create_or_update_group(vault.new_name("g"), member_entity_ids=[entity])["data"]["id"]
    root.sys.seal()
    vault.unseal()
    assert login(vault, users, "bob")[1] == entity
    assert root.secrets.identity.read_entity(entity)["data"]["direct_group_ids"] == [group]


def test_bodies_that_mean_nothing_are_refused(vault):
    for path, body, message in [
        ("identity/lookup/entity", {}, "query parameter not supplied"),
        ("identity/lookup/entity", {"id": "x", "name": "y"}, "query parameter conflict"),
        ("identity/lookup/group", {"alias_name": "x"}, "both 'alias_name' and 'alias_mount_accessor' needs to be set"),
        ("identity/entity", {"id": "nobody"}, "entity not found from id"),
        ("identity/entity", {"metadata": {"k": "v" * 513}}, "invalid metadata"),
        ("identity/entity-alias", {"name": "x"}, "'id' or 'mount_accessor' and 'name' must be provided"),
        ("identity/entity/merge", {}, "missing entity id to merge to"),
    ]:
        answer = vault.request("POST", path, body)
        assert answer.status_code == 400 and message in answer.json()["errors"][0], (path, answer.text)
    assert vault.request("GET", "identity/nothing").status_code == 404
    assert vault.request("GET", "identity/entity/id/../../x").status_code in (400, 404)
    assert vault.request("LIST", "identity/lookup/entity").status_code == 405
