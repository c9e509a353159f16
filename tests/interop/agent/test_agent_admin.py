"""The same requests to our admin API and to ACA-Py's: the answers' statuses and texts are the same."""

import pytest

ABSENT = "/connections/xyz"
KEY = "H3C2AVvLMv6gmMNam3uVAjZpfkcJCwDwnZn6z3wXmqPV"

# Where both have the operation and refuse.
REQUESTS = [
    ("GET", "/nope", None),
    ("POST", "/status", None),
    ("GET", ABSENT, None),
    ("DELETE", ABSENT, None),
    ("GET", f"{ABSENT}/metadata", None),
    ("GET", f"{ABSENT}/endpoints", None),
    ("POST", f"{ABSENT}/metadata", {}),
    ("POST", f"{ABSENT}/metadata", {"metadata": {"a": 1}}),
    ("POST", f"{ABSENT}/accept-invitation", None),
    ("POST", f"{ABSENT}/accept-request?my_endpoint=foo", None),
    ("POST", f"{ABSENT}/send-message", {"content": "x"}),
    ("POST", f"{ABSENT}/send-message", {"content": 5}),
    ("POST", f"{ABSENT}/send-ping", {"comment": 4}),
    ("GET", "/connections?invitation_key=zz&their_role=x", None),
    ("POST", "/connections/create-invitation?auto_accept=maybe&multi_use=2", {}),
    ("POST", "/connections/create-invitation?public=true", {}),
    ("POST", "/connections/create-invitation", {"my_label": 5, "recipient_keys": ["x"], "metadata": [], "mediation_id": "x"}),
    ("POST", "/connections/create-invitation", {"my_label": None, "routing_keys": [5], "service_endpoint": 7}),
    ("POST", "/connections/receive-invitation", {}),
    ("POST", "/connections/receive-invitation", {"recipientKeys": [KEY]}),
    ("POST", "/connections/receive-invitation", {"did": "WgWxqztrNooG92RXvxSTWv", "recipientKeys": [KEY]}),
    ("POST", "/connections/receive-invitation", {"recipientKeys": ["abc"], "label": 7}),
    ("POST", "/connections/create-static", {"my_seed": "short"}),
    ("POST", "/connections/create-static", {"my_did": "x", "their_endpoint": "foo"}),
    ("POST", "/wallet/did/create", {"method": "sov", "options": {"key_type": "bls12381g2"}}),
    ("GET", "/wallet/get-did-endpoint", None),
    ("POST", "/wallet/set-did-endpoint", {"did": "WgWxqztrNooG92RXvxSTWv", "endpoint": "http://x", "endpoint_type": "foo"}),
    ("POST", "/wallet/did/public?did=WgWxqztrNooG92RXvxSTWv", None),
    ("PATCH", "/wallet/did/local/rotate-keypair", None),
    ("GET", "/wallet/did/public", None),
    ("GET", "/status/live", None),
    ("GET", "/status/ready", None),
    ("POST", "/status/reset", None),
]


@pytest.mark.parametrize("method, path, body", REQUESTS)
def test_answers_are_the_same(our_agent, old_aca_py, method, path, body):
    expected = old_aca_py.call(method, path, body)
    version = "0.7.3" if "0.7.3" in old_aca_py.name else "1.0.1"
    answer = our_agent.call(method, path, body, headers={"acapy-version": version})
    assert answer == expected


def test_records_have_the_same_members(our_agent, old_aca_py):
    for path, body in [("/connections/create-invitation?alias=a", {}), ("/connections/create-static", {"their_seed": "0" * 32})]:
        one, other = our_agent.post(path, body), old_aca_py.post(path, body)
        assert set(one) == set(other)
    newer = {"routing_state"}
    assert set(one["record"]) - newer == set(other["record"]) - newer
    made = our_agent.post("/wallet/did/create")["result"]
    assert set(made) - {"metadata"} == set(old_aca_py.post("/wallet/did/create")["result"]) - {"metadata"}
