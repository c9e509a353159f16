"""The base image of nodes (deploy/node), in Docker on a server of its own: what a controller and its users count on, and what is left."""

import base64
import io
import subprocess
import tarfile

import pytest

import node_server
import processes
from node_server import CONTROLLER, SERVER

pytestmark = pytest.mark.skipif(bool(node_server.missing()), reason=str(node_server.missing()))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = node_server.NodeServer(tmp_path_factory.mktemp("server"))
    try:
        server.start()
        loaded = server.docker("load", "-i", node_server.image_file())
        server.image = loaded.split("Loaded image: ")[1].strip()
        yield server
    finally:
        server.stop()


def start(server, *options, number=1):
    """A node as the controller starts it."""
    variables = {
        "PRIVATE_IP": SERVER,
        "VCCCTR_IPADDR": CONTROLLER,
        "SERF_NODE_ID": f"0123456789abcdef:w:{number}",
        "VCCC_ID": "0123456789abcdef",
        "AUTHORIZED_KEYS": base64.b64encode((server.folder / "key.pub").read_bytes()).decode(),
    }
    environment = [word for name, value in variables.items() for word in ("-e", f"{name}={value}")]
    arguments = ["--name", "node", "--privileged", "--net=host", "-v", "/dev:/dev", *environment, *options, server.image]
    server.docker("run", "-d", *arguments)
    processes.eventually(lambda: answers(server, "docker version"), what="the node")
    return variables["SERF_NODE_ID"]


def answers(server, command, **options):
    try:
        return server.ssh(command, **options) or True
    except RuntimeError:
        return False


def busybox():
    """A small image, as `docker import` reads it."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(subprocess.check_output(["which", "busybox"], text=True).strip(), "bin/busybox")
        for name in "sh", "httpd", "nc":
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return archive.getvalue()


def test_a_node_serves_its_controller_and_its_users_and_leaves_nothing(server):
    before = server.network()
    name = start(server, "-e", "VCP_USER=vcp", "-e", "DOCKER_TCP=true")

    # Who may log in, and who may not.
    assert server.ssh("id -un") == "root\n"
    assert server.ssh("id -Gn; sudo -n id -un", user="vcp") == "vcp docker\nroot\n"
    with pytest.raises(RuntimeError, match="Permission denied"):
        server.from_controller("ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o",
                               "UserKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes", f"root@{SERVER}", "id")

    # Membership and metrics.
    processes.eventually(lambda: server.members().get(name) == "alive", what="membership")
    assert "node_cpu_seconds_total" in server.from_controller("curl", "-sf", f"http://{SERVER}:18083/metrics")

    # An open engine is not to be had.
    with pytest.raises(RuntimeError):
        server.from_controller("curl", "-s", "-m", "5", f"http://{SERVER}:2375/version")
    assert "port 2375 stays closed" in server.docker("logs", "node") + logged(server)

    # Containers of its own: with a way out, and reachable from outside, on two networks.
    server.ssh("docker import - small", stdin=busybox())
    server.ssh("docker network create other")
    server.ssh("docker run -d --name web --network other -p 8080:80 small sh -c 'echo seen > /seen; httpd -f -p 80 -h /'")
    url = f"http://{SERVER}:8080/seen"
    assert processes.eventually(lambda: fetched(server, url), what="the published port") == "seen\n"
    outside = processes.start(["nsenter", f"--net=/run/netns/{server.here}", "busybox", "httpd", "-f", "-p", "8000", "-h",
                               server.folder], stderr=subprocess.DEVNULL)
    ask = f"printf \"GET /key.pub HTTP/1.0\\r\\n\\r\\n\" | nc -w 5 {CONTROLLER} 8000"
    reached = server.ssh(f"docker run --rm small sh -c '{ask}'")
    assert (server.folder / "key.pub").read_text() in reached
    processes.stop(outside)
    assert server.network() != before

    # It says goodbye within Docker's patience, and takes its networks with it.
    server.docker("stop", "node")
    assert server.docker("inspect", "-f", "{{.State.ExitCode}}", "node") == "0\n"
    assert server.members()[name] == "left"
    assert server.network() == before
    server.docker("rm", "-v", "node")
    assert server.docker("volume", "ls", "-q") == ""


def fetched(server, url):
    try:
        return server.from_controller("curl", "-sf", "-m", "5", url)
    except RuntimeError:
        return None


def logged(server):
    """What a container wrote on its standard error."""
    command = ["docker", "-H", f"unix://{server.folder}/docker.sock", "logs", "node"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stderr


def test_a_node_that_was_killed_is_missed_soon_and_starts_over_what_it_left(server):
    before = server.network()
    certificates(server.folder / "tls")
    name = start(server, "-e", "DOCKER_TCP=true", "-v", f"{server.folder}/tls:/etc/vcp/docker-tls:ro", number=2)
    processes.eventually(lambda: server.members().get(name) == "alive", what="membership")

    # With certificates the engine is there, for those who have one.
    tls = [word for file in ("ca", "cert", "key") for word in (f"--tls{file.replace('ca', 'cacert')}", server.folder / "tls" / f"{file}.pem")]
    version = ["docker", "--tlsverify", *tls, "-H", f"tcp://{SERVER}:2375", "version", "-f", "{{.Server.Os}}"]
    assert server.from_controller(*version) == "linux\n"
    with pytest.raises(RuntimeError):
        server.from_controller("curl", "-skf", "-m", "5", f"https://{SERVER}:2375/version")

    server.ssh("docker network create other")
    running = server.network()
    server.docker("kill", "node")
    processes.eventually(lambda: server.members()[name] == "failed", patience=10, what="that the node is missed")
    assert server.network() != before

    server.docker("start", "node")
    processes.eventually(lambda: answers(server, "docker version"), what="the node")
    assert sorted(server.network()[0]) == sorted(running[0])
    server.docker("stop", "node")
    server.docker("rm", "-v", "node")
    assert server.network() == before


def certificates(folder):
    """A certificate for the engine that its clients show as well."""
    folder.mkdir()
    node_server.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=node", "-addext", f"subjectAltName=IP:{SERVER}", "-keyout", folder / "key.pem",
                    "-out", folder / "cert.pem")
    (folder / "ca.pem").write_bytes((folder / "cert.pem").read_bytes())
