"""Users and tokens, through the administrator's tools and seen by the API."""

import json
import re
import stat
import time

import pytest

import processes
from controller_server import ControllerServer

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def authority(controller, token):
    answer = controller.call("GET", "/accounts/authority", token)
    return answer.json() if answer.status_code == 200 else answer.status_code


def users(controller):
    return {user["user_name"]: user["user_role"] for user in json.loads(controller.vcc("user", "list", "--json"))}


def test_users_by_the_new_names(controller):
    assert users(controller)["nobody"] == "regular"
    controller.vcc("user", "add", "yamada", "regular")
    controller.vcc("user", "modify", "yamada", "super")
    assert "user_role: super" in controller.vcc("user", "check", "yamada").splitlines()
    listed = controller.vcc("user", "list").splitlines()
    assert listed[0].split() == ["user_name", "user_role", "created_at"]
    assert ["yamada", "super"] in [line.split()[:2] for line in listed]
    controller.vcc("user", "delete", "yamada")
    assert "yamada" not in users(controller)


def test_users_by_the_old_names(controller):
    assert controller.run("vcc_user_cli.py", "add", "tanaka", "regular")[0] == 0
    assert controller.run("vcc_user_cli.py", "modify", "tanaka", "super")[0] == 0
    code, out, _ = controller.run("vcc_user_cli.py", "list")
    assert code == 0 and re.search(r"^tanaka +super", out, re.MULTILINE)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["add", "nobody", "regular"], "already exists"),
        (["add", "suzuki", "admin"], "user_role"),
        (["add", "../suzuki", "regular"], "user_name"),
        (["add", "a;id", "regular"], "user_name"),
        (["modify", "suzuki", "super"], "does not exist"),
        (["check", "suzuki"], "does not exist"),
        (["delete", "suzuki"], "does not exist"),
        (["delete", "-f", "suzuki"], "does not exist"),
    ],
)
def test_what_is_wrong_with_a_user_is_said_and_changes_nothing(controller, words, complaint):
    before = users(controller)
    code, out, error = controller.run("vcc", "user", *words)
    assert (code, out) == (1, "") and complaint in error
    assert users(controller) == before


def test_wrong_use_is_exit_code_2(controller):
    for words in (["user"], ["user", "add", "x"], ["token", "revoke"], ["node-state", "set", "v", "u", "n", "GONE"]):
        assert controller.run("vcc", *words)[0] == 2, words
    assert controller.run("vcc", "token", "revoke", "-t", "a", "-a", "b")[0] == 2


def test_tokens_in_both_forms_are_of_the_same_worth(controller):
    code, old, _ = controller.run("create_token.sh")
    assert code == 0 and UUID.fullmatch(old.strip()), old
    new = controller.token()
    assert "\n" not in new and "." in new
    nobody = {"role": "fullaccess", "user_name": "nobody", "user_role": "regular"}
    assert authority(controller, old.strip()) == authority(controller, new) == nobody
    controller.vcc("user", "add", "sato", "super")
    code, out, _ = controller.run("create_token.sh", "sato")
    assert authority(controller, out.strip()) == {"role": "fullaccess", "user_name": "sato", "user_role": "super"}
    assert controller.run("create_token.sh", "who")[0] == 1


def test_a_readonly_token_says_so_and_changes_nothing(controller):
    token = controller.token("nobody", "--readonly")
    assert authority(controller, token)["role"] == "readonly"
    assert controller.call("POST", "/vcs", token, {"cci": "LSB2Yzo="}).status_code == 403
    assert controller.call("GET", "/vcs", token).status_code == 200


def test_tokens_are_listed_checked_and_revoked(controller):
    first, second = controller.user("kato"), controller.token("kato", "--readonly")
    # They are in the order of their making, which is known to the second.
    listed = sorted(json.loads(controller.vcc("token", "list", "kato", "--json")), key=lambda token: token["role"])
    assert [token["role"] for token in listed] == ["fullaccess", "readonly"]
    assert all(token["user_name"] == "kato" and token["user_role"] == "regular" for token in listed)
    everything = controller.vcc("token", "list")
    assert all(token["accessor"] in everything for token in listed)
    assert first not in everything and second not in everything
    checked = json.loads(controller.vcc("token", "check", "-", "--json", stdin=first + "\n"))
    assert checked == listed[0]
    assert checked["expires_at"][:4] == str(int(checked["created_at"][:4]) + 10) or checked["expires_at"] > checked["created_at"]
    assert authority(controller, first)["user_name"] == authority(controller, second)["user_name"] == "kato"

    controller.vcc("token", "revoke", "-t", first)
    controller.vcc("token", "revoke", "-a", listed[1]["accessor"])
    assert authority(controller, first) == authority(controller, second) == 403
    assert json.loads(controller.vcc("token", "list", "kato", "--json")) == []
    for words in (["check", first], ["revoke", "-t", first], ["revoke", "-a", listed[1]["accessor"]]):
        code, out, error = controller.run("vcc", "token", *words)
        assert (code, out) == (1, "") and "no such token" in error


def test_a_token_that_the_vault_revoked_is_refused_within_seconds(controller):
    token = controller.user("ito")
    assert authority(controller, token)["user_name"] == "ito"
    keys = json.loads((controller.data / "vault-keys.json").read_text())
    revoked = controller.secret("POST", "auth/token/revoke", keys["root_token"], {"token": token})
    assert revoked.status_code == 204
    begun = time.monotonic()
    processes.eventually(lambda: authority(controller, token) == 403, 5, "the refusal")
    assert time.monotonic() - begun < 3


def test_a_users_role_and_end_hold_at_once(controller):
    token = controller.user("mori")
    assert controller.call("GET", "/vcs", token, privileged=True).status_code == 403
    controller.vcc("user", "modify", "mori", "super")
    assert authority(controller, token)["user_role"] == "super"
    assert controller.call("GET", "/vcs", token, privileged=True).status_code == 200
    controller.vcc("user", "delete", "mori")
    assert authority(controller, token) == 403
    assert [one["user_role"] for one in json.loads(controller.vcc("token", "list", "mori", "--json"))] == [None]


def test_tokens_that_the_controller_did_not_make_are_none(controller):
    root = json.loads((controller.data / "vault-keys.json").read_text())["root_token"]
    forged = {"policies": ["vcc"], "meta": {"vcc_user": "nobody", "vcc_api_role": "fullaccess"}}
    made = controller.secret("POST", "auth/token/create", root, forged).json()["auth"]["client_token"]
    for token in (root, made, "", "x", "hvs.nonsense", "00000000-0000-0000-0000-000000000000"):
        answer = controller.call("GET", "/accounts/authority", token)
        assert answer.status_code == 403 and "VCPAuthException" in answer.json()["message"], token
    text = controller.call("GET", "", "x").json()["message"]
    assert re.fullmatch(r".+ UTC: VCPAuthException: \S*:token lookup is failed: permission denied", text), text


def test_who_owns_unit_groups_is_deleted_by_force_only(controller):
    token = controller.user("abe")
    cci = "- vc:\n    cci_version: '1.0'\n    type: compute\n    description: abes\n    name: abes\n"
    import base64

    made = controller.call("POST", "/vcs", token, {"cci": base64.b64encode(cci.encode()).decode()})
    assert made.status_code == 202, made.text
    code, _, error = controller.run("vcc", "user", "delete", "abe")
    assert code == 1 and "abes" in error
    assert authority(controller, token)["user_name"] == "abe"
    controller.vcc("user", "delete", "-f", "abe")
    chief = controller.user("chief", "super")
    assert [vc["name"] for vc in controller.call("GET", "/vcs", chief, privileged=True).json()["vcs"]] == ["abes"]


def test_the_socket_is_the_controllers_users_alone(controller):
    mode = (controller.data / "vcc.sock").stat().st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o600
    assert stat.S_IMODE((controller.data / "vault-keys.json").stat().st_mode) == 0o600


def test_a_controller_that_does_not_run_is_named(tmp_path):
    stopped = ControllerServer(tmp_path)
    code, out, error = stopped.run("vcc", "user", "list")
    assert (code, out) == (1, "") and "does not run" in error and "vcc.sock" in error
