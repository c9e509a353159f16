"""The user's configuration: `vcp_config.yml` and `vcp_flavor.yml` of one directory."""
from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import jsonschema
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from .plugins.providers import PROVIDERS
from .vcp_tools import VcpSDKError

DEFAULT_DIRS = ("/notebooks/notebook/vcp_config", "~/vcp_config")

_TEXTS = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}, {"type": "null"}]}
_PORT = {"type": "integer", "minimum": 1, "maximum": 65535}
_TEXT = {"type": "string", "minLength": 1}


def _config_schema() -> dict[str, Any]:
    sections: dict[str, Any] = {
        "vcc": {
            "type": "object",
            "required": ["host", "name"],
            "properties": {
                "host": _TEXT, "name": _TEXT, "private_ip": _TEXT, "vcc_port": _PORT, "vault_port": _PORT,
                "insecure_request_warning": {"type": ["boolean", "string"]},
                "wait_timeout_sec": {"type": "number", "minimum": 1},
            },
        },
        "spec_options": {
            "type": ["object", "null"],
            "additionalProperties": False,
            "properties": {
                "dns": _TEXTS, "dns_search": _TEXTS, "add_host": _TEXTS, "options": _TEXTS,
                "hostname": {"type": ["string", "null"]}, "gpus": {"type": ["string", "integer", "null"]},
            },
        },
    }
    for provider in PROVIDERS.values():
        if provider.credentials:
            # What a provider needs is asked for where it is used: the file may have sections that nobody filled in.
            sections[provider.section] = {
                "type": ["object", "null"],
                "properties": {key: _TEXT for key in [*provider.credentials, "private_network"]},
            }
    return {"type": "object", "required": ["vcc"], "properties": sections}


_FLAVOR_SCHEMA = {
    "type": "object",
    "additionalProperties": {"type": ["object", "null"], "additionalProperties": {"type": "object"}},
}


def config_directory(config_dir: str = "") -> Path:
    """The directory that is given, or VCPSDK_CONFIG_DIR, or the first default one that is there."""
    given = config_dir or os.environ.get("VCPSDK_CONFIG_DIR", "")
    if given:
        return Path(given).expanduser()
    found = [Path(path).expanduser() for path in DEFAULT_DIRS]
    return next((path for path in found if path.is_dir()), found[0])


class VcpConfigYaml:
    """Reads the files of one configuration directory; see `config_directory`."""

    def __init__(self, config_dir: str = ""):
        self.directory = config_directory(config_dir)

    def load(self, name: str) -> dict[str, Any]:
        """A file (`vcp_config`, `vcp_flavor`) after a check of what stands in it.

        Raises a `VcpSDKError` that names the file and the key.
        """
        content = self.load_config(name)
        try:
            jsonschema.validate(content, _config_schema() if name == "vcp_config" else _FLAVOR_SCHEMA)
        except jsonschema.ValidationError as error:
            key = ".".join(str(part) for part in error.absolute_path)
            # A value may be a credential: the message of the check would show it.
            what = error.message if error.validator in ("required", "additionalProperties") else _expected(error)
            raise VcpSDKError(f"{self.path(name)}: {key + ': ' if key else ''}{what}") from None
        return content

    def load_config(self, name: str) -> dict[str, Any]:
        """A file as it is."""
        path = self.path(name)
        try:
            content = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise VcpSDKError(f"{path}: {error.strerror}") from error
        except YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = f" line {mark.line + 1}" if mark else ""
            raise VcpSDKError(f"{path}{line}: {getattr(error, 'problem', None) or error}") from error
        if not isinstance(content, dict):
            raise VcpSDKError(f"{path}: keys with their values are expected")
        return content

    def path(self, name: str) -> Path:
        """Where a file stands."""
        return self.directory / f"{name}.yml"


def _expected(error: jsonschema.ValidationError) -> str:
    if error.validator == "anyOf":
        return "a text or a list of texts is expected"
    return f"{error.validator} {error.validator_value} is expected"
