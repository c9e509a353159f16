"""Packs and unpacks messages with ACA-Py's own library, whose Python runs this: a request in JSON a line, an answer a line."""

import json
import sys
import types

from aries_askar import Key, KeyAlg
from aries_cloudagent.askar.didcomm.v1 import pack_message, unpack_message
from aries_cloudagent.wallet.util import bytes_to_b58

keys = {}


class Session:
    """What the library fetches keys from."""

    async def fetch_key(self, name):
        return types.SimpleNamespace(key=keys[name]) if name in keys else None


def make(_):
    key = Key.generate(KeyAlg.ED25519)
    public = key.get_public_bytes()
    verkey = bytes_to_b58(public)
    keys[verkey] = key
    return {"verkey": verkey, "did": bytes_to_b58(public[:16])}


def pack(asked):
    return pack_message(asked["to"], keys.get(asked["from"]), asked["message"].encode()).decode()


def unpack(asked):
    # Nothing in it waits for anything: it needs no event loop.
    try:
        unpack_message(Session(), asked["envelope"].encode()).send(None)
    except StopIteration as done:
        message, recipient, sender = done.value
        return {"message": message.decode(), "recipient": recipient, "sender": sender}


for line in sys.stdin:
    asked = json.loads(line)
    print(json.dumps({"make": make, "pack": pack, "unpack": unpack}[asked["do"]](asked)), flush=True)
