"""Credo, in both roles of connections/1.0 and of DID exchange: messages and pings both ways."""

import json
import os
import pathlib
import subprocess
import threading

import pytest

import processes
from backends import free_port
from vault_server import TOP

PLACE = pathlib.Path(os.environ.get("TRUSTKEEP_TEST_CREDO", TOP / ".test-env/credo"))
MESSAGES = 10


class Credo:
    """Credo in a Node process."""

    def __init__(self, folder):
        if not (PLACE / "node_modules").exists():
            pytest.skip(f"Credo: not in {PLACE} (./test installs it where a C++ compiler finds Node's headers)")
        self._heard, self._changed = [], threading.Condition()
        self._log = open(folder / "credo.log", "wb")
        self._process = processes.start(
            ["node", pathlib.Path(__file__).with_name("credo") / "agent.js", free_port(), "credo"],
            environment={
                "HOME": str(folder), "NODE_PATH": str(PLACE / "node_modules"), "LIB_ASKAR_PATH": str(PLACE / "lib/aries_askar"),
            },
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log,
        )  # fmt: skip
        threading.Thread(target=self._hear, daemon=True).start()
        self.hears("ready")

    def do(self, what, **more):
        """What it answers to a command."""
        self._process.stdin.write(json.dumps({"do": what, **more}).encode() + b"\n")
        self._process.stdin.flush()
        with self._changed:
            is_answer = lambda said: what in (said.get("done"), said.get("failed"))
            answer = self._wait(lambda: [said for said in self._heard if is_answer(said)])[0]
            self._heard.remove(answer)
        assert "failed" not in answer, answer
        return answer

    def hears(self, *names, count=1, **members):
        """What it says, once it has said so much that has these members."""
        fits = lambda said: all(name in said for name in names) and said == said | members
        with self._changed:
            return self._wait(lambda: [said for said in self._heard if fits(said)], count)

    def stop(self):
        self._process.stdin.close()
        processes.stop(self._process)

    def _hear(self):
        for line in self._process.stdout:
            with self._changed:
                self._heard.append(json.loads(line))
                self._changed.notify_all()

    def _wait(self, find, count=1):
        assert self._changed.wait_for(lambda: len(find()) >= count, processes.PATIENCE_SECONDS), self._heard
        return find()


@pytest.fixture(scope="module")
def credo(tmp_path_factory):
    running = Credo(tmp_path_factory.mktemp("credo"))
    yield running
    running.stop()


def connections(our_agent, credo, inviter):
    """By connections/1.0: its id at ours and at Credo."""
    if inviter == "ours":
        made = our_agent.post("/connections/create-invitation")
        return made["connection_id"], credo.do("receive", url=made["invitation_url"])["connection"]
    made = credo.do("invite")
    mine = our_agent.post("/connections/receive-invitation", made["invitation"])["connection_id"]
    return mine, credo.hears(heard="connection", record=made["record"])[0]["connection"]


def did_exchange(our_agent, credo, inviter):
    """By an invitation out of band, in the version that Credo speaks."""
    if inviter == "ours":
        made = our_agent.post("/out-of-band/create-invitation", {"handshake_protocols": ["https://didcomm.org/didexchange/1.1"]})
        theirs = credo.do("receive", url=made["invitation_url"])["connection"]
        is_it = lambda body: body.get("invitation_msg_id") == made["invi_msg_id"] and body["state"] == "active"
        return our_agent.told("connections", is_it)[0]["connection_id"], theirs
    made = credo.do("inviteOutOfBand")
    mine = our_agent.post("/out-of-band/receive-invitation", made["invitation"])["connection_id"]
    return mine, credo.hears(heard="connection", record=made["record"])[0]["connection"]


@pytest.mark.parametrize("inviter", ["ours", "credo"])
@pytest.mark.parametrize("handshake", [connections, did_exchange])
def test_messages_go_both_ways(our_agent, credo, handshake, inviter):
    mine, theirs = handshake(our_agent, credo, inviter)
    shown = our_agent.wait_for_connection(mine)
    credo.hears(heard="connection", connection=theirs, state="completed")
    assert (shown["their_label"], shown["rfc23_state"]) == ("credo", "completed")
    sent = [f"{mine} {number}" for number in range(MESSAGES)]
    for content in sent:
        our_agent.post(f"/connections/{mine}/send-message", {"content": content})
        credo.do("send", connection=theirs, content=content)
    heard = credo.hears(heard="message", connection=theirs, count=MESSAGES)
    assert sorted(said["content"] for said in heard) == sorted(sent)
    told = our_agent.told("basicmessages", lambda body: body["connection_id"] == mine, MESSAGES)
    assert sorted(body["content"] for body in told) == sorted(sent)
    assert our_agent.post(f"/connections/{mine}/send-ping", {})["thread_id"]
    credo.do("ping", connection=theirs)
