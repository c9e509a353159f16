"""The controller (`Occtr`), and everything of `vcplib` under the names that programs import."""
from __future__ import annotations

import json
from typing import Any, Optional
from urllib.parse import quote

import requests

from .node import VcNode
from .privilege import is_privileged, privilege, set_privilege_mode, unset_privilege_mode
from .table import frame, vcp_df_color, vcp_short_id, vcp_to_status_color
from .unit import VcUnit
from .vc import Vc, encoded
from .wire import api_call, call, vcp_server_error, vcp_server_message

__all__ = [
    "Occtr", "VCP_LIB_VERSION", "Vc", "VcNode", "VcUnit", "api_call", "is_privileged", "privilege", "set_privilege_mode",
    "unset_privilege_mode", "vcp_df_color", "vcp_server_error", "vcp_server_message", "vcp_short_id", "vcp_to_status_color",
]

VCP_LIB_VERSION = "25.10.0+20251001"
VCP_SCHEMA = "https"
VC_COLUMNS = ["vcno", "vctype", "owner", "vcname", "state", "vcid", "cdate"]


class Occtr:
    """A controller, spoken to with one access token. `vcs` are the unit groups that the token's user sees."""

    def __init__(self, vcc_access_token: str = "", vcc_host: str = "localhost", verbose: int = 0,
                 insecure_request_warning: Any = True):
        self.verbose = verbose
        self.last_error_http_status = 0
        self.api_end_point = f"{VCP_SCHEMA}://{vcc_host}/vcp/v1/occtr"
        self.vcc_access_token = vcc_access_token.strip()
        self.insecure_request_warning = insecure_request_warning
        self.session = requests.Session()
        self.vcs: list[Vc] = []
        self.config()

    def config(self) -> bool:
        """Asks the controller for all unit groups."""
        call(self, self, "config vc failed", "")
        self.vc_json = json.loads(call(self, self, "config vc failed", "/vcs"))["vcs"]
        self.vcs = [Vc(self, vc) for vc in self.vc_json]
        return True

    def create_vc(self, cci: str = "") -> Vc:
        """Makes a unit group that a document describes."""
        answer = call(self, self, "create vc failed", "/vcs", "POST", {"cci": encoded(cci)} if cci else {})
        vcid = json.loads(answer)["vcid"]
        self.config()
        for vc in self.vcs:
            if vc.vcid == vcid:
                return vc
        raise Exception("VCP", "create vc failed: cannot find new vc")

    def healthcheck(self) -> bool:
        """Whether the controller is well."""
        status: int = api_call(self, "/")[0]
        if status != 200:
            self.last_error_http_status = status
        return status == 200

    def authority(self) -> str:
        """Who the token's user is: JSON with `role`, `user_name`, `user_role`."""
        return call(self, self, "authority error", "/accounts/authority")

    def publickey(self) -> str:
        """The SSH public key that existing servers must let in."""
        return str(json.loads(call(self, self, "publickey failed", "/publickey"))["publickey"])

    def vpn_catalog(self, provider: Optional[str] = None, vpn_catalog_name: str = "default") -> dict[str, Any]:
        """One network of the VPN catalogue, or the whole of it if no provider is named."""
        catalog: dict[str, Any] = json.loads(call(self, self, "config node failed", "/vpn_catalog"))["vpn_catalog"]
        if provider is None:
            return {name: networks for name, networks in catalog.items() if name != "cci_version"}
        try:
            network: dict[str, Any] = catalog[provider][vpn_catalog_name]
            return network
        except (KeyError, TypeError):
            message = f"not exist in vpn_catalog, provider[{provider}] vpn_catalog_name[{vpn_catalog_name}]"
            raise Exception("VCP", message) from None

    def cci_template_list(self) -> Any:
        """Templates of documents. Not offered by every controller."""
        return json.loads(call(self, self, "cci template list error", "/ccts"))

    def cci_candidate(self, name: str, filename: str) -> bool:
        """Writes a document made from a template into a file. Not offered by every controller."""
        answer = call(self, self, "cci candidate failed", "/ccis/candidate?name=" + quote(name, safe=""))
        with open(filename, "w", encoding="utf-8") as file:
            file.write(json.loads(answer)["cci"])
        return True

    def occtr_version(self) -> dict[str, Any]:
        """The controller's version: `version`, `git_tag`, and `plugin` with a version for each provider."""
        told: dict[str, Any] = json.loads(call(self, self, "oc controller version failed", "/version"))
        return told

    def version(self, output: bool = True) -> dict[str, str]:
        """The version of this library, printed unless `output` is False."""
        if output:
            print(f"\nvcplib:\n  filename: {__file__}\n  version: {VCP_LIB_VERSION}")
        return {"filename": __file__, "version": VCP_LIB_VERSION}

    def vcs_df(self) -> Any:
        """The unit groups as a table."""
        return vcp_df_color(frame(VC_COLUMNS, ({
            "vcno": vc.vcno, "vctype": vc.type, "owner": vc.owner, "vcname": vc.name, "state": vc.state,
            "vcid": vcp_short_id(vc.vcid), "cdate": vc.cdate,
        } for vc in self.vcs)))
