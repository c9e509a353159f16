"""Which nodes are meant: the conditions of searches and of operations."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Callable, Optional

from vcplib.occtr import VcNode

from .vcp_tools import VcpSDKError, merge_xxx_addresses


def matching(nodes: Iterable[VcNode], node_id: Any = "", node_state: Any = "", node_no: Any = "",
             ip_addresses: Optional[Sequence[str]] = None, ip_address: Optional[str] = None,
             cloud_instance_id: Optional[str] = None, mapper: Optional[Callable[[VcNode], Any]] = None) -> list[Any]:
    """The nodes that fulfil every condition given, each put through `mapper` if there is one."""
    addresses = merge_xxx_addresses(ip_address, ip_addresses)
    found = [
        node for node in nodes
        if node_id in ("", None, node.id)
        and node_state in ("", None, node.state)
        and node_no in ("", None, node.no)
        and (not addresses or node.cloud_instance_address in addresses)
        and cloud_instance_id in (None, node.cloud_instance_id)
    ]
    return [mapper(node) for node in found] if mapper else found


@dataclass
class Choice:
    """Nodes to do something with: a number of them, or those that fulfil one condition."""

    num_nodes: Optional[int] = None
    node_no: Optional[int] = None
    cloud_instance_id: Optional[str] = None
    ip_addresses: Optional[Sequence[str]] = None
    ip_address: Optional[str] = None

    def check(self, wait_for: bool) -> None:
        """No condition means one node; two conditions are an error, and so are several nodes that are not waited for."""
        given = [value for value in vars(self).values() if value is not None]
        if len(given) > 1:
            raise VcpSDKError("invalid argment, one condition parameter allowed")
        if not given:
            self.num_nodes = 1
        if wait_for is not True and ((self.num_nodes or 0) > 1 or len(self.ip_addresses or ()) > 1):
            raise VcpSDKError("invalid argment, delete multi-node must be wait_for=True")

    def of(self, nodes: Iterable[VcNode]) -> list[VcNode]:
        """The nodes that are meant."""
        if self.ip_addresses is not None and not self.ip_addresses:
            return []
        found = matching(nodes, node_no=self.node_no, ip_addresses=self.ip_addresses, ip_address=self.ip_address,
                         cloud_instance_id=self.cloud_instance_id)
        return found if self.num_nodes is None else found[:self.num_nodes]
