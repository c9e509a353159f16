"""connections/1.0, basic messages and pings with ACA-Py, in both roles."""

import pytest

from parties import connect

MESSAGES = 20


@pytest.fixture(params=["ours-invites", "aca-py-invites"])
def connected(request, our_agent, old_aca_py):
    """Our agent and ACA-Py, each with its id of their connection."""
    if request.param == "ours-invites":
        mine, theirs = connect(our_agent, old_aca_py)
    else:
        theirs, mine = connect(old_aca_py, our_agent)
    return (our_agent, mine), (old_aca_py, theirs)


def test_both_know_each_other(connected):
    (ours, mine), (theirs, their_id) = connected
    one, other = ours.get(f"/connections/{mine}"), theirs.get(f"/connections/{their_id}")
    assert (one["my_did"], one["their_did"]) == (other["their_did"], other["my_did"])
    assert (one["their_label"], one["rfc23_state"]) == (theirs.name, "completed")
    assert ours.get(f"/connections/{mine}/endpoints") == {"my_endpoint": ours.endpoint, "their_endpoint": theirs.endpoint}
    told = [body["state"] for body in ours.webhooks.of(ours.name, "connections") if body["connection_id"] == mine]
    assert told == ["invitation", "request", "response", "active"]


def test_every_message_arrives_once(connected):
    for (sender, at_sender), (receiver, at_receiver) in (connected, connected[::-1]):
        sent = [f"{at_sender} {number}" for number in range(MESSAGES)]
        for content in sent:
            assert sender.post(f"/connections/{at_sender}/send-message", {"content": content}) == {}
        heard = receiver.told("basicmessages", lambda body: body["connection_id"] == at_receiver, MESSAGES)
        # ACA-Py handles what comes in order all at once, and tells its controller in whatever order it ends.
        assert sorted(body["content"] for body in heard) == sorted(sent)
        assert {body["state"] for body in heard} == {"received"}


def test_pings_are_answered(connected):
    for (sender, at_sender), _ in (connected, connected[::-1]):
        assert sender.post(f"/connections/{at_sender}/send-ping", {"comment": "there?"})["thread_id"]


def test_the_controller_is_known_by_its_key(connected):
    ours = connected[0][0]
    keys = {headers.get("X-Api-Key") or headers.get("x-api-key") for headers in ours.webhooks.headers(ours.name)}
    assert keys == {f"key-of-{ours.name}"}
