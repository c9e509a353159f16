"""A unit, as notebooks use it."""
from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Callable, Optional

from vcplib.occtr import VcNode, VcUnit, privilege, vcp_df_color

from .pace import UNSTABLE, ticks
from .search import Choice, matching
from .vcp_tools import VcpSDKError, merge_xxx_addresses

if TYPE_CHECKING:
    from .ugroup import VcpUnitGroupClass

logger = logging.getLogger("vcp.sdk")


class VcpUnitClass:
    """A unit of a unit group. Every method asks the controller first; `privileged=True` acts on another user's unit."""

    def __init__(self, ugroup: VcpUnitGroupClass, unit: VcUnit):
        self._unit = unit
        self._wait_timeout_sec = ugroup._wait_timeout_sec

    @property
    def name(self) -> str:
        """The unit's name."""
        return self._unit.name

    @property
    def state(self) -> str:
        """The unit's state when it was asked for last."""
        return self._unit.state

    def watch(self, wait_for: bool = True) -> None:
        """Switches liveness checks of all nodes on."""
        self._unit.watch()
        if wait_for is True:
            self.wait_nodes_applied()
            logger.info("watching successe.")

    def unwatch(self) -> None:
        """Switches liveness checks of all nodes off."""
        self._unit.unwatch()

    def df_nodes(self, privileged: Optional[bool] = False) -> Any:
        """The nodes or disks as a table."""
        with privilege(privileged):
            self._unit.config()
        return vcp_df_color(self._unit.nodes_df())

    def find_nodes(self, node_id: str = "", node_state: str = "", node_no: Any = "", ip_addresses: Sequence[str] = (),
                   ip_address: Optional[str] = None, cloud_instance_id: Optional[str] = None,
                   mapper: Optional[Callable[[VcNode], Any]] = None, privileged: Optional[bool] = False) -> list[Any]:
        """The nodes that fulfil every condition given (addresses: any of them), by their numbers."""
        with privilege(privileged):
            self._unit.config()
        nodes = sorted(self._unit.nodes, key=lambda node: node.no)
        return matching(nodes, node_id, node_state, node_no, ip_addresses, ip_address, cloud_instance_id, mapper)

    def find_ip_addresses(self, privileged: Optional[bool] = False, **conditions: Any) -> list[str]:
        """The addresses of the nodes that `find_nodes` would find."""
        return [node.cloud_instance_address for node in self.find_nodes(privileged=privileged, **conditions)]

    def add_nodes(self, num_add_nodes: int = 1, ip_addresses: Sequence[str] = (), ip_address: Optional[str] = None,
                  mac_addresses: Sequence[str] = (), mac_address: Optional[str] = None, wait_for: bool = True, verbose: int = 0,
                  privileged: Optional[bool] = False) -> list[VcNode]:
        """Adds nodes or disks, `num_add_nodes` or one for each address, and returns all that the unit has then."""
        for name, value in (("ip_addresses", ip_addresses), ("mac_addresses", mac_addresses)):
            if not isinstance(value, (list, tuple)):
                raise VcpSDKError(f"{name} is not list")
        addresses = merge_xxx_addresses(ip_address, ip_addresses)
        with privilege(privileged):
            self._unit.config()
            if self._unit.vc.type == "storage" and addresses:
                raise VcpSDKError("can't set ip_address(es) to storage")
            self._unit.add_node(num_add_nodes, addresses, merge_xxx_addresses(mac_address, mac_addresses))
            if wait_for is True:
                self.wait_nodes_applied()
                logger.info("add_node completed.")
            return self.find_nodes()

    def delete_nodes(self, num_delete_nodes: Optional[int] = None, node_no: Optional[int] = None,
                     cloud_instance_id: Optional[str] = None, ip_addresses: Optional[Sequence[str]] = None,
                     ip_address: Optional[str] = None, wait_for: bool = True, verbose: int = 0,
                     privileged: Optional[bool] = False) -> list[VcNode]:
        """Removes nodes or disks, one after the other; by at most one condition, without one a single node. Returns the rest."""
        choice = Choice(num_delete_nodes, node_no, cloud_instance_id, ip_addresses, ip_address)
        return self._each(choice, VcNode.delete, wait_for, privileged, "a node deleted.", "deleted node(s) completed.")

    def watch_nodes(self, num_watch_nodes: Optional[int] = None, node_no: Optional[int] = None,
                    cloud_instance_id: Optional[str] = None, ip_addresses: Optional[Sequence[str]] = None,
                    ip_address: Optional[str] = None, wait_for: bool = True, privileged: Optional[bool] = False,
                    verbose: int = 0) -> list[VcNode]:
        """Switches liveness checks of nodes on; conditions as of `delete_nodes`. Returns all nodes."""
        choice = Choice(num_watch_nodes, node_no, cloud_instance_id, ip_addresses, ip_address)
        return self._each(choice, VcNode.watch, wait_for, privileged, "a node watching start.", "watching node(s) has started.")

    def unwatch_nodes(self, num_watch_nodes: Optional[int] = None, node_no: Optional[int] = None,
                      cloud_instance_id: Optional[str] = None, ip_addresses: Optional[Sequence[str]] = None,
                      ip_address: Optional[str] = None, privileged: Optional[bool] = False, verbose: int = 0) -> list[VcNode]:
        """Switches liveness checks of nodes off; conditions as of `delete_nodes`. Returns all nodes."""
        choice = Choice(num_watch_nodes, node_no, cloud_instance_id, ip_addresses, ip_address)
        return self._each(choice, VcNode.unwatch, False, privileged, "", "unwatch node(s) completed.", settles=False)

    def power_off_nodes(self, num_power_off_nodes: Optional[int] = None, node_no: Optional[int] = None,
                        cloud_instance_id: Optional[str] = None, ip_addresses: Optional[Sequence[str]] = None,
                        ip_address: Optional[str] = None, wait_for: bool = True, privileged: Optional[bool] = False,
                        verbose: int = 0) -> list[VcNode]:
        """Switches instances off, one after the other; conditions as of `delete_nodes`. Returns all nodes."""
        choice = Choice(num_power_off_nodes, node_no, cloud_instance_id, ip_addresses, ip_address)
        return self._each(choice, VcNode.power_off, wait_for, privileged, "a node power off start.", "power off node(s) has started.")

    def power_on_nodes(self, num_power_on_nodes: Optional[int] = None, node_no: Optional[int] = None,
                       cloud_instance_id: Optional[str] = None, ip_addresses: Optional[Sequence[str]] = None,
                       ip_address: Optional[str] = None, wait_for: bool = True, privileged: Optional[bool] = False,
                       verbose: int = 0) -> list[VcNode]:
        """Switches instances on, one after the other; conditions as of `delete_nodes`. Returns all nodes."""
        choice = Choice(num_power_on_nodes, node_no, cloud_instance_id, ip_addresses, ip_address)
        return self._each(choice, VcNode.power_on, wait_for, privileged, "a node power on start.", "power on node(s) has started.")

    def _each(self, choice: Choice, operation: Callable[[VcNode], Any], wait_for: bool, privileged: Optional[bool], said: str,
              finally_said: str, settles: bool = True) -> list[VcNode]:
        choice.check(wait_for)
        with privilege(privileged):
            self._unit.config()
            chosen = choice.of(self._unit.nodes)
            for node in chosen:
                operation(node)
                if settles:
                    self.wait_nodes_applied()
                    logger.info(said)
            if chosen:
                logger.info(finally_said)
            return self.find_nodes()

    def wait_nodes_applied(self) -> None:
        """Waits until nothing of the unit is under way."""
        for seconds in ticks(self._wait_timeout_sec):
            self._unit.config()
            if self._unit.state == "INDEFINITE":
                is_stable = not any(node.state in UNSTABLE for node in self._unit.nodes)
            else:
                is_stable = self._unit.state not in UNSTABLE
            if is_stable:
                break
            logger.info("%s ... %d sec", self._unit.state, seconds)
        else:
            logger.info("unit %s is %s", self._unit.name, self._unit.state)
            raise VcpSDKError("Full of waiting time")
        logger.info("unit %s is %s", self._unit.name, self._unit.state)
        if self._unit.state == "ERROR":
            logger.error(self._unit.error())

    def __str__(self) -> str:
        return str(self._unit)
