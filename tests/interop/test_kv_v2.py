"""KV version 2 with hvac: versions, check-and-set, deletion in three ways, metadata."""

import datetime

import hvac.exceptions
import pytest

import processes

JSON_MERGE = {"Content-Type": "application/merge-patch+json"}


def write(root, mount, path, secret, cas=None):
    answer = root.secrets.kv.v2.create_or_update_secret(path, secret, cas=cas, mount_point=mount)
    return answer["data"]["version"]


def read(root, mount, path, version=None):
    return root.secrets.kv.v2.read_secret_version(path, version, mount_point=mount, raise_on_deleted_version=True)["data"]


def test_each_write_is_a_version(root, kv2):
    before = datetime.datetime.now(datetime.UTC)
    secret = {"text": "ä€𝄞", "number": 1.5, "big": 12345678901234567890, "list": [1, None, True], "map": {"k": {}}}
    assert [write(root, kv2, "a/b", {"n": n}) for n in range(3)] == [1, 2, 3]
    assert write(root, kv2, "a/b", secret) == 4
    assert read(root, kv2, "a/b")["data"] == secret
    assert read(root, kv2, "a/b", 2)["data"] == {"n": 1}
    metadata = read(root, kv2, "a/b", 4)["metadata"]
    created = datetime.datetime.fromisoformat(metadata.pop("created_time")[:26].rstrip("Z") + "+00:00")
    assert abs((created - before).total_seconds()) < 60
    assert metadata == {"custom_metadata": None, "deletion_time": "", "destroyed": False, "version": 4}
    with pytest.raises(hvac.exceptions.InvalidPath):
        read(root, kv2, "a/b", 5)
    with pytest.raises(hvac.exceptions.InvalidPath):
        read(root, kv2, "a")


def test_check_and_set(root, kv2):
    with pytest.raises(hvac.exceptions.InvalidRequest, match="did not match the current version"):
        write(root, kv2, "x", {"n": 1}, cas=1)
    assert write(root, kv2, "x", {"n": 1}, cas=0) == 1
    with pytest.raises(hvac.exceptions.InvalidRequest, match="did not match the current version"):
        write(root, kv2, "x", {"n": 2}, cas=0)
    assert write(root, kv2, "x", {"n": 2}, cas=1) == 2
    root.secrets.kv.v2.update_metadata("x", cas_required=True, mount_point=kv2)
    with pytest.raises(hvac.exceptions.InvalidRequest, match="check-and-set parameter required"):
        write(root, kv2, "x", {"n": 3})
    assert write(root, kv2, "x", {"n": 3}, cas=2) == 3
    root.secrets.kv.v2.configure(cas_required=True, mount_point=kv2)
    with pytest.raises(hvac.exceptions.InvalidRequest, match="check-and-set parameter required"):
        write(root, kv2, "other", {"n": 1})
    assert read(root, kv2, "x")["data"] == {"n": 3}


def test_lists_show_folders_and_secrets(root, kv2):
    for path in ["a/b/c", "a/b", "top", "z/1", "z/2"]:
        write(root, kv2, path, {"p": path})
    keys = lambda path: root.secrets.kv.v2.list_secrets(path, mount_point=kv2)["data"]["keys"]
    assert keys("") == ["a/", "top", "z/"]
    assert keys("a") == ["b", "b/"]
    assert keys("z/") == ["1", "2"]
    for nothing in ["top", "none", "z/1"]:
        with pytest.raises(hvac.exceptions.InvalidPath):
            keys(nothing)


def test_a_list_of_many_is_whole(root, kv2):
    names = sorted(f"secret-{number:03}" for number in range(150))
    for name in reversed(names):
        write(root, kv2, f"many/{name}", {"n": name})
    assert root.secrets.kv.v2.list_secrets("many", mount_point=kv2)["data"]["keys"] == names


def test_a_patch_changes_what_it_names(vault, root, kv2):
    write(root, kv2, "p", {"a": "1", "b": {"c": "2", "d": "3"}})
    root.secrets.kv.v2.patch("p", {"e": "4"}, mount_point=kv2)
    assert read(root, kv2, "p")["data"] == {"a": "1", "b": {"c": "2", "d": "3"}, "e": "4"}
    body = {"data": {"a": None, "b": {"c": "9"}}, "options": {"cas": 2}}
    answer = vault.request("PATCH", f"{kv2}/data/p", body, headers=JSON_MERGE)
    assert answer.status_code == 200 and answer.json()["data"]["version"] == 3
    assert read(root, kv2, "p")["data"] == {"b": {"c": "9", "d": "3"}, "e": "4"}
    assert vault.request("PATCH", f"{kv2}/data/p", body, headers=JSON_MERGE).status_code == 400
    assert vault.request("PATCH", f"{kv2}/data/p", body).status_code == 415
    assert vault.request("PATCH", f"{kv2}/data/none", {"data": {}}, headers=JSON_MERGE).status_code == 404
    with pytest.raises(hvac.exceptions.InvalidPath):
        root.secrets.kv.v2.patch("none", {"e": "4"}, mount_point=kv2)
    assert read(root, kv2, "p")["metadata"]["version"] == 3


def test_what_is_deleted_comes_back(vault, root, kv2):
    kv = root.secrets.kv.v2
    for number in range(1, 4):
        write(root, kv2, "d", {"n": number})
    kv.delete_latest_version_of_secret("d", mount_point=kv2)
    kv.delete_secret_versions("d", [1], mount_point=kv2)
    for gone in [None, 3, 1]:
        with pytest.raises(hvac.exceptions.InvalidPath):
            read(root, kv2, "d", gone)
    answer = vault.request("GET", f"{kv2}/data/d")
    assert answer.status_code == 404
    assert answer.json()["data"]["data"] is None and answer.json()["data"]["metadata"]["deletion_time"]
    # hvac too looks into such an answer.
    looked = kv.read_secret_version("d", mount_point=kv2, raise_on_deleted_version=False)["data"]
    assert looked["data"] is None and looked["metadata"]["destroyed"] is False
    assert read(root, kv2, "d", 2)["data"] == {"n": 2}
    kv.undelete_secret_versions("d", [1, 3], mount_point=kv2)
    assert [read(root, kv2, "d", n)["data"]["n"] for n in (1, 2, 3)] == [1, 2, 3]


def test_what_is_destroyed_does_not(root, kv2):
    kv = root.secrets.kv.v2
    for number in range(1, 4):
        write(root, kv2, "d", {"n": number})
    kv.destroy_secret_versions("d", [2, 3], mount_point=kv2)
    kv.undelete_secret_versions("d", [2, 3], mount_point=kv2)
    for gone in [None, 2, 3]:
        with pytest.raises(hvac.exceptions.InvalidPath):
            read(root, kv2, "d", gone)
    assert read(root, kv2, "d", 1)["data"] == {"n": 1}
    versions = kv.read_secret_metadata("d", mount_point=kv2)["data"]["versions"]
    assert [versions[n]["destroyed"] for n in "123"] == [False, True, True]
    kv.delete_metadata_and_all_versions("d", mount_point=kv2)
    for path in ["data/d?version=1", "metadata/d"]:
        assert root.read(f"{kv2}/{path}") is None
    assert write(root, kv2, "d", {"n": 1}) == 1


def test_metadata_is_read_and_written(vault, root, kv2):
    kv = root.secrets.kv.v2
    write(root, kv2, "m", {"n": 1})
    kv.update_metadata(
        "m", max_versions=4, cas_required=True, delete_version_after="3h25m19s",
        custom_metadata={"owner": "ops", "tier": "ä"}, mount_point=kv2,
    )
    data = kv.read_secret_metadata("m", mount_point=kv2)["data"]
    assert data["custom_metadata"] == {"owner": "ops", "tier": "ä"}
    assert (data["max_versions"], data["cas_required"], data["delete_version_after"]) == (4, True, "3h25m19s")
    assert (data["current_version"], data["oldest_version"], set(data["versions"])) == (1, 0, {"1"})
    assert data["created_time"] <= data["updated_time"]
    assert read(root, kv2, "m")["metadata"]["custom_metadata"] == {"owner": "ops", "tier": "ä"}
    patch = {"custom_metadata": {"owner": None, "new": "x"}, "max_versions": 5}
    assert vault.request("PATCH", f"{kv2}/metadata/m", patch, headers=JSON_MERGE).status_code == 204
    data = kv.read_secret_metadata("m", mount_point=kv2)["data"]
    assert (data["custom_metadata"], data["max_versions"]) == ({"tier": "ä", "new": "x"}, 5)
    kv.update_metadata("before", custom_metadata={"a": "b"}, mount_point=kv2)
    assert kv.read_secret_metadata("before", mount_point=kv2)["data"]["current_version"] == 0
    too_much = [
        {f"k{number}": "v" for number in range(65)}, {"k" * 129: "v"}, {"k": "v" * 513}, {"k": "\x07"}, {"k": ["v"]},
    ]
    for custom in too_much:
        answer = vault.request("POST", f"{kv2}/metadata/m", {"custom_metadata": custom})
        assert answer.status_code == 400, custom
    assert kv.read_secret_metadata("m", mount_point=kv2)["data"] == data


def test_only_so_many_versions_are_kept(root, kv2):
    kv = root.secrets.kv.v2
    kv.configure(max_versions=3, mount_point=kv2)
    assert kv.read_configuration(mount_point=kv2)["data"] == {
        "max_versions": 3, "cas_required": False, "delete_version_after": "0s",
    }
    for number in range(1, 6):
        write(root, kv2, "mount", {"n": number})
    data = kv.read_secret_metadata("mount", mount_point=kv2)["data"]
    assert (set(data["versions"]), data["oldest_version"]) == ({"3", "4", "5"}, 3)
    for gone in (1, 2):
        with pytest.raises(hvac.exceptions.InvalidPath):
            read(root, kv2, "mount", gone)
    # Of the mount's number and the secret's own, the larger counts.
    for name, own, kept in [("fewer", 2, {"10", "11", "12"}), ("more", 5, {"8", "9", "10", "11", "12"})]:
        kv.update_metadata(name, max_versions=own, mount_point=kv2)
        for number in range(1, 13):
            write(root, kv2, name, {"n": number})
        assert set(kv.read_secret_metadata(name, mount_point=kv2)["data"]["versions"]) == kept


def test_ten_versions_are_kept_by_default(root, kv2):
    for number in range(1, 13):
        write(root, kv2, "ten", {"n": number})
    versions = root.secrets.kv.v2.read_secret_metadata("ten", mount_point=kv2)["data"]["versions"]
    assert set(versions) == {str(number) for number in range(3, 13)}


def test_versions_end_by_themselves(root, kv2):
    root.secrets.kv.v2.configure(delete_version_after="1s", mount_point=kv2)
    write(root, kv2, "brief", {"n": 1})

    def is_gone():
        try:
            assert read(root, kv2, "brief")["data"] == {"n": 1}
            return False
        except hvac.exceptions.InvalidPath:
            return True

    processes.eventually(is_gone, what="the end of the version")
    versions = root.secrets.kv.v2.read_secret_metadata("brief", mount_point=kv2)["data"]["versions"]
    assert versions["1"]["deletion_time"] and not versions["1"]["destroyed"]


def test_subkeys_show_no_values(vault, root, kv2):
    write(root, kv2, "s", {"a": "secret", "b": {"c": {"d": "secret"}}})
    answer = vault.request("GET", f"{kv2}/subkeys/s")
    assert answer.json()["data"]["subkeys"] == {"a": None, "b": {"c": {"d": None}}}
    assert vault.request("GET", f"{kv2}/subkeys/s?depth=1").json()["data"]["subkeys"] == {"a": None, "b": None}
    assert "secret" not in answer.text


def test_what_is_malformed_changes_nothing(vault, root, kv2):
    write(root, kv2, "same", {"n": 1})
    before = root.secrets.kv.v2.read_secret_metadata("same", mount_point=kv2)["data"]
    bodies = [
        {}, {"data": "text"}, {"data": ["list"]}, {"n": 1}, {"data": {"n": 2}, "options": {"cas": "x"}},
        {"data": {"n": 2}, "options": "none"}, {"data": {"n": 2}, "options": {"cas": -1}},
    ]
    for body in bodies:
        answer = vault.request("POST", f"{kv2}/data/same", body)
        assert answer.status_code == 400 and answer.json()["errors"], body
    for path in ["delete", "undelete", "destroy"]:
        for versions in [{}, {"versions": ["x"]}]:
            assert vault.request("POST", f"{kv2}/{path}/same", versions).status_code == 400, (path, versions)
    assert vault.request("GET", f"{kv2}/data/same?version=x").status_code == 400
    assert vault.request("GET", f"{kv2}/same").status_code == 404
    assert root.secrets.kv.v2.read_secret_metadata("same", mount_point=kv2)["data"] == before
