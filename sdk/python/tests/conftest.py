"""A configuration directory from the examples, and a wire on which a test says what the controller answers."""
from __future__ import annotations

import http.server
import json
import logging
import shutil
import threading
from pathlib import Path

import pytest

import vcplib.occtr
from vcpsdk.vcpsdk import VcpSDK

CONFIG = Path(__file__).parents[1] / "config"


@pytest.fixture
def config_dir(tmp_path):
    for name in ("vcp_config.yml", "vcp_flavor.yml"):
        shutil.copy(CONFIG / f"{name}.example", tmp_path / name)
    return tmp_path


class Wire:
    """Answers by `METHOD path`, a list of which the last stays; `log` is what was asked: (method, path, headers, body)."""

    def __init__(self):
        self.answers = {
            "GET ": (200, {}),
            "GET /vcs": (200, {"vcs": []}),
            "GET /accounts/authority": (200, {"role": "fullaccess", "user_name": "nobody", "user_role": "regular"}),
        }
        self.log = []
        wire = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                path = self.path.removeprefix("/vcp/v1/occtr")
                wire.log.append((self.command, path, dict(self.headers), body))
                answers = wire.answers.get(f"{self.command} {path}", (404, {"message": "no such thing"}))
                if isinstance(answers, list):
                    answers = answers.pop(0) if len(answers) > 1 else answers[0]
                status, content = answers
                text = (content if isinstance(content, str) else json.dumps(content)).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def asked(self):
        return [f"{method} {path}" for method, path, *_ in self.log]


@pytest.fixture
def wire(config_dir, monkeypatch):
    """The controller's wire, without TLS, named by the configuration; polls are short."""
    wire = Wire()
    monkeypatch.setattr(vcplib.occtr, "VCP_SCHEMA", "http")
    monkeypatch.setenv("VCPSDK_POLL_SECONDS", "0.01")
    (config_dir / "vcp_config.yml").write_text(
        f"vcc: {{host: 127.0.0.1, name: test, vcc_port: {wire.server.server_port}, wait_timeout_sec: 1}}\n"
        "aws: {access_key: vault://cubbyhole/aws/access_key, secret_key: '0123', private_network: default}\n")
    yield wire
    wire.server.shutdown()
    wire.server.server_close()


@pytest.fixture
def sdk(wire, config_dir):
    sdk = VcpSDK("token", config_dir=str(config_dir))
    wire.log.clear()
    return sdk


@pytest.fixture
def said():
    """What the SDK logged, line by line."""
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    logger = logging.getLogger("vcp.sdk")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield lambda: lines
    logger.removeHandler(handler)
