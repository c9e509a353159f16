"""A spec: what a unit shall be. One class for all providers, made from their table; each provider's has a name of its own."""
from __future__ import annotations

import base64
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Optional

import jsonschema

from vcplib.occtr import VcNode

from ..vcp_config_yaml import VcpConfigYaml
from ..vcp_tools import VcpSDKError
from .providers import ADDRESSES, CREDENTIAL, DISKS, FLAVOR, MACS, PROVIDERS, Field, Provider

UNIT_CCI_VERSION = "1.1"
BASE_IMAGE = "vcp/base:2.1.0-alpine3.21-x86_64"
"""The base container's image where a spec names none."""
INIT_COMMAND_MAX = 93 * 1024
"""The most bytes of a script in `user_init_command`."""

_RULE = "=" * 24
_OPTIONS = ("hostname", "dns", "dns_search", "dns_opt", "add_host", "gpus")


class VcpSpecResource:
    """What a unit shall be. Attributes of all providers:

    `num_nodes` (`num_disks` of disks), `private_network`, `image`, `recovery_mode`, `params_v` (`-v` of the base container),
    `params_e` (`-e`), `hostname`, `dns`, `dns_search`, `dns_opt`, `add_host` (`name:address`), `gpus`, `user_init_command`; and
    those of the provider's table. Any other name is an AttributeError.
    """

    provider: Provider
    vcp_config_key: str
    version: str
    unit_type: str
    _unit: dict[str, Any]
    _docker: dict[str, Any]
    _params: dict[str, Any]
    _tags: dict[str, str]

    def __init__(self, provider_name: str, flavor: str, config_dir: str = ""):
        files = VcpConfigYaml(config_dir)
        config = files.load("vcp_config")
        flavors = files.load("vcp_flavor").get(provider_name) or {}
        if flavor not in flavors:
            raise VcpSDKError(f"no flavor provider_name[{provider_name}] flavor[{flavor}]")
        section = config.get(self.provider.section) or {}
        for key in self.provider.credentials:
            if key not in section:
                raise VcpSDKError(f"{files.path('vcp_config')}: {self.provider.section} has no [{key}]")
        options = config.get("spec_options") or {}
        self._set("_unit", {
            "private_network": section.get("private_network", "default"), "count": 1, "image": BASE_IMAGE, "recovery_mode": "none",
            "v": [], "e": [], "user_init_command": None})
        self._set("_docker", {"dns_opt" if key == "options" else key: value for key, value in options.items() if value is not None})
        self._set("_params", {field.key: _first(field, section, flavors[flavor], self.provider.name) for field in self.provider.fields})
        self._set("_tags", {})

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_") or not isinstance(getattr(type(self), name, None), property):
            raise AttributeError(f"spec resource has no attributes!!  [{name}]")
        object.__setattr__(self, name, value)

    def set_ssh_pubkey(self, path: str) -> None:
        """Lets the owner of a public key log in at port 22 of the nodes."""
        try:
            key = Path(path).expanduser().read_bytes()
        except OSError as error:
            raise VcpSDKError(f"public key [{path}] can't be read: {error.strerror}") from error
        self._unit["e"].append("AUTHORIZED_KEYS=" + base64.b64encode(key).decode())

    def set_tag(self, key: str, value: str) -> None:
        """Tags the cloud's resources."""
        if not self.provider.tags:
            raise VcpSDKError(f"{self.provider.name} has no tags")
        self._tags[key] = str(value)

    def get_tag(self) -> dict[str, str]:
        """The tags."""
        return self._tags

    def cci(self, name: str) -> str:
        """The document that asks for a unit with this name.

        Raises a `VcpSDKError` that names the attribute whose value is no good.
        """
        self._check()
        unit, provider = self._unit, self.provider
        lines = ["", "- unit:", f'    cci_version: "{UNIT_CCI_VERSION}"', f"    name: {_plain(name)}",
                 f"    description: {_quoted(name)}", f"    private_network: {_plain(unit['private_network'])}"]
        if self.unit_type == "storage":
            lines.append(f"    num_disks: {unit['count']}")
        else:
            lines += [f"    num_nodes: {unit['count']}", f"    image: {_plain(unit['image'])}",
                      f"    recovery_mode: {_plain(unit['recovery_mode'])}", f"    docker_opt: {_flow(self._docker)}", "    params:",
                      f"        v: {_flow(unit['v'])}", f"        e: {_flow(unit['e'])}"]
            if unit["user_init_command"]:
                lines.append(f"    user_init_command: {unit['user_init_command']}")
        lines += [f"    cloud_provider: {provider.cloud}", "    cloud_params:", f'        cci_version: "{provider.cci_version}"']
        lines += [f"        {field.key}: {_sent(field, self._params[field.key])}" for field in provider.fields]
        return "\n".join(lines) + self.cci_tags()

    def cci_tags(self) -> str:
        """The part of the document that has the tags."""
        return f"\n        tags: {_flow(self._tags)}" if self.provider.tags else ""

    def _check(self) -> None:
        kinds = {
            "int": {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^[0-9]+$"}]},
            "text": {"type": ["string", "null"], "pattern": r"^[^\n\r]*$"},
            "any": {},
        }
        properties = {field.attr: kinds[field.kind] for field in self.provider.fields if field.attr}
        try:
            values = {field.attr: self._params[field.key] for field in self.provider.fields if field.attr}
            jsonschema.validate(values, {"type": "object", "properties": properties})
            jsonschema.validate({"count": self._unit["count"]}, {"properties": {"count": {"type": "integer", "minimum": 1}}})
        except jsonschema.ValidationError as error:
            attribute = str(error.absolute_path[0])
            attribute = attribute if attribute != "count" else ("num_disks" if self.unit_type == "storage" else "num_nodes")
            raise VcpSDKError(f"spec.{attribute} of {self.provider.name} can't be {error.instance!r}") from None
        macs, addresses = self._params.get("mac_address_list"), self._params.get("ip_address_list")
        if macs and addresses and len(macs) != len(addresses):
            raise VcpSDKError("spec.mac_addresses and spec.ip_addresses have different lengths")

    def __str__(self) -> str:
        unit, provider = self._unit, self.provider
        is_disk = self.unit_type == "storage"
        lines = ["", _RULE, provider.name, "-" * 24, "", f'    cci_version: "{UNIT_CCI_VERSION}"', "    name: ", "    description: ",
                 f"    private_network: {unit['private_network']}", f"    {'num_disks' if is_disk else 'num_nodes'}: {unit['count']}"]
        if not is_disk:
            lines += [f"    image: {unit['image']}", f"    recovery_mode: {unit['recovery_mode']}", f"    docker_opt: {self._docker}",
                      "    params:", "        " + str({"v": unit["v"], "e": unit["e"]})]
        lines += [""] * (2 if provider.gap else 1)
        indent = " " * (8 if provider.deep else 4)
        values = {**self._params, "cci_version": f'"{provider.cci_version}"'}
        lines += [f"{indent}{'disks' if key == 'server_disks' else key}: {values[key]}" for key in provider.shown]
        if provider.tags:
            lines.append("    tags: " + (self.cci_tags() if provider.deep else str(self._tags)))
        return "\n".join([*lines, _RULE])


def _first(field: Field, section: dict[str, Any], flavor: dict[str, Any], provider: str) -> Any:
    if field.source == CREDENTIAL:
        return section[field.key]
    if field.source == FLAVOR:
        if field.key not in flavor:
            raise VcpSDKError(f"the flavor of {provider} has no [{field.key}]")
        return flavor[field.key]
    if isinstance(field.default, tuple):
        return list(field.default)
    return section.get(field.key, field.default) if field.attr == "user_name" else field.default


def _disk_reference(disk: Any) -> Any:
    """A disk of a storage unit group by its place on record; anything else is the cloud's own identifier."""
    return f"vcp:{disk.vc.vcid}:{disk.unit.name}:{disk.id}" if isinstance(disk, VcNode) else disk


def _sent(field: Field, value: Any) -> str:
    if isinstance(value, (list, tuple, dict)):
        return _flow(value)
    if field.quoted:
        return json.dumps(str(value), ensure_ascii=False)
    # What looks like a number is one, unless it is a secret.
    if field.source == CREDENTIAL and re.fullmatch(r"[0-9._+-]*(e[0-9]+)?|0[xo][0-9a-f]+|true|false|null|yes|no|none|~", str(value), re.I):
        return _quoted(str(value))
    return _plain(value)


def _plain(value: Any) -> str:
    """A scalar without quotes where it needs none."""
    text = str(value)
    return text if re.fullmatch(r"[\w./+=~-]([\w./+=~@,%:-]*[\w./+=~@,%-])?", text) and text != "-" else _quoted(text)


def _quoted(text: str) -> str:
    if re.search(r"[\x00-\x1f\x7f\x85\u2028\u2029]", text):
        return json.dumps(text)
    return "'" + text.replace("'", "''") + "'"


def _flow(value: Any) -> str:
    """A list or a map in one line, as Python writes it wherever YAML reads that the same."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_quoted(str(key))}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    return _quoted(value) if isinstance(value, str) else str(value)


def _unit_property(key: str, doc: str, is_list: bool = False) -> property:
    def setter(self: VcpSpecResource, value: Any) -> None:
        self._unit[key] = list(value) if is_list else value

    return property(lambda self: self._unit[key], setter, doc=doc)


def _docker_property(key: str) -> property:
    def setter(self: VcpSpecResource, value: Any) -> None:
        if value is None:
            self._docker.pop(key, None)
        else:
            self._docker[key] = value

    return property(lambda self: self._docker.get(key), setter, doc=f"`{key}` of the base container.")


def _init_command() -> property:
    def setter(self: VcpSpecResource, script: Optional[str]) -> None:
        if script and not script.startswith("#!"):
            raise VcpSDKError('user_init_command has no shebang ("#!/bin/bash") in its first line')
        if script and len(script.encode()) > INIT_COMMAND_MAX:
            raise VcpSDKError("user_init_command is larger than 93 KB")
        self._unit["user_init_command"] = base64.b64encode(script.encode()).decode() if script else None

    return property(lambda self: self._unit["user_init_command"], setter,
                    doc="A script that runs at every start of the base container; kept in base64.")


def _count_property(provider: Provider) -> property:
    # Of existing servers the addresses say which; elsewhere a number takes back the addresses that were chosen.
    forgets = [field.key for field in provider.fields if field.source in (ADDRESSES, MACS) and provider.name != "onpremises"]

    def setter(self: VcpSpecResource, value: int) -> None:
        self._unit["count"] = value
        for key in forgets:
            self._params[key] = []

    return property(lambda self: self._unit["count"], setter, doc="How many. What was set last counts: this, or addresses.")


def _field_property(provider: Provider, field: Field) -> property:
    def setter(self: VcpSpecResource, value: Any) -> None:
        if field.source == MACS and isinstance(value, str):
            value = [value]
        if field.source == ADDRESSES and isinstance(value, str):
            raise VcpSDKError(f"{field.attr} is not list")
        if field.source in (ADDRESSES, MACS) and value and provider.name != "onpremises":
            self._unit["count"] = len(value)
        self._params[field.key] = [_disk_reference(disk) for disk in value] if field.source == DISKS else value

    return property(lambda self: self._params[field.key], setter, doc=f"`{field.key}` of {provider.cloud}.")


def _spec_class(provider: Provider) -> type[VcpSpecResource]:
    members: dict[str, Any] = {"provider": provider, "version": provider.version, "unit_type": provider.unit_type,
                               "vcp_config_key": provider.section,
                               "__doc__": f"What a unit of {provider.name} shall be.", "__module__": __name__,
                               "private_network": _unit_property("private_network", "The network of the VPN catalogue.")}
    if provider.unit_type == "storage":
        members["num_disks"] = _count_property(provider)
    else:
        members |= {
            "num_nodes": _count_property(provider), "user_init_command": _init_command(),
            "image": _unit_property("image", "The base container's image."),
            "recovery_mode": _unit_property("recovery_mode", "What happens when the base container ends."),
            "params_v": _unit_property("v", "Binds of the base container (`-v`).", is_list=True),
            "params_e": _unit_property("e", "Environment of the base container (`-e`).", is_list=True),
            **{key: _docker_property(key) for key in _OPTIONS},
        }
    members |= {field.attr: _field_property(provider, field) for field in provider.fields if field.attr}
    return type(provider.class_name, (VcpSpecResource,), members)


SPEC_CLASSES: dict[str, type[VcpSpecResource]] = {provider.class_name: _spec_class(provider) for provider in PROVIDERS.values()}
"""The class of each provider's spec by its name: `VcpSpecResourceAws`."""


def _module(provider: Provider) -> ModuleType:
    module = ModuleType(f"{__package__}.{provider.name}", f"Specs of {provider.name}.")
    setattr(module, provider.class_name, SPEC_CLASSES[provider.class_name])
    return module


# Each class also has a module of its own, as programs import it: `from vcpsdk.plugins.aws import VcpSpecResourceAws`.
for _provider in PROVIDERS.values():
    sys.modules[f"{__package__}.{_provider.name}"] = _module(_provider)
