"""Waiting: how often is asked, and how long."""
from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

from .vcp_tools import VcpSDKError

UNSTABLE = frozenset({"BOOTING", "STOPPING", "SUSPENDING", "RESUMING", "DELETING", "SHUTTING_DOWN"})
"""States that pass."""
TIMEOUT_SECONDS = 1000
"""How long is waited where the configuration says nothing."""
SETTLE = 1.2
"""What is waited once more after a unit came out, in polls: 6 s after 5 s."""


def poll_seconds() -> float:
    """What is between two questions: VCPSDK_POLL_SECONDS, or 5."""
    text = os.environ.get("VCPSDK_POLL_SECONDS") or "5"
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 3600:
        raise VcpSDKError(f"VCPSDK_POLL_SECONDS [{text}] is not a number of seconds above 0")
    return seconds


def wait_timeout(config: Any) -> float:
    """How long is waited for what was asked, in seconds."""
    return float(config["vcc"].get("wait_timeout_sec", TIMEOUT_SECONDS)) if config else float(TIMEOUT_SECONDS)


def ticks(timeout: float) -> Iterator[int]:
    """Counts the seconds that were waited so far, and waits before each but the first, until the time is over."""
    pause = poll_seconds()
    for turn in range(int(timeout / pause)):
        if turn:
            time.sleep(pause)
        yield int(turn * pause)


def settle() -> None:
    """Waits a moment, so that a next request finds all at rest."""
    time.sleep(poll_seconds() * SETTLE)
