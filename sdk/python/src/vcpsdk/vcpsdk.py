"""The SDK: what notebooks import.

    from common import logsetting
    from vcpsdk.vcpsdk import VcpSDK

    sdk = VcpSDK(vcc_access_token)
    ugroup = sdk.create_ugroup("my-group")
    spec = sdk.get_spec("onpremises", "default")
    spec.ip_addresses = ["10.0.0.11"]
    unit = ugroup.create_unit("server", spec)
"""
from __future__ import annotations

import json
from typing import Any, NoReturn, Optional

import pandas as pd
import requests

from vcplib import occtr
from vcplib.occtr import privilege, set_privilege_mode, unset_privilege_mode, vcp_df_color
from vcplib.wire import ANSWER_SECONDS, CONNECT_SECONDS

from .plugins.chameleon_ext import VcpChameleonOpenrc
from .plugins.providers import PROVIDERS
from .plugins.spec import SPEC_CLASSES, VcpSpecResource
from .ugroup import VcpUnitGroupClass
from .unit import VcpUnitClass
from .vcp_config_yaml import VcpConfigYaml
from .vcp_tools import VcpSDKError
from .vcpsdk_config import VCP_SDK_VERSION

__all__ = ["VcpExtClass", "VcpSDK", "VcpSDKError", "VcpSpecClass", "VcpUnitClass", "VcpUnitGroupClass", "VCP_SDK_VERSION",
           "set_privilege_mode", "unset_privilege_mode"]

VCP_VAULT_SCHEME = "https"
CHAMELEON_EXT_VERSION = "20200831"

# The classes of the specs, as programs import them.
globals().update(SPEC_CLASSES)


class VcpSpecClass:
    """Finds specs by provider and flavor."""

    def __init__(self, config_dir: str = ""):
        self._config_dir = config_dir

    def find_spec(self, provider_name: str, flavor: str) -> VcpSpecResource:
        """A new spec, filled from the user's configuration and the flavor."""
        provider = PROVIDERS.get(provider_name)
        if provider is None:
            raise VcpSDKError(f"no flavor provider_name[{provider_name}] flavor[{flavor}]")
        return SPEC_CLASSES[provider.class_name](provider_name, flavor, self._config_dir)


class VcpExtClass:
    """Finds what providers offer beyond specs: reservations of Chameleon, which this SDK does not make."""

    def __init__(self, config_dir: str = "", vcc_access_token: str = ""):
        self._config_dir = config_dir
        self._vcc_access_token = vcc_access_token

    def find_extension(self, provider_name: str) -> NoReturn:
        """Always an error: of Chameleon that its reservations are made in its own portal, of others that there is none."""
        if provider_name.split("_")[0] == "chameleon":
            VcpChameleonOpenrc(provider_name, self._config_dir, self._vcc_access_token)
        raise VcpSDKError(f"no extension provider_name[{provider_name}]")


class VcpSDK:
    """A controller, spoken to with an access token.

    `config_dir` holds `vcp_config.yml` and `vcp_flavor.yml`; without it VCPSDK_CONFIG_DIR, `/notebooks/notebook/vcp_config` or
    `~/vcp_config` is taken. `verbose` 1 to 3 logs requests, statuses, bodies. Raises if the controller refuses the token.
    """

    def __init__(self, vcc_access_token: str = "", config_dir: str = "", verbose: int = 0):
        self._vcc_access_token = vcc_access_token
        self._config_dir = config_dir
        self._vcp_config = VcpConfigYaml(config_dir).load("vcp_config")
        vcc = self._vcp_config["vcc"]
        host = f"{vcc['host']}:{vcc['vcc_port']}" if "vcc_port" in vcc else vcc["host"]
        unset_privilege_mode(privileged=True)
        self._oc = occtr.Occtr(vcc_access_token, vcc_host=host, verbose=verbose,
                               insecure_request_warning=vcc.get("insecure_request_warning", True))
        self.authority()

    @property
    def verbose(self) -> int:
        """How much is logged of requests: 0 nothing, 3 all."""
        return self._oc.verbose

    @verbose.setter
    def verbose(self, verbose: int) -> None:
        self._oc.verbose = verbose

    @property
    def config_dir(self) -> str:
        """The directory of the configuration, as it was given."""
        return self._config_dir

    @config_dir.setter
    def config_dir(self, config_dir: str) -> None:
        self._config_dir = config_dir

    def authority(self) -> dict[str, str]:
        """Who the token's user is: `role` (fullaccess or readonly), `user_name`, `user_role` (super or regular)."""
        told: dict[str, str] = json.loads(self._oc.authority())
        return told

    def get_spec(self, provider_name: str, flavor: str) -> VcpSpecResource:
        """A new spec of a provider (`aws`, `aws_disk`, `onpremises`) with the values of a flavor."""
        return VcpSpecClass(self._config_dir).find_spec(provider_name, flavor)

    def get_extension(self, provider_name: str) -> Any:
        """What a provider offers beyond specs; see `VcpExtClass`."""
        return VcpExtClass(self._config_dir, self._vcc_access_token).find_extension(provider_name)

    def create_ugroup(self, ugroup_name: str, ugroup_type: str = "compute", privileged: Optional[bool] = False) -> VcpUnitGroupClass:
        """Makes a unit group for nodes (`compute`) or for disks (`storage`). The name must be new."""
        with privilege(privileged):
            if self.find_ugroups(ugroup_name=ugroup_name):
                raise VcpSDKError("aleady exist UnitGroup. change name or cleanup first!")
            vc = self._oc.create_vc(VcpUnitGroupClass.empty_cci(ugroup_name, ugroup_type))
        return VcpUnitGroupClass(vc, vcp_config=self._vcp_config)

    def get_ugroup(self, ugroup_name: str, privileged: Optional[bool] = False) -> Optional[VcpUnitGroupClass]:
        """The unit group with this name, or None."""
        return next(iter(self.find_ugroups(ugroup_name=ugroup_name, privileged=privileged)), None)

    def find_ugroups(self, ugroup_name: str = "", vcid: str = "", vcno: Any = "", state: Optional[str] = None,
                     ugroup_type: str = "", privileged: Optional[bool] = False) -> list[VcpUnitGroupClass]:
        """The unit groups that fulfil every condition given."""
        with privilege(privileged):
            self._oc.config()
        return [
            VcpUnitGroupClass(vc, vcp_config=self._vcp_config) for vc in self._oc.vcs
            if ugroup_name in ("", vc.name) and vcid in ("", vc.vcid) and vcno in ("", vc.vcno)
            and ugroup_type in ("", vc.type) and state in (None, vc.state)
        ]

    def df_ugroups(self, privileged: Optional[bool] = False) -> Any:
        """The unit groups as a table."""
        with privilege(privileged):
            self._oc.config()
        return self._oc.vcs_df()

    def df_nodes(self, privileged: Optional[bool] = False) -> Any:
        """The nodes and disks of all unit groups as a table; an empty list if there are none."""
        with privilege(privileged):
            self._oc.config()
        return vcp_df_color([unit.nodes_df() for vc in self._oc.vcs for unit in vc.units if unit.nodes])

    def df_flavors(self, provider_name: str) -> pd.DataFrame:
        """The flavors of a provider as a table. An unknown provider is an error."""
        flavors = VcpConfigYaml(self._config_dir).load("vcp_flavor")
        if not flavors.get(provider_name):
            raise VcpSDKError(f"no flavor of [{provider_name}]; there are flavors of {', '.join(flavors)}")
        return pd.json_normalize([{"flavor": name, **values} for name, values in flavors[provider_name].items()])

    def version(self) -> None:
        """Prints the versions of the SDK, its plug-ins and the controller, as YAML."""
        self._oc.version()
        print(f"\nvcpsdk:\n  filename: {__file__}\n  version: {VCP_SDK_VERSION}")
        print("\n  plugin:" + _listed(_plugins()))
        vcc, controller = self._vcp_config["vcc"], self._oc.occtr_version()
        print(f"\nvc_controller:\n  host: {vcc['host']}\n  name: {vcc['name']}\n  wait_timeout_sec: {_timeout(vcc)}"
              f"\n  vc_controller: {controller['version']}\n  vc_controller_git_tag: {controller['git_tag']}")
        print("\n  plugin:" + _listed(controller["plugin"]), end="")

    def version_dict(self) -> dict[str, Any]:
        """The versions as a dictionary."""
        vcc, controller = self._vcp_config["vcc"], self._oc.occtr_version()
        return {
            "vcplib": self._oc.version(output=False),
            "vcpsdk": {"filename": __file__, "version": VCP_SDK_VERSION, "plugin": _plugins()},
            "vc_controller": {
                "host": vcc["host"], "name": vcc["name"], "wait_timeout_sec": _timeout(vcc),
                "version": controller["version"], "git_tag": controller["git_tag"], "plugin": controller["plugin"],
            },
        }

    def vcc_info(self) -> dict[str, Any]:
        """Where the controller, its vault and its registries are, by the configuration."""
        vcc = VcpConfigYaml(self._config_dir).load("vcp_config")["vcc"]
        host, private = vcc["host"], vcc.get("private_ip", vcc["host"])
        port = f"{host}:{vcc['vcc_port']}" if "vcc_port" in vcc else 443
        return {
            "host": f"{host}:{port}",
            "vault_url": f"{VCP_VAULT_SCHEME}://{host}:{vcc.get('vault_port', 8443)}",
            "docker_registry": {"official": f"{private}:5000", "user": f"{private}:5001"},
        }

    def get_vpn_catalog(self, provider: Optional[str] = None, vpn_catalog_name: str = "default") -> dict[str, Any]:
        """One network of the VPN catalogue, or the whole catalogue if no provider is named."""
        return self._oc.vpn_catalog(provider, vpn_catalog_name=vpn_catalog_name)

    def get_publickey(self) -> str:
        """The SSH public key that existing servers must let in."""
        return self._oc.publickey()

    def post_credential(self, key: str, value: str) -> None:
        """Keeps a credential in the token's own secrets (`cubbyhole/<key>`), for `vault://cubbyhole/<key>` in the configuration."""
        self._vault("POST", key, {"value": value})

    def get_credential(self, key: str) -> str:
        """A credential that `post_credential` kept."""
        return str(self._vault("GET", key)["data"]["value"])

    def _vault(self, method: str, key: str, body: Optional[dict[str, str]] = None) -> Any:
        url = f"{self.vcc_info()['vault_url']}/v1/cubbyhole/{key.strip('/')}"
        answer = requests.request(method, url, json=body, headers={"X-Vault-Token": self._oc.vcc_access_token},
                                  verify=self._oc.insecure_request_warning, timeout=(CONNECT_SECONDS, ANSWER_SECONDS))
        if not answer.ok:
            raise VcpSDKError(f"cubbyhole/{key}: http_status({answer.status_code})")
        return answer.json() if answer.content else None

    def __str__(self) -> str:
        self.version()
        return ""


def _plugins() -> dict[str, str]:
    return {name: provider.version for name, provider in PROVIDERS.items()} | {"chameleon_ext": CHAMELEON_EXT_VERSION}


def _listed(versions: dict[str, str]) -> str:
    return "".join(f"\n    {name}: {version}" for name, version in versions.items())


def _timeout(vcc: dict[str, Any]) -> Any:
    return vcc.get("wait_timeout_sec", "1000(default 15min)")
