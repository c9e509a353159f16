"""Servers whose parts fail while nodes are made on them or looked after: each fault is said, and none is for ever."""

import pytest

import processes
from simulated import placed
from wire import User, authorized, unit

RUNNING = "RUNNING"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    settings = "VCC_CHECK_INTERVAL=1s\nVCC_PAUSE=200ms\nVCC_SERVER_TIMEOUT=3s\n"
    with placed(tmp_path_factory.mktemp("faults"), settings, 3, ["--disk", "128m"]) as place:
        yield place


@pytest.fixture
def user(place):
    controller, servers, _ = place
    user = User(controller, controller.token())
    yield user
    for group in user.call("GET", "/vcs")["vcs"]:
        user.remove(group["vcid"])
    assert [servers.containers(address) for address in servers.addresses] == [[], [], []]


def test_servers_that_die_while_their_nodes_boot(place, user):
    _, servers, key = place
    vcid = user.make("dying")
    user.call("POST", f"/vcs/{vcid}", unit("w", servers.addresses, servers.image, [authorized(key)]))
    progress = lambda: [node["progress"] for node in user.call("GET", f"/vcs/{vcid}/w")["node"]]
    processes.eventually(lambda: any("base container" in one for one in progress()), what="work on a server")
    first, second, third = servers.addresses
    servers.tell("cut", first)
    servers.tell("kill-docker", second)
    servers.tell("hang-ssh", third)
    nodes = user.await_states(vcid, "w", ["HOST_ERROR"] * 3)
    assert all(node["cloud_instance_address"] in node["error_message"] for node in nodes)
    servers.tell("heal", first)
    servers.tell("start-docker", second)
    servers.tell("resume-ssh", third)
    user.call("PATCH", f"/vcs/{vcid}/w/start")
    user.await_states(vcid, "w", [RUNNING] * 3)
    assert [len(servers.containers(address)) for address in servers.addresses] == [1, 1, 1]
    user.remove(vcid)


def test_a_docker_that_is_out_of_disk(place, user):
    _, servers, key = place
    first = servers.addresses[0]
    servers.docker(first, "image", "rm", servers.image)
    servers.tell("fill", first)
    vcid = user.make("full")
    user.call("POST", f"/vcs/{vcid}", unit("w", [first], servers.image, [authorized(key)]))
    made = user.settled(vcid, "w")
    assert made["state"] == "ERROR" and "no space" in made["error_message"], made
    servers.tell("empty", first)
    user.call("PATCH", f"/vcs/{vcid}/w/start")
    assert user.settled(vcid, "w")["state"] == RUNNING
    user.remove(vcid)


def test_an_sshd_that_refuses_or_shows_another_key(place, user):
    controller, servers, key = place
    first, second, _ = servers.addresses
    vcid = user.make("ssh")
    user.call("POST", f"/vcs/{vcid}", unit("w", [first, second], servers.image, [authorized(key)]))
    assert user.settled(vcid, "w")["state"] == RUNNING
    before = [servers.containers(address) for address in servers.addresses]
    servers.tell("kill-ssh", first)
    servers.tell("new-host-key", second)
    nodes = user.await_states(vcid, "w", ["HOST_ERROR", "HOST_ERROR"])
    assert f"{first}: SSH on port 20022: " in nodes[0]["error_message"] and "refused" in nodes[0]["error_message"]
    assert "another SSH host key" in nodes[1]["error_message"]
    servers.tell("start-ssh", first)
    # Whether it is the same server its administrator knows, not the controller.
    user.await_states(vcid, "w", [RUNNING, "HOST_ERROR"])
    controller.vcc("host-key", "forget", second)
    user.await_states(vcid, "w", [RUNNING, RUNNING])
    assert [servers.containers(address) for address in servers.addresses] == before
    user.remove(vcid)


def test_a_server_that_lets_nobody_in_of_that_name(place, user):
    _, servers, key = place
    vcid = user.make("stranger")
    user.call("POST", f"/vcs/{vcid}", unit("w", servers.addresses[:1], servers.image, [authorized(key)], user="stranger"))
    made = user.settled(vcid, "w")
    assert made["state"] == "ERROR" and "does not let the user stranger log in" in made["error_message"]
    user.remove(vcid)
    vcid = user.make("ubuntu")
    user.call("POST", f"/vcs/{vcid}", unit("w", servers.addresses[:1], servers.image, [authorized(key)], user="ubuntu"))
    assert user.settled(vcid, "w")["state"] == RUNNING
    user.remove(vcid)
