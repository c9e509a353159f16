"""The wire: requests to the controller and what it refuses."""
from __future__ import annotations

import json
import logging
import re
from typing import TYPE_CHECKING, Any, NoReturn, Optional

import requests
import urllib3

from .privilege import is_privileged

if TYPE_CHECKING:
    from .occtr import Occtr

logger = logging.getLogger("vcp.sdk")

# Whoever switches verification off has been told so in the documentation, once is enough.
urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

CONNECT_SECONDS = 30
"""Longest wait for a connection."""
ANSWER_SECONDS = 300
"""Longest silence while an answer is awaited."""


def api_call(occtr: Occtr, add_uri: str, req_type: str = "GET", params: Optional[dict[str, Any]] = None) -> list[Any]:
    """Sends one request; returns `[status, body]`, whatever the status.

    Raises `Exception("VCP", "server error")` if the controller cannot be reached.
    """
    url = occtr.api_end_point + add_uri
    privileged = is_privileged()
    if occtr.verbose >= 1:
        logger.debug("[%s] %s privileged(%s)", req_type, url, privileged)
    headers = {"x-vcc-access-token": occtr.vcc_access_token, "Content-Type": "application/json"}
    if privileged:
        headers["x-vcc-privileged"] = "True"
    try:
        answer = occtr.session.request(
            req_type,
            url,
            headers=headers,
            data=None if req_type == "GET" else json.dumps(params or {}),
            verify=occtr.insecure_request_warning,
            timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
        )
    except requests.exceptions.SSLError as error:
        logger.error("the certificate of %s is not trusted: %s", url, error)
        logger.error("name the controller's CA in REQUESTS_CA_BUNDLE (cert/ca.pem of its directory)")
        raise Exception("VCP", "server error") from error
    except (requests.exceptions.ConnectionError, requests.exceptions.Timeout) as error:
        logger.error("no answer from %s: %s", url, error)
        raise Exception("VCP", "server error") from error
    if occtr.verbose >= 2:
        logger.debug("HTTP STATUS %d", answer.status_code)
    if occtr.verbose >= 3:
        logger.debug("BODY = %s", answer.text)
    return [answer.status_code, answer.text]


def call(occtr: Occtr, owner: Any, operation: str, uri: str, method: str = "GET", body: Optional[dict[str, Any]] = None,
         expected: Optional[int] = None) -> str:
    """Sends one request and returns its body; any status but the expected one (200 of GET, 202 of others) is an error.

    `owner` is the object that keeps the status as `last_error_http_status`; `operation` begins the error's text.
    """
    answer = api_call(occtr, uri, method, body)
    status: int = answer[0]
    text: str = answer[1]
    if status != (expected or (200 if method == "GET" else 202)):
        owner.last_error_http_status = status
        vcp_server_error(status, operation, text)
    return text


def vcp_server_message(body: str) -> str:
    """What the controller says, made readable: its `message` without escapes, or the body as it is."""
    try:
        message = json.loads(body)["message"]
    except (ValueError, KeyError, TypeError):
        return body
    return re.sub(r"\\(['\"\\])", r"\1", str(message)).replace("\\n", "\n")


def vcp_server_error(http_status: int, error_string: str, body: str) -> NoReturn:
    """Logs what the controller refused and raises `Exception("VCP", error_string)`."""
    logger.error("%s: http_status(%s)", error_string, http_status)
    logger.error(vcp_server_message(body))
    raise Exception("VCP", error_string)
