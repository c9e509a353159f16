"""Where our SDK is tried: a configuration directory for a controller, and specs."""

from pathlib import Path

EXAMPLES = Path(__file__).parents[3] / "sdk" / "python" / "config"


def configured(folder, controller, wait=30):
    """Writes the configuration of the SDK for a controller from the examples; gives its directory."""
    config = (EXAMPLES / "vcp_config.yml.example").read_text()
    for old, new in (
        ("host: 192.0.2.10 ", "host: 127.0.0.1 "),
        ("    # vcc_port: 443", f"    vcc_port: {controller.port}"),
        ("    # vault_port: 8443", f"    vault_port: {controller.vault_port}\n    wait_timeout_sec: {wait}"),
    ):
        assert old in config
        config = config.replace(old, new)
    (folder / "vcp_config.yml").write_text(config)
    (folder / "vcp_flavor.yml").write_text((EXAMPLES / "vcp_flavor.yml.example").read_text())
    return folder


def spec_of(sdk, servers, key, addresses):
    """A spec of existing servers, as notebooks fill it in."""
    spec = sdk.get_spec("onpremises", "default")
    spec.image = servers.image
    spec.params_v = ["/lib/modules:/lib/modules:ro"]
    spec.user_name = "root"
    spec.num_nodes = len(addresses)
    spec.ip_addresses = addresses
    spec.set_ssh_pubkey(f"{key}.pub")
    return spec
