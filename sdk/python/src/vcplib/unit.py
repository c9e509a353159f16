"""A unit: nodes, or disks, of one provider and one spec."""
from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from .node import VcNode, has_error
from .table import frame, vcp_short_id
from .wire import call

if TYPE_CHECKING:
    from .vc import Vc

_COMMON = ["vcno", "vcname", "unit_name", "unit_state"]
NODE_COLUMNS = [*_COMMON, "node_no", "node_id", "node_state", "cloud_instance_address", "cloud_instance_id",
                "cloud_instance_name", "volumes"]
DISK_COLUMNS = [*_COMMON, "disk_no", "disk_id", "node_state", "cloud_disk_id", "cloud_disk_size"]


class VcUnit:
    """A unit, as the controller told of it last: `name`, `state`, `error_message`, and `nodes` (nodes or disks)."""

    def __init__(self, vc: Vc, unit_json: dict[str, Any]):
        self.vc = vc
        self.occtr = vc.occtr
        self.last_error_http_status = 0
        self._take(unit_json)

    def _take(self, told: dict[str, Any]) -> None:
        self.unit = told
        self.type = "storage" if self.vc.type == "storage" or told.get("disk") else "compute"
        self.name: str = told.get("name", "")
        self.state: str = told.get("state", "")
        self.error_message: str = told.get("error_message") or ""
        self.nodes = [VcNode(self, node) for node in [*told.get("node", []), *told.get("disk", [])]]

    @property
    def _uri(self) -> str:
        return f"/vcs/{self.vc.vcid}/{self.name}"

    def config(self) -> bool:
        """Asks the controller how the unit is now."""
        self._take(json.loads(call(self.occtr, self, "config unit failed", self._uri)))
        return True

    def delete(self, force: bool = False) -> bool:
        """Asks for the unit's removal; with `force` also if it has nodes."""
        call(self.occtr, self, "delete unit failed", self._uri, "DELETE", {"force": "true" if force else "false"})
        return True

    def add_node(self, nums: int, ip_address_list: Sequence[str] = (), mac_address_list: Sequence[str] = ()) -> bool:
        """Asks for more nodes or disks: `nums`, or as many as there are addresses."""
        addresses, macs = list(ip_address_list), list(mac_address_list)
        if addresses and macs and len(addresses) != len(macs):
            raise Exception("VCP", "mac_address_list and ip_address_list has element but their length are different")
        body = {"ip_address_list": addresses, "mac_address_list": macs, "num_nodes": len(addresses) or len(macs) or nums}
        call(self.occtr, self, "add node failed", self._uri, "PUT", body)
        return self.config()

    def add_server(self, ip_address_list: Sequence[str]) -> bool:
        """Asks for nodes on existing servers."""
        call(self.occtr, self, "add_server unit failed", self._uri, "PUT", {"ip_address_list": list(ip_address_list)})
        return self.config()

    def suspend(self) -> bool:
        """Stops the base containers."""
        return self._verb("suspend")

    def resume(self) -> bool:
        """Starts the base containers again."""
        return self._verb("resume")

    def stop(self) -> bool:
        """Ends the cloud instances; the nodes stay on record."""
        return self._verb("stop")

    def start(self) -> bool:
        """Makes cloud instances for the nodes again."""
        return self._verb("start")

    def watch(self) -> bool:
        """Switches liveness checks on."""
        return self._verb("watch")

    def unwatch(self) -> bool:
        """Switches liveness checks off."""
        return self._verb("unwatch")

    def _verb(self, verb: str) -> bool:
        if self.type != "compute":
            raise Exception("VCP", f"{verb} only compute unit")
        call(self.occtr, self, f"{verb} unit failed", f"{self._uri}/{verb}", "PATCH")
        return True

    def unit_info(self) -> str:
        """The unit's document, in base64."""
        return base64.b64encode(self.unit["info"].encode()).decode()

    def nodes_df(self, cols: Sequence[str] = ()) -> pd.DataFrame:
        """The nodes or disks as a table."""
        return frame(cols or (DISK_COLUMNS if self.type == "storage" else NODE_COLUMNS), map(self._row, self.nodes))

    def _row(self, node: VcNode) -> dict[str, Any]:
        return {
            "vcno": self.vc.vcno, "vcname": self.vc.name, "vcid": vcp_short_id(self.vc.vcid), "vc_state": self.vc.state,
            "unit_name": self.name, "unit_state": self.state,
            "node_state": node.state, "disk_state": node.state,
            "node_no": node.no, "disk_no": node.no,
            "node_id": vcp_short_id(node.id), "disk_id": vcp_short_id(node.id),
            "cloud_instance_address": node.cloud_instance_address,
            "cloud_instance_id": node.cloud_instance_id,
            "cloud_instance_name": f"VCP-{self.vc.vcc_id[:8]}-{self.vc.vcid[:8]}",
            "volumes": "exists" if node.volumes else "none",
            "cloud_disk_id": node.cloud_disk_id, "cloud_disk_size": node.cloud_disk_size,
        }

    def error(self) -> str:
        """What went wrong with the unit, or else with its unit group."""
        return self.error_message or self.vc.error()

    def __str__(self) -> str:
        return f"[VcUnit]\n+ type[{self.type}] name[{self.name}]  state[{self.state}]\n{has_error(self.error_message)}\n"
