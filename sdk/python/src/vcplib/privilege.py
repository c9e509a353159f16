"""Privileged mode: a super user acts on the unit groups of others.

It holds for the call that asked for it and for all that this call does, and ends with it, also when the call fails.
"""
from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator
from typing import Optional

_mode: contextvars.ContextVar[bool] = contextvars.ContextVar("vcp_privileged", default=False)


def is_privileged() -> bool:
    """Whether requests carry the privileged header now."""
    return _mode.get()


def set_privilege_mode(mode: Optional[bool]) -> None:
    """Switches privileged mode on if `mode` is True; anything else changes nothing."""
    if mode is True:
        _mode.set(True)


def unset_privilege_mode(privileged: Optional[bool] = None) -> None:
    """Switches privileged mode off if `privileged` is True: whoever switched it on, switches it off."""
    if privileged is True:
        _mode.set(False)


@contextlib.contextmanager
def privilege(asked: Optional[bool]) -> Iterator[None]:
    """Privileged mode within the block if it is asked for; otherwise what is around stays."""
    if asked is not True:
        yield
        return
    token = _mode.set(True)
    try:
        yield
    finally:
        _mode.reset(token)
