"""Three of our instances on one PostgreSQL wallet behind a balancer: whatever one does, all know."""

import collections
import itertools
import json
import threading

import pytest

import processes
from backends import free_port
from bare import Peer
from cluster import Balancer, in_environment, in_short
from parties import Party, aca_py_program, connect, our_program, postgres_wallet
from sockets import Socket

MESSAGES = 100
CONNECTIONS = 20
ROUNDS = 5


def guides_options(server, balancer, agent, wallet="issuer-wallet-fargate"):
    """The guide's container definition."""
    return [
        "--label", "issuer-fargate", "--inbound-transport", "http", "0.0.0.0", agent.port,
        "--endpoint", f"http://{balancer.address}", "--outbound-transport", "http", "--admin", "0.0.0.0", agent.admin_port,
        "--admin-insecure-mode", "--auto-ping-connection", "--auto-respond-messages", "--auto-accept-invites",
        "--auto-accept-requests", "--preserve-exchange-records", "--wallet-type", "indy", *postgres_wallet(server, wallet),
        "--seed", "0" * 24 + "Endorse1", "--genesis-url", "http://127.0.0.1:9000/genesis", "--log-level", "debug",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def balancer(tmp_path_factory):
    running = Balancer(tmp_path_factory.mktemp("balancer"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def issuers(backends, webhooks, balancer, tmp_path_factory):
    """The guide's issuers, one more of them: started at the same moment on an empty server, their options as they are
    written in the guide, in short, and as variables."""
    folder = tmp_path_factory.mktemp("issuers")
    issuers = []
    for form in (lambda words: (words, {}), in_short, in_environment):
        agent = Party(our_program(folder), "issuer", folder, webhooks, controller="issuers")
        words = guides_options(backends.get("postgresql"), balancer, agent)
        agent.arguments, variables = form([*words, "--webhook-url", webhooks.url("issuers")])
        agent.environment.update(variables)
        issuers.append(agent)
    # One of them takes sockets, too.
    issuers[0].socket_port = free_port()
    issuers[0].arguments += ["--inbound-transport", "ws", "127.0.0.1", issuers[0].socket_port]
    for agent in issuers:
        agent.begin()
    for agent in issuers:
        agent.wait_until_ready()
    balancer.start(issuers)
    yield issuers
    codes = [agent.stop() for agent in issuers]
    logs = "\n".join(agent.log.read_text() for agent in issuers)
    assert codes == [0] * len(issuers), logs
    assert "panicked" not in logs


def test_the_guides_scenario(issuers, balancer, guides_aca_py):
    first, second, third = issuers
    holder = guides_aca_py
    shown = [agent.get("/wallet/did")["results"] for agent in issuers]
    assert len(shown[0]) == 1 and shown.count(shown[0]) == len(shown)

    asked = {"my_label": "Holder", "service_endpoint": holder.endpoint}
    made = holder.post("/connections/create-invitation", asked)
    taken = first.post("/connections/receive-invitation", made["invitation"])["connection_id"]
    first.wait_for_connection(taken)
    listed = second.get("/connections")["results"]
    assert [(one["connection_id"], one["state"], one["rfc23_state"]) for one in listed] == [(taken, "active", "completed")]
    assert (listed[0]["their_label"], listed[0]["routing_state"], listed[0]["invitation_mode"]) == ("Holder", "none", "once")

    hello = "Hi, Holder. I am one of the orchestrated issuers."
    third.post(f"/connections/{taken}/send-message", {"content": hello})
    at_holder = made["connection_id"]
    holder.told("basicmessages", lambda body: body == body | {"connection_id": at_holder, "content": hello})
    answer = {"connection_id": taken, "content": f"{holder.name} received your message"}
    first.told("basicmessages", lambda body: body == body | answer)

    before = balancer.shares()
    sent = [f"Hi, Issuer. Im a holder! (part {number})" for number in range(MESSAGES)]
    for content in sent:
        holder.post(f"/connections/{at_holder}/send-message", {"content": content})
    heard = first.told("basicmessages", lambda body: body["content"].startswith("Hi, Issuer."), MESSAGES)
    assert sorted(body["content"] for body in heard) == sorted(sent)
    parts = [after - before for before, after in zip(before, balancer.shares())]
    assert sum(parts) >= MESSAGES and min(parts) >= MESSAGES // 4, parts
    is_answer = lambda body: body["connection_id"] == at_holder and body["content"] == "issuer-fargate received your message"
    assert len(holder.told("basicmessages", is_answer, MESSAGES)) == MESSAGES


def test_connections_are_made_through_the_balancer(issuers, webhooks, guides_aca_py):
    places = itertools.cycle(issuers)
    for number in range(CONNECTIONS):
        issuer = next(places)
        pair = (issuer, guides_aca_py) if number % 2 else (guides_aca_py, issuer)
        one, other = connect(*pair)
        at_issuer, at_holder = (one, other) if number % 2 else (other, one)
        said = f"over {at_issuer}"
        next(places).post(f"/connections/{at_issuer}/send-message", {"content": said})
        guides_aca_py.told("basicmessages", lambda body: body == body | {"connection_id": at_holder, "content": said})
    # The controller that all of them tell hears every event once, and those of a connection in their order.
    told = collections.Counter(headers["idempotency-key"] for headers in webhooks.headers("issuers"))
    assert set(told.values()) == {1}
    states = {}
    for body in webhooks.of("issuers", "connections"):
        states.setdefault(body["connection_id"], []).append(body["state"])
    assert set(map(tuple, states.values())) == {("invitation", "request", "response", "active")}
    messages = [body["message_id"] for body in webhooks.of("issuers", "basicmessages")]
    assert len(set(messages)) == len(messages)


def test_the_admin_sockets_say_the_events_of_all(issuers):
    heard = [[] for _ in issuers]
    sockets = [Socket("127.0.0.1", agent.admin_port, "/ws") for agent in issuers]
    for socket, into in zip(sockets, heard):
        assert json.loads(socket.receive())["topic"] == "settings"
        socket.each(lambda text, into=into: into.append(json.loads(text)))
    ids = lambda said: [one["payload"]["connection_id"] for one in said if one["topic"] == "connections"]
    make = lambda: [agent.post("/connections/create-invitation")["connection_id"] for agent in issuers]

    def each_hears_all():
        # An instance learns a moment later that somebody listens elsewhere.
        made = make()
        return processes.eventually(lambda: all(set(made) <= set(ids(said)) for said in heard), 1, "hearing all")

    processes.eventually(lambda: _holds(each_hears_all), what="sockets that hear all")
    for _ in range(5):
        each_hears_all()
    for socket, said in zip(sockets, heard):
        assert len(set(ids(said))) == len(ids(said))
        socket.close()


def test_a_session_at_one_gets_what_another_sends(issuers, envelopes):
    first, second, third = issuers
    peer = Peer(envelopes, listens=False)
    route = {"~transport": {"return_route": "all"}}

    def begin():
        socket = Socket("127.0.0.1", first.socket_port)
        socket.each(peer.take)
        return socket, lambda envelope: socket.send(envelope.encode())

    socket, send = begin()
    at_issuer = peer.connect(second, send, **route)
    for number in range(MESSAGES):
        (second, third)[number % 2].post(f"/connections/{at_issuer}/send-message", {"content": f"{number}"})
    assert peer.contents(MESSAGES) == [f"{number}" for number in range(MESSAGES)]
    # What is said while there is no session waits for the next.
    socket.close()
    for number in range(MESSAGES, MESSAGES + 5):
        third.post(f"/connections/{at_issuer}/send-message", {"content": f"{number}"})
    socket, send = begin()
    send(peer.pack(peer.message("trust_ping/1.0/ping", response_requested=False) | route))
    assert peer.contents(MESSAGES + 5) == [f"{number}" for number in range(MESSAGES + 5)]
    socket.close()


def test_of_many_who_take_one_invitation_at_once_one_gets_it(issuers, envelopes):
    for _ in range(ROUNDS):
        made = issuers[0].post("/connections/create-invitation")
        peers = [Peer(envelopes) for _ in issuers]
        requests = [peer.request(made["invitation"]) for peer in peers]
        key = made["invitation"]["recipientKeys"][0]
        packed = [peer.pack(request, to=key) for peer, request in zip(peers, requests)]
        at_once([lambda one=one: one[0].post(one[1], door(one[2])) for one in zip(peers, packed, issuers)])
        is_response = lambda message: "connection~sig" in message
        won = lambda: [peer for peer in peers if any(map(is_response, peer.inbox))]
        processes.eventually(won, what="a response")
        shown = issuers[1].get(f"/connections/{made['connection_id']}")
        assert [peer.did for peer in won()] == [shown["their_did"]]


def test_a_request_that_comes_everywhere_at_once_is_answered_once(issuers, envelopes):
    for multi_use in ("false", "true"):
        made = issuers[0].post("/connections/create-invitation", multi_use=multi_use)
        peer = Peer(envelopes)
        request = peer.request(made["invitation"])
        packed = peer.pack(request, to=made["invitation"]["recipientKeys"][0])
        at_once([lambda agent=agent: peer.post(packed, door(agent)) for agent in issuers * 3])
        peer.take_response(request)
        assert peer.post(peer.pack(peer.message("trust_ping/1.0/ping", response_requested=True))) == 200
        peer.heard(lambda message: message["@type"].endswith("ping_response"))
        assert len(peer.heard(lambda message: "connection~sig" in message)) == 1
        same = [one for one in issuers[1].get("/connections")["results"] if one.get("their_did") == peer.did]
        assert [one["state"] for one in same] == ["active"]


def door(agent):
    """Past the balancer."""
    return f"http://127.0.0.1:{agent.port}"


def at_once(calls):
    """Makes all calls at the same moment."""
    gate = threading.Barrier(len(calls))
    threads = [threading.Thread(target=lambda call=call: (gate.wait(), call())) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(processes.PATIENCE_SECONDS)


def test_ours_and_aca_py_share_a_wallet(backends, webhooks, guides_aca_py, tmp_path):
    """Both behind the balancer; then each of them alone."""
    holder, balancer = guides_aca_py, Balancer(tmp_path)
    wallet = postgres_wallet(backends.get("postgresql"), "mixed")
    # One makes the wallet, so that the other need not: that ends if it loses this race.
    members = []
    for program in (our_program(tmp_path), aca_py_program("0.7.3")):
        options = [*wallet, "--wallet-type", "askar", "--auto-respond-messages"]
        place = {"endpoint": f"http://{balancer.address}", "controller": "mixed"}
        members.append(Party(program, "mixed", tmp_path, webhooks, options, **place).start())
    balancer.start(members)
    mine, theirs = members
    ids = [connect(*pair) for pair in ((mine, holder), (theirs, holder))]
    ids += [connect(*pair)[::-1] for pair in ((holder, mine), (holder, theirs))]

    def talk(*members):
        for at_member, at_holder in ids:
            for agent in members:
                hello = f"from {agent.name} as one of {len(members)}"
                agent.post(f"/connections/{at_member}/send-message", {"content": hello})
                holder.told("basicmessages", lambda body: body == body | {"connection_id": at_holder, "content": hello})
            said = f"to {[agent.name for agent in members]}"
            holder.post(f"/connections/{at_holder}/send-message", {"content": said})
            mine.told("basicmessages", lambda body: body == body | {"connection_id": at_member, "content": said})

    talk(*members)
    theirs.stop()
    talk(mine)
    theirs.start()
    assert mine.stop() == 0
    talk(theirs)
    theirs.kill()
    balancer.stop()
    assert "panicked" not in mine.log.read_text()


def _holds(check):
    try:
        return check()
    except AssertionError:
        return False
