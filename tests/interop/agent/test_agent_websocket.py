"""Agents that reach each other by WebSocket alone: every message goes over a socket of its own."""

import pytest

from parties import aca_py, ours
from test_agent_out_of_band import DIDX_1_0, DIDX_1_1, connect, speak


def by_socket(party):
    """The same agent with sockets in place of HTTP."""
    old, party.endpoint = party.endpoint, f"ws://127.0.0.1:{party.port}"
    words = [{"http": "ws", old: party.endpoint}.get(word, word) for word in party.arguments]
    # ACA-Py tells its controller by the transports that it has for messages.
    party.arguments = [*words, "--outbound-transport", "http"]
    return party


@pytest.mark.parametrize("version, protocol", [("0.7.3", DIDX_1_0), ("1.7.0", DIDX_1_1)])
def test_messages_go_both_ways(webhooks, tmp_path, version, protocol):
    parties = [by_socket(ours(tmp_path, webhooks)), by_socket(aca_py(version, tmp_path, webhooks))]
    for party in parties:
        party.begin()
    try:
        for party in parties:
            party.wait_until_ready()
        for inviter, invitee in (parties, parties[::-1]):
            at_inviter, at_invitee = connect(inviter, invitee, [protocol])
            assert invitee.get(f"/connections/{at_invitee}/endpoints")["their_endpoint"] == inviter.endpoint
            speak(((inviter, at_inviter), (invitee, at_invitee)))
    finally:
        codes = [party.stop() for party in parties]
    assert codes[0] == 0, parties[0].log.read_text()
