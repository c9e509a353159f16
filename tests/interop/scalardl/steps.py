"""What several tests do with bare clients."""

import concurrent.futures

import pytest

import java_sdk
import protocol
from clients import BareClient


def registered(deployment, identity, contracts=None, namespace=None):
    """A bare client whose entity has the sample contracts; what stands for them is given, else classes with nothing in them."""
    client = BareClient(deployment, identity, namespace=namespace)
    client.identity = identity
    client.register_identity()
    for name in java_sdk.CONTRACTS:
        binary_name = f"com.org1.contract.{name}"
        byte_code = contracts[name] if contracts else java_sdk.empty_class(binary_name)
        client.register_contract(name, binary_name, byte_code)
    return client


def refused(call, *arguments):
    """The code and the message of a call that is refused."""
    with pytest.raises(protocol.Refused) as caught:
        call(*arguments)
    return caught.value.code, caught.value.message


def contend(sides, client, asset, parallel, each):
    """Changes one asset from several sides at once, by the servers of one or more deployments: what is not made is refused with
    504. Gives how many were made after the first."""

    def change(worker):
        made = 0
        own = BareClient(sides[worker % len(sides)], client.identity)
        for number in range(each):
            try:
                own.execute("StateUpdater", {"asset_id": asset, "state": worker * each + number})
                made += 1
            except protocol.Refused as refusal:
                assert refusal.code == 504, refusal
        return made

    client.execute("StateUpdater", {"asset_id": asset, "state": -1})
    with concurrent.futures.ThreadPoolExecutor(parallel) as pool:
        made = sum(pool.map(change, range(parallel)))
    assert made > 0
    return made
