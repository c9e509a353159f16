"""What else the administrator's tool does: images, repairs, and the catalogue."""

import io
import json
import tarfile

import pytest

VCID = "0c5a7f0e3c9b4a7f8f0d6a1b2c3d4e5f"


def archive(path, *names):
    """An archive as `docker save` writes them, with as little in it as it can have."""
    manifest = json.dumps([{"Config": "config.json", "RepoTags": list(names), "Layers": []}]).encode()
    with tarfile.open(path, "w") as tar:
        for name, content in (("manifest.json", manifest), ("config.json", b"{}")):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


def test_images_come_and_go(controller, tmp_path):
    file = archive(tmp_path / "base.tar", "vcp/base:3.0.0")
    assert controller.vcc("image", "add", file) == "vcp/base:3.0.0"
    listed = json.loads(controller.vcc("image", "list", "--json"))
    assert listed == [{"name": "vcp/base:3.0.0", "size": file.stat().st_size}]
    controller.vcc("image", "remove", "vcp/base:3.0.0")
    assert json.loads(controller.vcc("image", "list", "--json")) == []
    code, _, error = controller.run("vcc", "image", "remove", "vcp/base:3.0.0")
    assert code == 1 and "there is no image" in error


def test_what_is_no_image_is_refused(controller, tmp_path):
    file = tmp_path / "text.tar"
    file.write_text("not an archive")
    for path in (file, tmp_path / "missing.tar"):
        code, _, error = controller.run("vcc", "image", "add", path)
        assert code == 1 and path.name in error


@pytest.mark.parametrize(
    "words",
    [
        ["clear-processing", VCID, "server"],
        ["node-state", "get", VCID, "server", "1"],
        ["node-state", "set", VCID, "server", "1", "RUNNING"],
        ["node-state", "set", VCID, "server", "1", "UNWATCH"],
        ["host-key", "forget", "10.0.2.21"],
    ],
)
def test_repairs_of_what_is_not_there_say_so(controller, words):
    code, out, error = controller.run("vcc", *words)
    assert (code, out) == (1, "") and ("there is no" in error or "has no" in error or "no host key" in error)


def test_a_catalogue_is_replaced_by_another_file_or_stays(controller, tmp_path):
    file = tmp_path / "new.yml"
    file.write_text("onpremises:\n  default: {private_network_ipmask: 10.9.0.0/16}\n")
    token = controller.token()
    controller.vcc("vpncatalog", "set", "-p", file)
    given = controller.call("GET", "/vpn_catalog", token).json()["vpn_catalog"]
    assert given["onpremises"]["default"]["private_network_ipmask"] == "10.9.0.0/16"
    assert controller.vcc("vpncatalog", "get") == file.read_text().strip()
    file.write_text("aws: {default: {aws_regoin: x}}\n")
    code, _, error = controller.run("vcc", "vpncatalog", "set", "-p", file)
    assert code == 1 and "aws_regoin" in error
    assert controller.call("GET", "/vpn_catalog", token).json()["vpn_catalog"] == given


def test_the_line_that_lets_the_controller_in_is_the_one_that_users_see(controller):
    line = controller.vcc("publickey")
    assert line.split()[0] == "ssh-ed25519"
    assert controller.call("GET", "/publickey", controller.token()).json() == {"publickey": line}


def test_the_socket_takes_orders_and_nothing_else(controller):
    import http.client
    import socket

    class Local(http.client.HTTPConnection):
        def connect(self):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.connect(str(controller.data / "vcc.sock"))

    def send(method, body):
        connection = Local("controller", timeout=10)
        connection.request(method, "/", body)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())

    assert send("GET", None)[0] == 405
    for body in ("", "{", "[]", "{}", '{"command":"no-such"}', '{"command":"user-add"}', '{"command":"user-list","x":1}'):
        status, answer = send("POST", body)
        assert status == 400 and "not a command" in answer["message"], body
    status, answer = send("POST", '{"command":"token-check","token":{"hvs.secret":1}}')
    assert status == 400 and "hvs.secret" not in answer["message"]
    assert send("POST", "x" * (5 << 20))[0] == 413
    assert send("POST", '{"command":"user-check","user_name":"nobody"}')[0] == 200
