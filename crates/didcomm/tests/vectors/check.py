"""Reads with ACA-Py's own code what ours wrote: cargo run --example vectors | python check.py (README.md)."""

import asyncio
import importlib
import json
import sys
from types import SimpleNamespace

try:
    import acapy_agent as package
except ImportError:
    import aries_cloudagent as package
from aries_askar import Key, KeyAlg

NAME = package.__name__


def acapy(module):
    return importlib.import_module(f"{NAME}.{module}")


wallet_util = acapy("wallet.util")


class Session:
    """What opening an envelope asks of a wallet: one key."""

    def __init__(self, seed):
        self.key = Key.from_secret_bytes(KeyAlg.ED25519, seed.encode())

    async def fetch_key(self, verkey):
        own = wallet_util.bytes_to_b58(self.key.get_public_bytes())
        return SimpleNamespace(key=self.key) if own == verkey else None


class Wallet:
    async def verify_message(self, message, signature, from_verkey, key_type):
        key = Key.from_public_bytes(KeyAlg.ED25519, wallet_util.b58_to_bytes(from_verkey))
        return key.verify_signature(message, signature)


async def main():
    vectors = json.load(sys.stdin)
    seeds, verkeys = vectors["seeds"], vectors["verkeys"]
    unpack = acapy("askar.didcomm.v1").unpack_message

    async def opened(envelope, reader):
        message, recipient, sender = await unpack(Session(seeds[reader]), envelope.encode())
        assert recipient == verkeys[reader]
        return message.decode(), sender

    alice = verkeys["alice"]
    for name, sender, readers in [
        ("authcrypt", alice, ["bob"]),
        ("anoncrypt", None, ["bob"]),
        ("two recipients", alice, ["bob", "carol"]),
        ("two recipients, anonymous", None, ["carol", "bob"]),
    ]:
        for reader in readers:
            assert await opened(vectors["envelopes"][name], reader) == (vectors["message"], sender), name

    forward = acapy("protocols.routing.v1_0.messages.forward").Forward
    envelope = vectors["envelopes"]["forward"]
    for mediator, to in [("far", "near"), ("near", "bob")]:
        message, sender = await opened(envelope, mediator)
        message = forward.from_json(message)
        assert (message.to, sender) == (verkeys[to], None)
        envelope = json.dumps(message.msg)
    assert await opened(envelope, "bob") == (vectors["message"], alice)

    attach = acapy("messaging.decorators.attach_decorator").AttachDecorator
    for name, case in vectors["attachments"].items():
        attachment = attach.deserialize(case["value"])
        assert attachment.content, name
        for signer in case["signers"]:
            if NAME == "acapy_agent":
                assert await attachment.data.verify(Wallet(), signer), name
            assert await attachment.data.verify(Wallet()), name

    case = vectors["signature"]
    decorator = acapy("messaging.decorators.signature_decorator").SignatureDecorator.deserialize(case["decorator"])
    assert await decorator.verify(Wallet())
    assert decorator.decode() == (case["value"], case["signed_at"]) and decorator.signer == alice

    document = acapy("connections.models.diddoc").DIDDoc
    for case in vectors["legacy documents"]:
        read = document.deserialize(case["value"])
        for service in read.service.values():
            assert [key.value for key in service.recip_keys] == [alice]
            routing = [getattr(key, "value", key) for key in service.routing_keys or []]
            assert routing == case["routing"], routing

    if NAME == "acapy_agent":
        import did_peer_2
        import did_peer_4
        import pydid

        corrections = acapy("resolver.default.legacy_peer").LegacyDocCorrections
        documents = [corrections.apply(case["value"]) for case in vectors["legacy documents"]]
        for case in vectors["peer"]:
            assert did_peer_4.resolve(case["four"]) == case["four document"]
            assert did_peer_2.resolve(case["two"]) == case["two document"]
            documents += [case["four document"], case["two document"]]
        for value in documents:
            services = pydid.deserialize_document(value, strict=True).service
            assert all(isinstance(service, pydid.DIDCommService) for service in services)
    print(f"{NAME} {acapy('version').__version__} reads all of it")


asyncio.run(main())
