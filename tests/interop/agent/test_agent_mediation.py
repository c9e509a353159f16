"""Mediation: ours for ACA-Py, ACA-Py's for us, and a client that nobody can reach but over a socket that it opens."""

import pytest

import processes
from backends import free_port
from bare import Peer
from parties import WALLET, aca_py, connect, ours
from sockets import Socket

VERSIONS = ["0.7.3", "1.7.0"]
ALL = {"~transport": {"return_route": "all"}}


@pytest.fixture(scope="module")
def our_mediator(webhooks, tmp_path_factory):
    port = free_port()
    options = [*WALLET, "--inbound-transport", "ws", "127.0.0.1", port, "--open-mediation", "--monitor-forward"]
    agent = ours(tmp_path_factory.mktemp("mediator"), webhooks, options, name="mediator").start()
    agent.socket_port = port
    yield agent
    assert agent.stop() == 0, agent.log.read_text()


def speaks_connections(*agents):
    return not any("1.7.0" in agent.name for agent in agents)


def meet(inviter, invitee, **query):
    """A connection by a protocol that both speak: its id at the one and at the other."""
    if speaks_connections(inviter, invitee):
        made = inviter.post("/connections/create-invitation", {})
        taken = invitee.post("/connections/receive-invitation", made["invitation"], **query)
        ids = made["connection_id"], taken["connection_id"]
    else:
        handshakes = {"handshake_protocols": ["https://didcomm.org/didexchange/1.0"]}
        made = inviter.post("/out-of-band/create-invitation", handshakes)
        taken = invitee.post("/out-of-band/receive-invitation", made["invitation"], **query)
        is_it = lambda body: body.get("invitation_msg_id") == made["invi_msg_id"] and body["rfc23_state"] == "completed"
        ids = inviter.told("connections", is_it)[0]["connection_id"], taken["connection_id"]
    done = lambda which: lambda body: body["connection_id"] == which and body["rfc23_state"] == "completed"
    for agent, which in zip((inviter, invitee), ids):
        agent.told("connections", done(which))
    return ids


def say_both_ways(one, at_one, other, at_other):
    for sender, at_sender, receiver, at_receiver in ((one, at_one, other, at_other), (other, at_other, one, at_one)):
        for number in range(3):
            sender.post(f"/connections/{at_sender}/send-message", {"content": f"{at_sender} {number}"})
        heard = receiver.told("basicmessages", lambda body: body["connection_id"] == at_receiver, 3)
        assert sorted(body["content"] for body in heard) == [f"{at_sender} {number}" for number in range(3)]


@pytest.mark.parametrize("version", VERSIONS)
def test_an_aca_py_is_reached_through_us(our_mediator, our_agent, webhooks, tmp_path, version):
    client = aca_py(version, tmp_path, webhooks).start()
    try:
        at_mediator, at_client = meet(our_mediator, client)
        status, asked = client.call("POST", f"/mediation/request/{at_client}", {})
        assert status == 201, asked
        mediation = asked["mediation_id"]
        is_granted = lambda: client.get(f"/mediation/requests/{mediation}")["state"] == "granted"
        processes.eventually(is_granted, what="mediation is granted")
        (granted,) = our_mediator.get("/mediation/requests", conn_id=at_mediator)["results"]
        assert (granted["state"], granted["role"]) == ("granted", "server")

        # As the one who invites, 0.7.3 forgets its mediator when it answers by itself.
        theirs, mine = meet(our_agent, client, mediation_id=mediation)
        assert our_agent.get(f"/connections/{theirs}/endpoints")["their_endpoint"] == our_mediator.endpoint
        say_both_ways(client, mine, our_agent, theirs)
        forwarded = our_mediator.told("forward", lambda body: body["connection_id"] == at_mediator, 3)
        assert {body["status"] for body in forwarded} == {"queued_for_delivery"}
        routed = our_mediator.get("/mediation/keylists", conn_id=at_mediator, role="server")["results"]
        assert {route["recipient_key"] for route in routed} >= {forwarded[-1]["recipient_key"]}
    finally:
        client.stop()


@pytest.mark.parametrize("version", VERSIONS)
def test_we_are_reached_through_an_aca_py(our_agent, webhooks, tmp_path, version):
    mediator = aca_py(version, tmp_path, webhooks, ["--open-mediation", "--monitor-forward"]).start()
    try:
        if speaks_connections(mediator):
            invited = mediator.post("/connections/create-invitation", {})
        else:
            invited = mediator.post("/out-of-band/create-invitation", {"handshake_protocols": ["didexchange/1.0"]})
        options = [*WALLET, "--mediator-invitation", invited["invitation_url"]]
        client = ours(tmp_path, webhooks, options, name="client").start()
        try:
            granted = client.told("mediation", lambda body: body["state"] == "granted")[0]
            assert granted["endpoint"] == mediator.endpoint
            assert client.get("/mediation/default-mediator")["mediation_id"] == granted["mediation_id"]
            mine, theirs = connect(client, our_agent)
            shown = our_agent.get(f"/connections/{theirs}/endpoints")
            assert shown["their_endpoint"] == mediator.endpoint
            say_both_ways(client, mine, our_agent, theirs)
            mediator.told("forward", lambda _: True, 3)
            # The key of the invitation was taken back, that of the connection is there.
            client.told("keylist", lambda body: body["updated"][-1]["action"] == "remove")
            assert len(client.get("/mediation/keylists", role="client")["results"]) == 1
        finally:
            assert client.stop() == 0
    finally:
        mediator.stop()


def test_what_waited_comes_over_the_socket_that_its_client_opens(our_mediator, envelopes, guides_aca_py):
    client = Peer(envelopes, listens=False)
    socket = Socket("127.0.0.1", our_mediator.socket_port)
    socket.each(client.take)
    send = lambda envelope: socket.send(envelope.encode())
    connection = client.connect(our_mediator, send=send, **ALL)
    answer = lambda message: client.heard(lambda came: came.get("~thread", {}).get("thid") == message["@id"])[0]
    # Who speaks as the oldest agents do is told keys as they read them.
    old = "did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/coordinate-mediation/1.0/mediate-request"
    ask = client.message("") | {"@type": old} | ALL
    send(client.pack(ask))
    grant = answer(ask)
    assert grant["endpoint"] == our_mediator.endpoint and not grant["routing_keys"][0].startswith("did:")
    key = envelopes.do("make")["verkey"]
    rule = {"recipient_key": key, "action": "add"}
    update = client.message("coordinate-mediation/1.0/keylist-update", updates=[rule]) | ALL
    send(client.pack(update))
    assert answer(update)["updated"] == [rule | {"result": "success"}]

    # The client goes; ACA-Py wraps three messages for it.
    socket.close()
    (routed,) = our_mediator.get("/mediation/requests", conn_id=connection)["results"]
    invitation = {
        "@type": "https://didcomm.org/connections/1.0/invitation", "label": "bare", "recipientKeys": [key],
        "serviceEndpoint": our_mediator.endpoint, "routingKeys": grant["routing_keys"],
    }  # fmt: skip
    assert routed["routing_keys"] == grant["routing_keys"]
    for _ in range(3):
        guides_aca_py.post("/connections/receive-invitation", invitation)
    waits = lambda body: body["connection_id"] == connection and body["status"] == "waiting_for_pickup"
    our_mediator.told("forward", waits, 3)
    is_request = lambda message: message["@type"].endswith("connections/1.0/request")
    assert not [message for message in client.inbox if is_request(message)]
    socket = Socket("127.0.0.1", our_mediator.socket_port)
    socket.each(client.take)
    send(client.pack(client.message("trust_ping/1.0/ping", response_requested=False) | ALL))
    assert len({message["@id"] for message in client.heard(is_request, 3)}) == 3
    socket.close()
