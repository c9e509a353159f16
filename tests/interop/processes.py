"""Programs that tests start: they end when the tests do, however those end."""

import ctypes
import os
import select
import signal
import subprocess
import time

PATIENCE_SECONDS = 60


def start(arguments, folder=None, environment=None, **pipes):
    """Starts a program that the kernel ends with this process."""
    return subprocess.Popen(
        [str(argument) for argument in arguments],
        cwd=folder,
        env={**os.environ, **(environment or {})},
        preexec_fn=_die_with_parent,
        **{"stdin": subprocess.DEVNULL, **pipes},
    )


def line_with(process, stream, text, patience=PATIENCE_SECONDS):
    """The first line of a stream that holds the text; everything before it is in the error if there is none."""
    seen = b""
    end = time.monotonic() + patience
    os.set_blocking(stream.fileno(), False)
    while time.monotonic() < end:
        ready, _, _ = select.select([stream], [], [], max(0, end - time.monotonic()))
        piece = os.read(stream.fileno(), 65536) if ready else b""
        if ready and not piece:
            break
        seen += piece
        for line in seen.decode(errors="replace").splitlines(keepends=True):
            if text in line and line.endswith("\n"):
                return line.strip()
    raise RuntimeError(f"{process.args[0]} did not print {text!r}, but:\n{seen.decode(errors='replace')}")


def stop(process, how=signal.SIGTERM):
    """Ends a program and gives its exit code."""
    if process.poll() is None:
        process.send_signal(how)
    return process.wait(PATIENCE_SECONDS)


def eventually(condition, patience=PATIENCE_SECONDS, what="the condition"):
    """Asks again and again, until the answer is true; gives it."""
    end = time.monotonic() + patience
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come about within {patience} seconds")
        select.select([], [], [], 0.05)


def _die_with_parent():
    ctypes.CDLL("libc.so.6").prctl(1, signal.SIGKILL)
