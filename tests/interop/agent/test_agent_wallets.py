"""Wallets that ACA-Py made: ours opens them, and ACA-Py again what ours worked on. Their connections stay alive."""

import subprocess
import uuid

import pytest

from parties import WALLET, Party, aca_py_program, connect, our_program, ours, postgres_wallet

MESSAGES = 5
# Of each version two agents that know each other: what wallets they have.
PAIRS = {
    "0.7.3": [("askar", "sqlite"), ("askar", "postgresql")],
    "1.7.0": [("askar", "postgresql"), ("askar-anoncreds", "sqlite")],
}


@pytest.fixture(params=PAIRS)
def pair(request, backends, webhooks, tmp_path):
    """Two agents of ACA-Py, each with its id of their connection."""
    program, agents = aca_py_program(request.param), []
    for kind, place in PAIRS[request.param]:
        in_database = place == "postgresql"
        wallet = postgres_wallet(backends.get("postgresql"), f"aca-py-{request.param}") if in_database else WALLET
        agents.append(Party(program, f"{kind}-{place}", tmp_path, webhooks, [*wallet, "--wallet-type", kind]).begin())
    for agent in agents:
        agent.wait_until_ready()
    yield agents, (connect if request.param == "0.7.3" else connect_out_of_band)(*agents)
    for agent in agents:
        agent.kill()


def connect_out_of_band(inviter, invitee):
    """The same by DID exchange: today's ACA-Py has no other way."""
    body = {"handshake_protocols": ["https://didcomm.org/didexchange/1.1"]}
    made = inviter.post("/out-of-band/create-invitation", body)["invitation"]
    taken = invitee.post("/out-of-band/receive-invitation", made)
    at_invitee = taken["connection_id"]
    invitee.wait_for_connection(at_invitee)
    is_done = lambda body: body["invitation_msg_id"] == made["@id"] and body["rfc23_state"] == "completed"
    return inviter.told("connections", is_done)[0]["connection_id"], at_invitee


def talk(agents, ids):
    """Messages both ways, each of which arrives once."""
    ends = list(zip(agents, ids))
    for (sender, at_sender), (receiver, at_receiver) in (ends, ends[::-1]):
        sent = [f"{number} {uuid.uuid4()}" for number in range(MESSAGES)]
        for content in sent:
            sender.post(f"/connections/{at_sender}/send-message", {"content": content})
        heard = receiver.told("basicmessages", lambda body: body["content"] in sent, MESSAGES)
        assert sorted(body["content"] for body in heard) == sorted(sent)
        assert {body["connection_id"] for body in heard} == {at_receiver}


def test_the_connections_of_a_wallet_outlive_its_program(pair, tmp_path):
    agents, ids = pair
    talk(agents, ids)
    shown = [agent.get(f"/connections/{id}") for agent, id in zip(agents, ids)]
    dids = [agent.get("/wallet/did")["results"] for agent in agents]
    # Ours in the place of the one, of the other too, ACA-Py again.
    theirs = agents[0].program
    for agent, program in ((agents[0], our_program(tmp_path)), (agents[1], our_program(tmp_path)), (agents[0], theirs)):
        agent.stop()
        agent.program = program
        agent.start()
        talk(agents, ids)
    for agent, id, before, known in zip(agents, ids, shown, dids):
        now = agent.get(f"/connections/{id}")
        names = ("state", "my_did", "their_did", "their_label", "their_role", "invitation_key", "created_at")
        assert {name: now[name] for name in names} == {name: before[name] for name in names}
        found = {did["did"]: did["verkey"] for did in agent.get("/wallet/did")["results"]}
        assert found == {did["did"]: did["verkey"] for did in known}


def test_a_wallet_can_be_made_beforehand(backends, webhooks, tmp_path):
    server = backends.get("postgresql")
    wallet = [option for option in postgres_wallet(server, "beforehand") if option != "--auto-provision"]
    seed = ["--seed", "000000000000000000000000Trustee1", "--wallet-local-did"]
    agent = ours(tmp_path, webhooks, wallet)
    with pytest.raises(RuntimeError, match="beforehand"):
        agent.start()
    assert server.ask(server.url("postgres"), "SELECT 1 FROM pg_database WHERE datname = 'beforehand'") == []
    command = [*our_program(tmp_path), "provision", "--endpoint", agent.endpoint, "--no-ledger", *seed, *map(str, wallet)]
    for _ in range(2):
        made = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert made.returncode == 0, made.stderr
        assert "beforehand" in made.stdout
    agent.start()
    assert [did["did"] for did in agent.get("/wallet/did")["results"]] == ["V4SGRU86Z58d6TV7PBUe6f"]
    assert agent.stop() == 0
