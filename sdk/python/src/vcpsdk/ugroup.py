"""A unit group, as notebooks use it."""
from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Callable, NoReturn, Optional

from vcplib.occtr import Vc, VcNode, privilege, vcp_df_color

from .pace import UNSTABLE, settle, ticks, wait_timeout
from .plugins.spec import VcpSpecResource
from .search import matching
from .unit import VcpUnitClass
from .vcp_tools import VcpSDKError
from .vcpsdk_config import VCP_SDK_VERSION

logger = logging.getLogger("vcp.sdk")


class VcpUnitGroupClass:
    """A unit group. Every method asks the controller first; `privileged=True` acts on another user's unit group.

    After `cleanup` there is nothing left to act on, and the object refuses.
    """

    def __init__(self, vc: Optional[Vc] = None, vcp_config: Any = ""):
        self._group: Optional[Vc] = vc
        self._vcp_config = vcp_config
        self._wait_timeout_sec = wait_timeout(vcp_config)

    @property
    def _vc(self) -> Vc:
        if self._group is None:
            raise VcpSDKError("no yet setup unit_group")
        return self._group

    @property
    def name(self) -> str:
        """The name; assigning another renames the unit group."""
        return self._vc.name

    @name.setter
    def name(self, name: str) -> None:
        self._vc.config()
        if self.name != name:
            self._vc.update(self.empty_cci(name, self._vc.type))

    @property
    def owner(self) -> str:
        """The user whose it is."""
        return self._vc.owner

    @property
    def state(self) -> str:
        """The state when it was asked for last."""
        return self._vc.state

    def create_unit(self, unit_name: str, spec: VcpSpecResource, wait_for: bool = True, privileged: Optional[bool] = False,
                    verbose: int = -1) -> VcpUnitClass:
        """Makes a unit and waits until its nodes or disks are there.

        Raises a `VcpSDKError` if the name is taken, the spec is of the other kind, the unit ends in ERROR, or the time is over;
        after the last the unit may still come out, see `get_unit`.
        """
        with privilege(privileged):
            if self.find_units(unit_name=unit_name):
                raise VcpSDKError(f"already exist unit[{unit_name}]")
            if self._vc.type != spec.unit_type:
                raise VcpSDKError(f"not much ugroup_type vc[{self._vc.type}] and spec[{spec.unit_type}]")
            self._vc.add_unit(unit_name, spec.cci(unit_name))
            if wait_for is True:
                self.wait_unit_applied(unit_name)
            found = self.find_units(unit_name=unit_name)
        if not found:
            raise VcpSDKError("can't create unit")
        return found[0]

    def delete_units(self, unit_name: str, wait_for: bool = True, force: bool = False, privileged: Optional[bool] = False,
                     verbose: int = 0) -> None:
        """Removes the unit with this name; with `force` also if it has nodes."""
        with privilege(privileged):
            found = self.find_units(unit_name=unit_name)
            if not found:
                raise VcpSDKError(f"no unit unit_name[{unit_name}]")
            found[0]._unit.delete(force=force)
            if wait_for is True:
                self.wait_unit_applied(unit_name)
                logger.info("delete_unit completed.")

    def wait_unit_applied(self, unit_name: str) -> None:
        """Waits until nothing of a unit is under way, or it is gone."""
        state: Optional[str] = None
        for seconds in ticks(self._wait_timeout_sec):
            found = self.find_units(unit_name)
            state = found[0].state if found else None
            if state not in UNSTABLE and state != "INDEFINITE":
                break
            logger.info("%s ... %d sec", state, seconds)
        else:
            self._give_up(unit_name)
        if state != "ERROR":
            settle()
        logger.info("unit %s is %s", unit_name, state)
        if state == "ERROR":
            logger.error(str(self._vc))
            raise VcpSDKError(f"failed ({unit_name})")

    def _give_up(self, unit_name: str) -> NoReturn:
        logger.info("unit %s is %s", unit_name, None)
        raise VcpSDKError(f"Full of waiting time ({unit_name})")

    def df_units(self, privileged: Optional[bool] = False) -> Any:
        """The units as a table."""
        with privilege(privileged):
            self._vc.config()
        return self._vc.units_df()

    def df_nodes(self, privileged: Optional[bool] = False) -> Any:
        """The nodes or disks of all units as a table; an empty list if there are none."""
        with privilege(privileged):
            self._vc.config()
        return vcp_df_color([unit.nodes_df() for unit in self._vc.units if unit.nodes])

    def find_units(self, unit_name: str = "", privileged: Optional[bool] = False) -> list[VcpUnitClass]:
        """The units, or the one with this name."""
        with privilege(privileged):
            self._vc.config()
        return [VcpUnitClass(self, unit) for unit in self._vc.units if unit_name in ("", unit.name)]

    def get_unit(self, unit_name: str, privileged: Optional[bool] = False) -> Optional[VcpUnitClass]:
        """The unit with this name, or None."""
        return next(iter(self.find_units(unit_name=unit_name, privileged=privileged)), None)

    def find_nodes(self, unit_name: str = "", node_id: str = "", node_state: str = "", node_no: Any = "",
                   ip_addresses: Sequence[str] = (), ip_address: Optional[str] = None, cloud_instance_id: Optional[str] = None,
                   mapper: Optional[Callable[[VcNode], Any]] = None, privileged: Optional[bool] = False) -> list[Any]:
        """The nodes or disks that fulfil every condition given (addresses: any of them)."""
        with privilege(privileged):
            self._vc.config()
        nodes = [node for unit in self._vc.units if unit_name in ("", unit.name) for node in unit.nodes]
        return matching(nodes, node_id, node_state, node_no, ip_addresses, ip_address, cloud_instance_id, mapper)

    def find_ip_addresses(self, privileged: Optional[bool] = False, **conditions: Any) -> list[str]:
        """The addresses of the nodes that `find_nodes` would find."""
        return self.find_nodes(**conditions, mapper=lambda node: node.cloud_instance_address, privileged=privileged)

    def change_owner(self, new_owner: str, privileged: Optional[bool] = False) -> None:
        """Gives the unit group to another user."""
        with privilege(privileged):
            self._vc.change_owner(new_owner)

    def cleanup(self, wait_for: bool = True, privileged: Optional[bool] = False) -> None:
        """Removes the unit group with all units and nodes."""
        name = self._vc.name
        with privilege(privileged):
            self._vc.delete(force=True)
            if wait_for is True:
                self.wait_cleanup()
                logger.info("cleanup completed. vc %s is cleanup(no unit)", name)
        self._group = None

    def wait_cleanup(self) -> None:
        """Waits until the unit group is gone or empty. Raises a `VcpSDKError` if something stays."""
        for seconds in ticks(self._wait_timeout_sec):
            if not self._vc.config() or not self._vc.units:
                return
            logger.info("%s ... %d sec", "\n".join(f"{unit.name} is {unit.state}" for unit in self._vc.units), seconds)
            # A disk that is attached stays, and is at rest again.
            at_rest = {"ERROR", "RUNNING"} if self._vc.type == "storage" else {"ERROR"}
            if all(unit.state in at_rest for unit in self._vc.units):
                break
        raise VcpSDKError("not completed!!!")

    def update_ugroup_name(self, ugroup_name: str, ugroup_type: str = "compute", privileged: Optional[bool] = False) -> None:
        """Renames the unit group."""
        with privilege(privileged):
            self._vc.update(self.empty_cci(ugroup_name, ugroup_type))

    @staticmethod
    def empty_cci(ugroup_name: str, ugroup_type: str = "compute") -> str:
        """The document that asks for a unit group without units."""
        return (f'\n- vc:\n    cci_version: "{VCP_SDK_VERSION}"\n    type: {ugroup_type}\n'
                f'    description: "{ugroup_name}"\n    name: {ugroup_name}')

    def __str__(self) -> str:
        return str(self._group)
