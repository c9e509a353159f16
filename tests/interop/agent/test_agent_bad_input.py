"""Peers that misbehave, messages that nobody should have sent, garbage at every door."""

import contextlib
import json
import os
import pathlib
import random
import socket
import threading
import time

import pytest
import requests

from backends import free_port
from bare import Peer
from parties import WALLET, connect, ours
from sockets import BINARY, Socket

MEBIBYTE = 1 << 20
# What ten bodies of ten mebibytes, in ten connections, may leave behind.
GROWTH_MAX = 32 * MEBIBYTE
# Each makes an envelope larger by a third.
NESTED = 17


@pytest.fixture(scope="module")
def agent(backends, webhooks, tmp_path_factory):
    """One with every listener that there is."""
    agent = ours(tmp_path_factory.mktemp("bad"), webhooks)
    agent.socket_port, agent.metrics_port = free_port(), free_port()
    agent.arguments += ["--inbound-transport", "ws", "127.0.0.1", agent.socket_port]
    agent.arguments += ["--metrics", "127.0.0.1", agent.metrics_port]
    yield agent.start()
    assert agent.stop() == 0
    assert "panicked" not in agent.log.read_text()


def said(agent):
    return [body["content"] for body in agent.webhooks.of(agent.controller, "basicmessages")]


def hears(agent, peer, content):
    """The agent still takes messages."""
    assert peer.post(peer.pack(peer.basic(content))) == 200
    agent.told("basicmessages", lambda body: body["content"] == content)


def test_one_bad_peer_does_not_hold_up_another(agent, envelopes):
    """One never answers, one answers garbage, one errors, one is slow: the good one has all at once, they have all later."""
    over = threading.Event()
    behaviours = {
        "never": lambda: over.wait() and 503,
        "garbage": lambda: b"\x00\xffgarbage\r\n\r\n",
        "endless": lambda: b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 100_000,
        "errors": lambda: 500,
        "slow": lambda: time.sleep(0.3) or 200,
    }
    bad = {name: Peer(envelopes) for name in behaviours}
    good = Peer(envelopes)
    ids = {name: peer.connect(agent) for name, peer in bad.items()}
    to_good = good.connect(agent)
    for name, peer in bad.items():
        peer.behave = behaviours[name]
    sent = [f"{number}" for number in range(5)]
    for content in sent:
        for id in ids.values():
            agent.post(f"/connections/{id}/send-message", {"content": content})
    began = time.monotonic()
    for content in sent:
        agent.post(f"/connections/{to_good}/send-message", {"content": content})
    assert good.contents(len(sent)) == sent
    assert time.monotonic() - began < 5
    assert bad["slow"].contents(len(sent)) == sent
    for name, peer in bad.items():
        assert name == "slow" or not any("content" in message for message in peer.inbox)
        peer.behave = lambda: 200
    over.set()
    for name, peer in bad.items():
        assert peer.contents(len(sent)) == sent, name


def test_what_comes_again_or_out_of_order(agent, envelopes):
    peer = Peer(envelopes)
    posted = []
    def post(envelope):
        posted.append(envelope)
        return peer.post(envelope)
    id = peer.connect(agent, post)
    before = agent.get(f"/connections/{id}")
    packed = [peer.pack(peer.basic(f"again {number}")) for number in range(3)]
    for number in (2, 0, 1, 0, 0, 2):
        assert peer.post(packed[number]) == 200
    heard = agent.told("basicmessages", lambda body: body["connection_id"] == id, 6)
    assert [body["content"] for body in heard] == [f"again {number}" for number in (2, 0, 1, 0, 0, 2)]
    assert len({body["message_id"] for body in heard}) == 3
    # The request and the ping that made the connection.
    for envelope in posted:
        assert peer.post(envelope) == 200
    hears(agent, peer, "after all that")
    assert agent.get(f"/connections/{id}") == before
    same = [one for one in agent.get("/connections")["results"] if one.get("their_did") == peer.did]
    assert [one["connection_id"] for one in same] == [id]


def test_messages_that_are_for_nobody_change_nothing(agent, envelopes):
    peer, stranger = Peer(envelopes), Peer(envelopes)
    peer.connect(agent)
    before, count = agent.get("/connections"), len(said(agent))
    theirs, place = peer.theirs, peer.place
    # For another's key; from nobody; from a stranger; no message; packed once more for the same key.
    message = peer.basic("for nobody")
    inner = json.loads(peer.pack(message))
    forward = lambda inner: peer.message("routing/1.0/forward", to=theirs, msg=inner)
    for envelope in (
        peer.pack(message, to=stranger.verkey), peer.pack(message, sender=None), stranger.pack(message, to=theirs),
        peer.pack("no JSON at all"), peer.pack("[]"), peer.pack({"@type": 5}), peer.pack({"no": "type"}),
        peer.pack(json.dumps(inner)), json.dumps(message), json.dumps(forward(inner)),
        peer.pack(peer.message("nobodys-protocol/1.0/message")), peer.pack({"@type": "x" * 100_000, "@id": "y"}),
        peer.pack('{"@type":"https://didcomm.org/basicmessage/1.0/message","@id":"x","content":' + "[" * 50_000 + "]" * 50_000 + "}"),
        peer.pack(peer.message("basicmessage/1.0/message", content=7)),
        peer.pack(peer.message("connections/1.0/request", connection={"DID": "x", "DIDDoc": []})),
        peer.pack(peer.message("connections/1.0/response", **{"connection~sig": {"sig_data": "!"}})),
    ):  # fmt: skip
        assert stranger.post(envelope, place) in (200, 400), envelope[:300]
    # A forward in a forward and so on: more of them than anybody has mediators.
    for _ in range(NESTED):
        inner = json.loads(peer.pack(forward(inner), sender=None))
    assert peer.post(json.dumps(inner)) in (200, 400)
    hears(agent, peer, "for somebody")
    assert agent.get("/connections") == before
    assert said(agent)[count:] == ["for somebody"]


def test_bodies_that_are_too_large_are_refused_and_kept_nowhere(agent, envelopes):
    peer = Peer(envelopes)
    id = peer.connect(agent)
    memory = lambda: int(pathlib.Path(f"/proc/{agent.process_id}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    before = memory()
    large = peer.pack(peer.basic("x" * 10 * MEBIBYTE))
    chunks = lambda: iter([b'{"content": "', *[b"x" * MEBIBYTE] * 10, b'"}'])
    for _ in range(10):
        assert peer.post(large) == 413
        assert requests.post(peer.place, data=chunks(), timeout=60).status_code == 413
        url = f"http://127.0.0.1:{agent.admin_port}/connections/{id}/send-message"
        assert requests.post(url, data=chunks(), headers={"content-type": "application/json"}, timeout=60).status_code == 413
    assert memory() - before < GROWTH_MAX
    # What is large and allowed passes.
    content = "y" * MEBIBYTE
    hears(agent, peer, content)


def test_garbage_at_every_door(agent, envelopes):
    peer = Peer(envelopes)
    peer.connect(agent)
    chance = random.Random(7)
    heads = [
        b"", b"\x16\x03\x01\x02\x00\x01\x00", b"GET / HTTP/1.1\r\n", b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 99\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        b"GET /%00%ff?%%% HTTP/1.1\r\nhost: a\r\n\r\n", b"GET / HTTP/1.1\r\nx: " + b"y" * 200_000 + b"\r\n\r\n",
    ]  # fmt: skip
    for port in (agent.port, agent.socket_port, agent.admin_port, agent.metrics_port):
        for head in heads:
            for _ in range(3):
                with socket.create_connection(("127.0.0.1", port), 10) as connection:
                    try:
                        connection.sendall(head + chance.randbytes(chance.randrange(2_000)))
                    except OSError:
                        pass
        for body in (b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"{}", b'{"@type": null}', b"[" * 100_000):
            answer = requests.post(f"http://127.0.0.1:{port}/", data=body, timeout=60)
            assert answer.status_code < 500, (port, body[:20], answer.text)
    for port, path in ((agent.socket_port, "/"), (agent.admin_port, "/ws")):
        for frame in (b"", b"{", b"\xff" * 100, b"[" * 10_000, b'{"x-api-key": 5}', chance.randbytes(1_000)):
            garbled = Socket("127.0.0.1", port, path)
            garbled.send(frame, BINARY if chance.random() < 0.5 else 1)
            with contextlib.suppress(OSError):
                garbled.send(frame, 0xF)
            garbled.close()
    hears(agent, peer, "after the garbage")
    assert agent.call("GET", "/status/ready")[0] == 200
