"""Machines of mdx, which its own service makes.

That service is no part of the controller, and this SDK does not speak to it: every operation is an error that says so. The
constants and the description of a machine are what notebooks import; machines that were made in mdx's portal are used as existing
servers (`onpremises`).
"""
from __future__ import annotations

from typing import Any, NoReturn, Optional

ENDPOINT = "https://oprpl.mdx.jp"
"""Where mdx's service is."""
SLEEP_TIME_SEC = 5
SLEEP_COUNT = 120
DEPLOY_VM_SLEEP_COUNT = 240
DELETABLE_STATE = ["PowerOFF", "Deallocated"]

_TEXT = {"type": "string"}
_NUMBER = {"type": "integer"}

MDX_VM_SPEC_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "catalog": _TEXT,
        "template_name": _TEXT,
        "pack_num": _NUMBER,
        "pack_type": {"type": "string", "enum": ["cpu", "gpu"]},
        "gpu": _TEXT,
        "disk_size": _NUMBER,
        "network_adapters": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"adapter_number": _NUMBER, "segment": _TEXT},
            },
        },
        "shared_key": _TEXT,
        "storage_network": {"type": "string", "enum": ["sr-iov", "pvrdma", "portgroup"]},
        "service_level": _TEXT,
    },
}
"""What a machine's description may have."""


class MdxRestException(Exception):
    """An operation of mdx that did not come out."""


class MdxResourceExt:
    """mdx, as notebooks speak to it. Each operation raises `MdxRestException`."""

    def __init__(self, init_token: Optional[str] = None, endpoint: str = ENDPOINT):
        self.endpoint = endpoint

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)

        def refuse(*_arguments: Any, **_options: Any) -> NoReturn:
            raise MdxRestException(
                f"{name}: this SDK does not speak to the mdx service. Make the machines in the mdx portal, "
                "and use them as existing servers (provider onpremises)")

        return refuse
