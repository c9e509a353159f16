"""Invitations out of band and what follows them, with ACA-Py of three generations, in both roles."""

import base64
import json

import pytest

from conftest import VERSIONS
from parties import ours

CONNECTIONS, DIDX_1_0, DIDX_1_1 = "connections/1.0", "didexchange/1.0", "didexchange/1.1"
# By which both can connect.
PROTOCOLS = {"0.7.3": [CONNECTIONS, DIDX_1_0], "1.0.1": [CONNECTIONS, DIDX_1_0, DIDX_1_1], "1.7.0": [DIDX_1_0, DIDX_1_1]}
CASES = [(version, protocol) for version in VERSIONS for protocol in PROTOCOLS[version]]
MESSAGES = 3


def invite(inviter, protocols, body=None, **query):
    asked = {"handshake_protocols": [f"https://didcomm.org/{name}" for name in protocols], **(body or {})}
    return inviter.post("/out-of-band/create-invitation", asked, **query)["invitation"]


def take(invitee, invitation, **query):
    """The answer, and the id of the connection that is in it."""
    taken = invitee.post("/out-of-band/receive-invitation", invitation, **query)
    return taken, taken["connection_id"]


def completed(party, condition):
    """The id of the connection that stands."""
    is_it = lambda body: body.get("rfc23_state") == "completed" and condition(body)
    return party.told("connections", is_it)[-1]["connection_id"]


def connect(inviter, invitee, protocols, body=None):
    invitation = invite(inviter, protocols, body)
    _, at_invitee = take(invitee, invitation)
    completed(invitee, lambda body: body["connection_id"] == at_invitee)
    return completed(inviter, lambda body: body.get("invitation_msg_id") == invitation["@id"]), at_invitee


def short(did):
    """A did:peer:4 without its document: ACA-Py notes its own now with it, now without."""
    return ":".join(did.split(":")[:3]) if did.startswith("did:peer:4") else did


def speak(sides):
    for (sender, at_sender), (receiver, at_receiver) in (sides, sides[::-1]):
        sent = {f"{at_sender} {number}" for number in range(MESSAGES)}
        for content in sent:
            sender.post(f"/connections/{at_sender}/send-message", {"content": content})
        heard = receiver.told("basicmessages", lambda body: body["connection_id"] == at_receiver, MESSAGES)
        assert {body["content"] for body in heard} >= sent


@pytest.mark.parametrize("role", ["ours-invites", "aca-py-invites"])
@pytest.mark.parametrize("version, protocol", CASES)
def test_all_that_both_speak(our_agent, aca_pys, version, protocol, role):
    theirs = aca_pys(version)
    inviter, invitee = (our_agent, theirs) if role == "ours-invites" else (theirs, our_agent)
    at_inviter, at_invitee = connect(inviter, invitee, [protocol])
    sides = ((inviter, at_inviter), (invitee, at_invitee))
    one, other = (party.get(f"/connections/{at}") for party, at in sides)
    assert (short(one["my_did"]), short(one["their_did"])) == (short(other["their_did"]), short(other["my_did"]))
    shown = our_agent.get(f"/connections/{at_inviter if inviter is our_agent else at_invitee}")
    assert (shown["connection_protocol"], shown["their_label"]) == (protocol, theirs.name)
    speak(sides)


@pytest.mark.parametrize("protocol", [CONNECTIONS, DIDX_1_0])
def test_one_for_many_serves_every_generation(our_agent, aca_pys, protocol):
    invitation = invite(our_agent, [protocol], {"metadata": {"of": "all"}}, multi_use="true")
    guests = [aca_pys(version) for version in VERSIONS if protocol in PROTOCOLS[version]]
    for guest in guests:
        _, at_guest = take(guest, invitation)
        completed(guest, lambda body: body["connection_id"] == at_guest)
        is_guests = lambda body: body.get("invitation_msg_id") == invitation["@id"] and body.get("their_label") == guest.name
        mine = completed(our_agent, is_guests)
        assert our_agent.get(f"/connections/{mine}/metadata")["results"]["of"] == "all"
        speak(((our_agent, mine), (guest, at_guest)))


@pytest.mark.parametrize("role", ["ours-invites", "aca-py-invites"])
@pytest.mark.parametrize("version", ["1.0.1", "1.7.0"])
@pytest.mark.parametrize("method", ["did:peer:2", "did:peer:4"])
def test_a_connection_is_used_again(our_agent, aca_pys, version, method, role):
    theirs = aca_pys(version)
    inviter, invitee = (our_agent, theirs) if role == "ours-invites" else (theirs, our_agent)
    # A DID for this partner alone: others that were invited by it are known by other connections.
    first = invite(inviter, [DIDX_1_1], {"use_did_method": method}, create_unique_did="true")
    _, at_invitee = take(invitee, first)
    completed(invitee, lambda body: body["connection_id"] == at_invitee)
    at_inviter = completed(inviter, lambda body: body.get("invitation_msg_id") == first["@id"])
    second = invite(inviter, [DIDX_1_1], {"use_did": first["services"][0]})
    assert second["services"] == first["services"]
    headers = {"acapy-version": "1"}
    status, again = invitee.call("POST", "/out-of-band/receive-invitation", second, headers=headers)
    assert (status, again["state"], again["connection_id"]) == (200, "reuse-accepted", at_invitee), again
    inviter.told("connection_reuse", lambda body: body["connection_id"] == at_inviter)
    speak(((inviter, at_inviter), (invitee, at_invitee)))


@pytest.mark.parametrize("version", ["1.0.1", "1.7.0"])
def test_a_request_that_is_refused(our_agent, aca_pys, version):
    # The other way round nothing can be told: ACA-Py sends no refusal of a request.
    invitee = aca_pys(version)
    invitation = invite(our_agent, [DIDX_1_0], auto_accept="false")
    _, at_invitee = take(invitee, invitation)
    waiting = lambda body: body.get("invitation_msg_id") == invitation["@id"] and body["rfc23_state"] == "request-received"
    at_inviter = our_agent.told("connections", waiting)[-1]["connection_id"]
    refused = our_agent.post(f"/didexchange/{at_inviter}/reject", {"reason": "not you"})
    assert (refused["rfc23_state"], refused["error_msg"]) == ("abandoned", "not you")
    abandoned = lambda body: body["connection_id"] == at_invitee and body.get("rfc23_state") == "abandoned"
    assert "not you" in invitee.told("connections", abandoned)[-1]["error_msg"]


def test_every_step_waits_for_the_controller_if_it_says_so(our_agent, any_aca_py):
    for inviter, invitee in ((our_agent, any_aca_py), (any_aca_py, our_agent)):
        invitation = invite(inviter, [DIDX_1_0], auto_accept="false")
        _, at_invitee = take(invitee, invitation, auto_accept="false", alias="slow")
        assert invitee.get(f"/connections/{at_invitee}")["rfc23_state"] == "invitation-received"
        asked = invitee.post(f"/didexchange/{at_invitee}/accept-invitation", my_label="slow guest")
        assert (asked["rfc23_state"], asked["alias"]) == ("request-sent", "slow")
        is_request = lambda body: body.get("invitation_msg_id") == invitation["@id"] and body.get("rfc23_state") == "request-received"
        request = inviter.told("connections", is_request)[-1]
        assert request["their_label"] == "slow guest"
        inviter.post(f"/didexchange/{request['connection_id']}/accept-request")
        for party, at in ((inviter, request["connection_id"]), (invitee, at_invitee)):
            completed(party, lambda body: body["connection_id"] == at)


def test_features_are_asked_and_told(our_agent, any_aca_py):
    mine, theirs = connect(our_agent, any_aca_py, [DIDX_1_0])
    spoken = "https://didcomm.org/basicmessage/1.0"
    for party, at in ((our_agent, mine), (any_aca_py, theirs)):
        one = party.get("/discover-features/query", connection_id=at, query="https://didcomm.org/*")
        assert spoken in [told["pid"] for told in one["disclose"]["protocols"]]
        two = party.get("/discover-features-2.0/queries", connection_id=at, query_protocol=spoken)
        assert ("protocol", spoken) in [(told["feature-type"], told["id"]) for told in two["disclosures"]["disclosures"]]
        for path in ("/discover-features/records", "/discover-features-2.0/records"):
            kept = party.get(path, connection_id=at)["results"]
            assert [record["connection_id"] for record in kept] == [at]


@pytest.mark.parametrize("method", ["did:peer:2", "did:peer:4"])
def test_a_public_did_invites_and_is_asked(backends, webhooks, aca_pys, tmp_path, method):
    guest = aca_pys("1.7.0")
    options = ["--wallet-type", "in_memory", "--public-invites", "--requests-through-public-did"]
    agent = ours(tmp_path, webhooks, options, name="public").start()
    try:
        did = agent.post("/wallet/did/create", {"method": method})["result"]["did"]
        assert agent.post("/wallet/did/public", did=did)["result"]["posture"] == "public"
        ids = connect(agent, guest, [DIDX_1_1], {"use_public_did": True})
        speak(((agent, ids[0]), (guest, ids[1])))
        # Without an invitation.
        at_guest = guest.post("/didexchange/create-request", their_public_did=did, protocol=DIDX_1_1)["connection_id"]
        completed(guest, lambda body: body["connection_id"] == at_guest)
        mine = completed(agent, lambda body: body["connection_id"] != ids[0])
        speak(((agent, mine), (guest, at_guest)))
        invitation = agent.post("/connections/create-invitation", public="true")
        assert (invitation["connection_id"], invitation["invitation"]["did"]) == (None, did)
    finally:
        agent.stop()


def test_an_invitation_is_printed_at_the_start(backends, webhooks, tmp_path):
    log_file = tmp_path / "agent.txt"
    options = ["--wallet-type", "in_memory", "--log-file", log_file]
    options += ["--invite", "--invite-multi-use", "--invite-label", "Hello", "--connections-invite"]
    agent = ours(tmp_path, webhooks, options, name="greeter").start()
    try:
        # The log is in its file, and nothing but links is printed.
        lines = agent.log.read_text().splitlines()
        assert len(lines) == 4 and "the agent answers" in log_file.read_text()
        urls = [lines[lines.index(title) + 1] for title in ("Invitation URL:", "Invitation URL (Connections protocol):")]
        for url, member in zip(urls, ("oob", "c_i")):
            endpoint, encoded = url.split(f"?{member}=")
            invitation = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
            assert (endpoint, invitation["label"]) == (agent.endpoint, "Hello")
        assert [made["invitation_mode"] for made in agent.get("/connections")["results"]] == ["multi", "multi"]
    finally:
        agent.stop()
