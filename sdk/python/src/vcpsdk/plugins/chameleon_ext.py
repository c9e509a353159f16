"""Reservations of Chameleon, which this SDK does not make.

Hosts are reserved in Chameleon's own portal; `spec.reservation` then names the reservation. The classes are here for programs that
import them: making one is an error that says so.
"""
from __future__ import annotations

from ..vcp_tools import VcpSDKError


class VcpChameleonOpenrc:
    """What the extensions have in common."""

    def __init__(self, provider_name: str, config_dir: str = "", token: str = "", verbose: int = 0):
        raise VcpSDKError("chameleon: reserve hosts in its portal, and set spec.reservation to the reservation's id")


class VcpExtResourceChameleon(VcpChameleonOpenrc):
    """A reservation of hosts that is to be made."""


class VcpExtResourceChameleonHostLeaseInfo(VcpChameleonOpenrc):
    """A reservation of hosts that was made."""


class VcpExtResourceChameleonNetwork(VcpChameleonOpenrc):
    """A network for reserved hosts."""
