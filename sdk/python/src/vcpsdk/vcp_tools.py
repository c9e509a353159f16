"""The SDK's error, and addresses given in two ways."""
from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Optional

logger = logging.getLogger("vcp.sdk")


class VcpSDKError(Exception):
    """Something that the SDK refuses, or that did not come out. It is logged where it is made."""

    def __init__(self, message: str):
        super().__init__(message)
        logger.error(message)


def merge_xxx_addresses(address: Optional[str], addresses: Optional[Iterable[str]]) -> list[str]:
    """One address and a list of them as one list, each once, in their order."""
    return list(dict.fromkeys([*(addresses or []), *([address] if address else [])]))
