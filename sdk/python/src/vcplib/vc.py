"""A unit group."""
from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pandas as pd

from .table import frame, vcp_short_id
from .unit import VcUnit
from .wire import api_call, call, vcp_server_error

if TYPE_CHECKING:
    from .occtr import Occtr

UNIT_COLUMNS = ["vctype", "vcno", "vcname", "vc_state", "vcid", "cdate", "unit_name", "unit_state"]


def encoded(document: str) -> str:
    """A CCI document as requests carry it."""
    return base64.b64encode(document.encode()).decode()


class Vc:
    """A unit group, as the controller told of it last: `vcid`, `vcno`, `vcc_id`, `name`, `owner`, `type`, `state`, `cdate`,
    `error_message` and its `units`."""

    def __init__(self, occtr: Occtr, vc_json: dict[str, Any]):
        self.occtr = occtr
        self.last_error_http_status = 0
        self._take(vc_json)

    def _take(self, told: dict[str, Any]) -> None:
        self.vc = told
        self.type: str = told.get("type") or "compute"
        self.vcid: str = told["vcid"]
        self.vcno: Any = told.get("vcno", "")
        self.vcc_id: str = told.get("vcc_id", "")
        self.name: str = told.get("name", "")
        self.owner: str = told.get("owner", "")
        self.state: str = told.get("state", "")
        self.cdate: str = told.get("cdate", "")
        self.error_message: str = told.get("error_message") or ""
        self.units = [VcUnit(self, unit) for unit in told.get("unit", [])]

    @property
    def _uri(self) -> str:
        return "/vcs/" + self.vcid

    def config(self) -> bool:
        """Asks the controller how the unit group is now; False if it is gone."""
        status, body = api_call(self.occtr, self._uri)
        if status == 404:
            self._take({"vcid": self.vcid, "error_message": "not found"})
            return False
        if status != 200:
            self.last_error_http_status = status
            vcp_server_error(status, "config vc failed", body)
        self._take(json.loads(body))
        return True

    def update(self, cci: str = "") -> bool:
        """Changes the unit group to what a document says, its name above all."""
        call(self.occtr, self, "update vc failed", self._uri, "PUT", {"cci": encoded(cci)} if cci else {})
        self.config()
        return True

    def delete(self, force: bool = False) -> bool:
        """Asks for the unit group's removal; with `force` also if it has units."""
        call(self.occtr, self, "delete vc failed", self._uri, "DELETE", {"force": "true" if force else "false"})
        return True

    def change_owner(self, new_owner: str) -> bool:
        """Gives the unit group to another user."""
        body = {"owner": new_owner, "operation": "change_owner"}
        call(self.occtr, self, "change owner vc failed", self._uri, "PATCH", body)
        return True

    def add_unit(self, unit_name: str, info: str) -> bool:
        """Asks for a unit that a document describes; does not wait for its nodes."""
        call(self.occtr, self, "add unit failed", self._uri, "POST", {"info": encoded(info), "unit_name": unit_name})
        self.config()
        return True

    def units_df(self) -> pd.DataFrame:
        """The units as a table."""
        return frame(UNIT_COLUMNS, ({
            "vctype": self.type, "vcno": self.vcno, "vcname": self.name, "vc_state": self.state,
            "vcid": vcp_short_id(self.vcid), "cdate": self.cdate, "unit_name": unit.name, "unit_state": unit.state,
        } for unit in self.units))

    def error(self) -> str:
        """What went wrong with the unit group."""
        return self.error_message

    def __str__(self) -> str:
        text = (f"[Vc]\n+ type[{self.type}] name[{self.name}] owner({self.owner}) vcno({self.vcno}) "
                f"state[{self.state}] vcid[{self.vcid}]\n")
        if self.units:
            text += "".join(str(unit) for unit in self.units if unit.state == "ERROR") + "\n"
        return text
