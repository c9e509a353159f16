"""Purging what was ordered: at once, by scans, and by one auditor at a time; with secrets, and in a namespace."""

import concurrent.futures
import hashlib

import pytest

import java_sdk
import processes
from databases import Postgresql
from domains import Deployment
from recorder import Recorder
from steps import refused, registered

ADMINISTRATOR, GRACE_MILLIS = "Basic of-the-auditor", 200


@pytest.fixture(scope="module")
def recorder():
    recording = Recorder()
    yield recording
    recording.stop()


@pytest.fixture(scope="module")
def deployment(backends, tmp_path_factory, recorder):
    """The auditor reaches its ledger through the recorder."""
    database = Postgresql(backends)
    more = {
        "ledger": {"transaction_state_purge.enabled": "true"},
        "auditor": {
            "transaction_state_purge.enabled": "true",
            "lock_recovery.grace_period_millis": GRACE_MILLIS,
            "ledger.port": recorder.port,
            "authorization.credential": ADMINISTRATOR,
        },
    }
    running = Deployment(tmp_path_factory.mktemp("purge"), "hmac", True, database.properties, more=more)
    running.database = database
    for server in running.servers():
        server.make_tables()
    recorder.lead_to(running.ledger.port)
    running.start()
    for server in running.servers():
        server.service(privileged=True).call("createNamespace", {"namespace": "tenant"})
    yield running
    running.stop()


@pytest.fixture(params=[None, "tenant"], ids=["default", "tenant"])
def alice(request, deployment, new_identity):
    return registered(deployment, new_identity(), namespace=request.param)


def purging(deployment, on_completion=False, interval_seconds=0):
    """Starts the auditor anew with these settings; gives it."""
    deployment.auditor.stop()
    deployment.auditor.configure({
        "transaction_state_purge.on_completion.enabled": str(on_completion).lower(),
        "transaction_state_purge.scan.interval_secs": interval_seconds,
    })
    return deployment.auditor.start()


def kept(deployment, nonce):
    """Whether the request proof is there, and whether the nonce is remembered without it."""
    count = lambda condition: int(deployment.database.ask("auditor", f"SELECT count(*) FROM {condition}")[0])
    digits = hashlib.sha256(nonce.encode()).hexdigest()[:32]
    return count(f"auditor.request_proof WHERE nonce = '{nonce}'"), count(f"auditor.spent_nonce WHERE fingerprint = '\\x{digits}'")


def purged(deployment, nonce):
    processes.eventually(lambda: kept(deployment, nonce) == (0, 1), what="the purge")


def test_on_completion(deployment, recorder, alice):
    """As soon as it is validated; the nonce stays refused, by both servers, and the assets go on."""
    purging(deployment, on_completion=True)
    asset, nonce = f"asset-of-{alice.identity.name}", f"nonce-of-{alice.identity.name}"
    request = alice.order("StateUpdater", {"asset_id": asset, "state": 1}, nonce)
    assert kept(deployment, nonce) == (1, 0)
    proofs = deployment.ledger.service().call("ExecuteContract", request)["proofs"]
    deployment.auditor.service().call("ValidateExecution", {"request": request, "proofs": proofs})
    purged(deployment, nonce)
    assert recorder.credentials("FinishExecution") == {ADMINISTRATOR}
    assert refused(alice.execute, "StateUpdater", {"asset_id": asset, "state": 2}, nonce)[0] == 304
    assert refused(deployment.ledger.service().call, "ExecuteContract", request)[0] == 504
    assert alice.execute("StateUpdater", {"asset_id": asset, "state": 2}).ledger_proofs[0]["age"] == 1


def test_by_scans(deployment, alice):
    """What has ended goes, now and then; what is held stays."""
    asset, nonce = f"asset-of-{alice.identity.name}", f"nonce-of-{alice.identity.name}"
    purging(deployment, interval_seconds=1)
    held = f"{nonce}-held"
    alice.order("StateUpdater", {"asset_id": f"{asset}-held", "state": 1}, held)
    alice.execute("StateUpdater", {"asset_id": asset, "state": 1}, nonce)
    purged(deployment, nonce)
    assert kept(deployment, held) == (1, 0)
    assert refused(alice.execute, "StateUpdater", {"asset_id": asset, "state": 2}, nonce)[0] == 304


def test_one_at_a_time(deployment, recorder, commands, tool, new_identity):
    """While one purge waits for its ledger, another one in the same auditor is refused, and so is one in a second auditor."""
    auditor, ledger = purging(deployment), deployment.ledger
    second = auditor.another(deployment.folder / f"second-{tool(commands, java_sdk.SCALARDL).entity}").start()
    alice = registered(deployment, new_identity())
    nonce = f"nonce-of-{alice.identity.name}"
    alice.execute("StateUpdater", {"asset_id": f"asset-of-{alice.identity.name}", "state": 1}, nonce)
    # Old enough.
    processes.eventually(lambda: int(deployment.database.ask(
        "auditor", f"SELECT count(*) FROM auditor.request_proof WHERE nonce = '{nonce}' "
        f"AND registered_at + {GRACE_MILLIS} < extract(epoch FROM now()) * 1000")[0]), what="the end of its grace")
    ledger.admin().call("Pause", {"wait_outstanding": 1})
    clients = [server.service(privileged=True) for server in (auditor, auditor, second)]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(client.call, "PurgeTransactionStates", {}) for client in clients]
        processes.eventually(lambda: sum(each.done() for each in asked) == 2, what="two refusals")
        for refusal in (each.exception() for each in asked if each.done()):
            assert (refusal.code, refusal.message[:18]) == (504, "DL-AUDITOR-504004:"), refusal
        status, message = tool(commands, java_sdk.SCALARDL).error("purge-state", "--force")
        assert status == "CONFLICT" and message.startswith("DL-AUDITOR-504004:")
        assert kept(deployment, nonce) == (1, 0)
        ledger.admin().call("Unpause", {})
        [done] = [each.result() for each in asked if not each.exception()]
    assert done["purged"] >= 1 and done["total_targets"] == done["purged"] + done["skipped"]
    assert kept(deployment, nonce) == (0, 1)
    told = tool(commands, java_sdk.SCALARDL).json("purge-state", "--force")
    assert told["status_code"] == "OK" and sorted(told["output"]) == ["purged", "skipped", "total_targets"]
    assert second.stop() == 0


def test_credentials(deployment, commands, tool):
    """Each of a client's two ways has its own."""
    ways = {"": Recorder(), "auditor.": Recorder()}
    ways[""].lead_to(deployment.ledger.port)
    ways["auditor."].lead_to(deployment.auditor.port)
    changed = {"server.port": ways[""].port, "auditor.port": ways["auditor."].port}
    changed.update({f"{side}authorization.credential": f"Bearer {side}client" for side in ways})
    scalardl = tool(commands, java_sdk.SCALARDL, changed=changed)
    scalardl.json("bootstrap")
    scalardl.json("list-contracts")
    assert ways[""].credentials("ListContracts") == ways[""].credentials("RegisterContract") == {"Bearer client"}
    assert ways["auditor."].credentials("RegisterContract") == {"Bearer auditor.client"}
    for way in ways.values():
        way.stop()
