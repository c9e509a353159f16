"""Rate-limit quotas with hvac: made, read, listed, removed, and enforced."""

import hvac.exceptions
import pytest


@pytest.fixture
def config(vault):
    """Answers tell how much is left, as long as the test runs."""
    before = vault.request("GET", "sys/quotas/config").json()["data"]
    during = {**before, "enable_rate_limit_response_headers": True}
    vault.request("POST", "sys/quotas/config", during).raise_for_status()
    yield
    vault.request("POST", "sys/quotas/config", before).raise_for_status()


def test_quotas_are_made_read_listed_and_removed(vault, root, kv1):
    name = vault.new_name("quota")
    root.sys.create_or_update_quota(name, 1000.5, path=f"{kv1}/app", interval="1m", block_interval="2m")
    assert root.sys.read_quota(name)["data"] == {
        "name": name, "type": "rate-limit", "path": f"{kv1}/app", "role": "", "rate": 1000.5, "interval": 60,
        "block_interval": 120,
    }
    assert name in root.sys.list_quotas()["data"]["keys"]
    again = vault.request("POST", f"sys/quotas/rate-limit/{name}-2", {"path": f"{kv1}/app", "rate": 1})
    assert again.status_code == 400 and name in again.json()["errors"][0]
    for bad in ({}, {"rate": 0}, {"rate": -1}, {"rate": 1, "path": "nowhere/x"}):
        assert vault.request("POST", "sys/quotas/rate-limit/bad", bad).status_code == 400, bad
    root.sys.delete_quota(name)
    with pytest.raises(hvac.exceptions.InvalidPath):
        root.sys.read_quota(name)


def test_who_asks_too_often_is_refused(vault, root, kv1, config):
    vault.request("PUT", f"{kv1}/a", {"x": "y"}).raise_for_status()
    name = vault.new_name("quota")
    vault.request("POST", f"sys/quotas/rate-limit/{name}", {"path": kv1, "rate": 3, "interval": "1h"}).raise_for_status()
    left = [vault.request("GET", f"{kv1}/a").headers["X-Ratelimit-Remaining"] for _ in range(3)]
    assert left == ["2", "1", "0"]
    refused = vault.request("GET", f"{kv1}/a")
    assert refused.status_code == 429
    assert refused.json() == {"errors": [f'request path "{kv1}/a": rate limit quota exceeded']}
    assert refused.headers["X-Ratelimit-Limit"] == "3" and int(refused.headers["Retry-After"]) > 3000
    with pytest.raises(hvac.exceptions.RateLimitExceeded):
        root.secrets.kv.v1.read_secret("a", mount_point=kv1)
    # Other paths are not counted.
    assert vault.request("GET", "sys/mounts").status_code == 200
    vault.request("DELETE", f"sys/quotas/rate-limit/{name}").raise_for_status()
    assert vault.request("GET", f"{kv1}/a").status_code == 200


def test_a_quota_for_everything_spares_what_is_exempt(vault):
    assert "sys/health" in vault.request("GET", "sys/quotas/config").json()["data"]["rate_limit_exempt_paths"]
    vault.request("POST", "sys/quotas/config", {"rate_limit_exempt_paths": ["sys/health", "sys/quotas"]})
    vault.request("POST", "sys/quotas/rate-limit/all", {"rate": 1, "interval": "1h"}).raise_for_status()
    vault.request("GET", "sys/mounts")
    assert vault.request("GET", "sys/mounts").status_code == 429
    assert vault.health() == 200
    vault.request("DELETE", "sys/quotas/rate-limit/all").raise_for_status()
    assert vault.request("GET", "sys/mounts").status_code == 200


def test_quotas_of_leases_are_not_there(vault):
    assert vault.request("POST", "sys/quotas/lease-count/x", {"max_leases": 1}).status_code == 404
