"""Writes vectors with ACA-Py's own code: python generate.py OUT (README.md)."""

import asyncio
import importlib
import json
import sys

try:
    import acapy_agent as package
except ImportError:
    import aries_cloudagent as package
from aries_askar import Key, KeyAlg

NAME = package.__name__
SEEDS = {name: f"{name:-<32}".encode() for name in ["alice", "bob", "carol", "near", "far"]}
KEYS = {name: Key.from_secret_bytes(KeyAlg.ED25519, seed) for name, seed in SEEDS.items()}
ENDPOINTS = ["http://127.0.0.1:8030", "ws://127.0.0.1:8031"]
MESSAGE = json.dumps({
    "@type": "https://didcomm.org/basicmessage/1.0/message",
    "@id": "4a7fd0c5-4f3e-4f2c-8d3c-000000000001",
    "~l10n": {"locale": "en"},
    "sent_time": "2026-01-01 12:00:00Z",
    "content": "Grüße",
})


def acapy(module):
    return importlib.import_module(f"{NAME}.{module}")


wallet_util = acapy("wallet.util")
VERKEYS = {name: wallet_util.bytes_to_b58(key.get_public_bytes()) for name, key in KEYS.items()}
DID = wallet_util.bytes_to_b58(KEYS["alice"].get_public_bytes()[:16])
key_type = acapy("wallet.key_type")
ED25519 = getattr(key_type, "ED25519", None) or key_type.KeyType.ED25519
X25519 = getattr(key_type, "X25519", None) or key_type.KeyType.X25519
DIDKey = acapy("did.did_key").DIDKey


class Wallet:
    """What the decorators ask of a wallet."""

    async def sign_message(self, message, from_verkey):
        name = next(name for name, verkey in VERKEYS.items() if verkey == from_verkey)
        return KEYS[name].sign_message(message)

    async def verify_message(self, message, signature, from_verkey, key_type):
        key = Key.from_public_bytes(KeyAlg.ED25519, wallet_util.b58_to_bytes(from_verkey))
        return key.verify_signature(message, signature)


def legacy(routing):
    """The document of `create_did_document`, without its wallet."""
    classes = acapy("connections.models.diddoc")
    document = classes.DIDDoc(did=DID)
    kind = classes.PublicKeyType.ED25519_SIG_2018
    key = classes.PublicKey(DID, "1", VERKEYS["alice"], kind, DID, True)
    document.set(key)
    if NAME == "acapy_agent":
        routers = [DIDKey.from_public_key_b58(VERKEYS[name], ED25519).key_id for name in routing]
    else:
        routers = [
            classes.PublicKey(DID, f"routing-{index}", VERKEYS[name], kind, DID, True)
            for index, name in enumerate(routing)
        ]
    for index, endpoint in enumerate(ENDPOINTS):
        ident = "indy" if index == 0 else f"indy{index}"
        document.set(classes.Service(DID, ident, "IndyAgent", [key], routers, endpoint))
    return document.serialize()


def envelopes():
    pack = acapy("askar.didcomm.v1").pack_message
    forward = acapy("protocols.routing.v1_0.messages.forward").Forward
    message, alice, bob, carol = MESSAGE.encode(), KEYS["alice"], VERKEYS["bob"], VERKEYS["carol"]
    packed, to = pack([bob], alice, message), bob
    for router in ["near", "far"]:
        wrapped = forward(to=to, msg=json.loads(packed)).to_json().encode()
        packed, to = pack([VERKEYS[router]], None, wrapped), VERKEYS[router]
    found = {
        "authcrypt": pack([bob], alice, message),
        "anoncrypt": pack([bob], None, message),
        "two recipients": pack([bob, carol], alice, message),
        "two recipients, anonymous": pack([carol, bob], None, message),
        "forward": packed,
    }
    return {name: envelope.decode() for name, envelope in found.items()}


async def attachments():
    attach = acapy("messaging.decorators.attach_decorator").AttachDecorator
    found = {"json": {"signers": [], "value": attach.data_json({"a": 1}, ident="j").serialize()}}
    for name, signers in [("plain", []), ("signed", ["alice"]), ("signed by two", ["alice", "bob"])]:
        attachment = attach.data_base64(legacy([]), ident="doc")
        if signers:
            await attachment.data.sign([VERKEYS[signer] for signer in signers], Wallet())
        found[name] = {"signers": [VERKEYS[signer] for signer in signers], "value": attachment.serialize()}
    return found


async def signature():
    decorator = acapy("messaging.decorators.signature_decorator").SignatureDecorator
    value, signed_at = {"DID": DID, "DIDDoc": legacy([]), "é": "ü"}, 1767225600
    made = await decorator.create(value, VERKEYS["alice"], Wallet(), timestamp=signed_at)
    return {"value": value, "signed_at": signed_at, "signer": VERKEYS["alice"], "decorator": made.serialize()}


def peer(routing):
    """The DIDs of `create_did_peer_4` and `create_did_peer_2`, without their wallet."""
    import did_peer_2
    import did_peer_4
    from did_peer_4.input_doc import KeySpec, input_doc_from_keys_and_services

    references = [DIDKey.from_public_key_b58(VERKEYS[name], ED25519).key_id for name in routing]
    key = DIDKey.from_public_key_b58(VERKEYS["alice"], ED25519).fingerprint
    exchange = KEYS["alice"].convert_key(KeyAlg.X25519).get_public_bytes()
    exchange = DIDKey.from_public_key(exchange, X25519).fingerprint
    services = [
        {
            "id": f"#didcomm-{index}",
            "type": "did-communication",
            "recipientKeys": ["#key-0"],
            "routingKeys": references,
            "serviceEndpoint": endpoint,
            "priority": index,
        }
        for index, endpoint in enumerate(ENDPOINTS)
    ]
    spec = KeySpec(key, relationships=["authentication", "keyAgreement"])
    four = did_peer_4.encode(input_doc_from_keys_and_services([spec], services))
    services = [
        {
            "id": f"#didcomm-{index}",
            "type": "did-communication",
            "priority": index,
            "recipientKeys": ["#key-1"],
            "routingKeys": references,
            "serviceEndpoint": endpoint,
        }
        for index, endpoint in enumerate(ENDPOINTS)
    ]
    keys = [did_peer_2.KeySpec.verification(key), did_peer_2.KeySpec.key_agreement(exchange)]
    two = did_peer_2.generate(keys, services)
    return {
        "routing": [VERKEYS[name] for name in routing],
        "four": four,
        "four short": did_peer_4.long_to_short(four),
        "four document": did_peer_4.resolve(four),
        "four short document": did_peer_4.resolve_short(four),
        "two": two,
        "three": did_peer_2.peer2to3(two),
        "two document": did_peer_2.resolve(two),
        "three document": did_peer_2.resolve_peer3(two),
    }


async def main():
    key = DIDKey.from_public_key_b58(VERKEYS["alice"], ED25519)
    routings = [[], ["near", "far"]]
    vectors = {
        "version": f"{NAME} {acapy('version').__version__}",
        "seeds": {name: seed.decode() for name, seed in SEEDS.items()},
        "verkeys": VERKEYS,
        "message": MESSAGE,
        "envelopes": envelopes(),
        "attachments": await attachments(),
        "signature": await signature(),
        "legacy documents": [
            {"routing": [VERKEYS[name] for name in routing], "value": legacy(routing)} for routing in routings
        ],
        "did:key": {"did": key.did, "reference": key.key_id, "document": key.did_doc},
    }
    if NAME == "acapy_agent":
        vectors["peer"] = [peer(routing) for routing in routings]
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        json.dump(vectors, out, indent=1, ensure_ascii=False)
        out.write("\n")


asyncio.run(main())
