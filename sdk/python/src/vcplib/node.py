"""A node of a compute unit, or a disk of a storage unit."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Optional

from .shell import Shell
from .wire import call

if TYPE_CHECKING:
    from .unit import VcUnit


class VcNode(Shell):
    """A node or a disk, as the controller told of it last.

    Both have `no`, `id`, `state`, `name`, `error_message`. Of the rest a node has `cloud_instance_address`, `cloud_instance_id`,
    `volumes`, `boot_date`, `container_date`, `watch_mode`, and a disk `used_state` (`in-use` or `un-use`), `cdate`,
    `cloud_disk_id`, `cloud_disk_size`; what belongs to the other kind is None.
    """

    def __init__(self, unit: VcUnit, node_json: dict[str, Any]):
        self.unit = unit
        self.vc = unit.vc
        self.occtr = unit.vc.occtr
        self.ssh_user_name = "root"
        self.last_error_http_status = 0
        self._take(node_json)

    def _take(self, told: dict[str, Any]) -> None:
        self.node_json = told
        is_disk = "disk_no" in told or self.vc.type == "storage"
        self.type = "storage" if is_disk else "compute"
        self.no: int = told["disk_no" if is_disk else "node_no"]
        self.id: str = told["disk_id" if is_disk else "node_id"]

        def of(is_mine: bool, key: str, absent: Any = "") -> Any:
            return told.get(key, absent) if is_mine else None

        self.cloud_instance_address: Optional[str] = of(not is_disk, "cloud_instance_address")
        self.cloud_instance_id: Optional[str] = of(not is_disk, "cloud_instance_id")
        self.volumes: Any = of(not is_disk, "volumes", [])
        self.boot_date = of(not is_disk, "boot_date")
        self.container_date = of(not is_disk, "container_date")
        self.watch_mode = of(not is_disk, "watch_mode")
        self.used_state: Optional[str] = ("in-use" if told.get("in_use") else "un-use") if is_disk else None
        self.cdate = of(is_disk, "cdate")
        self.cloud_disk_id = of(is_disk, "cloud_disk_id")
        self.cloud_disk_size = of(is_disk, "cloud_disk_size")
        self.name: str = told.get("name", "")
        self.error_message: str = told.get("error_message") or ""
        self.state: str = told.get("state", "")

    @property
    def _uri(self) -> str:
        return f"/vcs/{self.vc.vcid}/{self.unit.name}/{self.id}"

    def config(self) -> bool:
        """Asks the controller how the node is now."""
        self._take(json.loads(call(self.occtr, self, "config node failed", self._uri)))
        return True

    def delete(self) -> bool:
        """Asks for the node's or disk's removal; does not wait for it."""
        call(self.occtr, self, "delete node failed", self._uri, "DELETE")
        return True

    def suspend(self) -> bool:
        """Stops the base container."""
        return self._verb("suspend", "suspend node failed")

    def resume(self) -> bool:
        """Starts the base container again."""
        return self._verb("resume", "resume node failed")

    def stop(self) -> bool:
        """Ends the cloud instance; the node stays on record."""
        return self._verb("stop", "stop node failed")

    def start(self) -> bool:
        """Makes a cloud instance for the node again."""
        return self._verb("start", "start node failed")

    def watch(self) -> bool:
        """Switches liveness checks on."""
        return self._verb("watch", "watch failed")

    def unwatch(self) -> bool:
        """Switches liveness checks off."""
        return self._verb("unwatch", "unwatch failed")

    def power_off(self) -> bool:
        """Switches the instance off."""
        return self._verb("power_off", "power_off failed")

    def power_on(self) -> bool:
        """Switches the instance on."""
        return self._verb("power_on", "power_on failed")

    def backup(self) -> bool:
        """Has the controller keep the base container as an image."""
        self._only_compute("backup")
        call(self.occtr, self, "backup failed", self._uri + "/backup", "GET", expected=202)
        return True

    def _verb(self, verb: str, operation: str) -> bool:
        self._only_compute(verb)
        call(self.occtr, self, operation, f"{self._uri}/{verb}", "PATCH")
        return True

    def error(self) -> str:
        """What went wrong with the node, or else with its unit."""
        return self.error_message or self.unit.error()

    def __str__(self) -> str:
        text = f"[VcNode]\n+ type[{self.type}] no({self.no}) state[{self.state}] id[{self.id}] "
        if self.type == "compute":
            text += (f"cloud_instance_address[{self.cloud_instance_address}] cloud_instance_id[{self.cloud_instance_id}] "
                     f"boot_date[{self.boot_date}] container_date[{self.container_date}] watch_mode[{self.watch_mode}]")
            if self.volumes:
                text += "\n" + "".join(
                    f"\tvolume_id[{volume['volume_id']}] device_name[{volume.get('device_name', 'none')}]\n"
                    for volume in self.volumes)
        else:
            text += (f"cdate[{self.cdate}] used_state[{self.used_state}] "
                     f"cloud_disk_id[{self.cloud_disk_id}] cloud_disk_size[{self.cloud_disk_size}] ")
        return text + has_error(self.error_message) + "\n"


def has_error(message: str) -> str:
    """The part of a text that shows an error; empty if there is none."""
    return f"*** HAS ERROR:\n---\n{message}\n---\n" if message else ""
