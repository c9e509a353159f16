"""The files of the configuration: what is wrong is named, with its file."""
import pytest

from vcpsdk.vcp_config_yaml import VcpConfigYaml, config_directory
from vcpsdk.vcp_tools import VcpSDKError


def test_the_examples_are_right(config_dir):
    files = VcpConfigYaml(str(config_dir))
    assert files.load("vcp_config")["vcc"]["name"] == "vcc001"
    assert files.load("vcp_flavor")["onpremises"] == {"default": {"flavor_name": "dummy"}}


@pytest.mark.parametrize("text, expected", [
    ("vcc: {name: a}", "vcc: 'host' is a required property"),
    ("aws: {}", "'vcc' is a required property"),
    ("vcc: {host: a, name: b, vcc_port: 0}", "vcc.vcc_port: minimum 1 is expected"),
    ("vcc: {host: a, name: b}\nspec_options: {dsn: 1.1.1.1}", "spec_options: Additional properties"),
    ("vcc: {host: a, name: b}\naws: {access_key: [s3cret]}", "aws.access_key: type string is expected"),
    ("vcc: {host: a\n", "line"),
    ("- vcc", "keys with their values are expected"),
])
def test_what_is_wrong_is_named(config_dir, text, expected):
    (config_dir / "vcp_config.yml").write_text(text)
    with pytest.raises(VcpSDKError) as error:
        VcpConfigYaml(str(config_dir)).load("vcp_config")
    assert expected in str(error.value) and str(config_dir / "vcp_config.yml") in str(error.value)
    assert "s3cret" not in str(error.value)


def test_the_directory_is_the_one_given_or_of_the_environment(config_dir, monkeypatch):
    monkeypatch.setenv("VCPSDK_CONFIG_DIR", "/elsewhere")
    assert config_directory(str(config_dir)) == config_dir
    assert str(config_directory()) == "/elsewhere"
    with pytest.raises(VcpSDKError, match="/elsewhere/vcp_config.yml: No such file"):
        VcpConfigYaml().load("vcp_config")
