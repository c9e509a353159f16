"""Existing servers, for real: made into nodes, failing, returning, and left as they were."""

import json
import signal
import subprocess
import threading

import pytest

import node_server
import processes
from simulated import placed
from wire import User, authorized, encode, unit

RUNNING = "RUNNING"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    with placed(tmp_path_factory.mktemp("servers"), "VCC_CHECK_INTERVAL=2s\n") as place:
        yield place


@pytest.fixture
def user(place):
    controller, servers, _ = place
    user = User(controller, controller.token("nobody"))
    yield user
    for group in user.call("GET", "/vcs")["vcs"]:
        user.remove(group["vcid"])
    assert [servers.containers(address) for address in servers.addresses] == [[], [], []]


def test_servers_become_nodes_and_are_given_back(place, user):
    controller, servers, key = place
    vcid = user.make("life")
    options = "{'hostname': 'node', 'dns': ['10.9.9.9'], 'dns_search': ['example.org'], 'add_host': ['peer:10.9.9.8']}"
    wanted = unit("w", servers.addresses[:2], servers.image, [authorized(key), "CLUSTER=$(id);`id`"], ["/exported"], options)
    user.call("POST", f"/vcs/{vcid}", wanted)
    made = user.settled(vcid, "w")
    assert (made["state"], made["error_message"]) == (RUNNING, "")
    assert [node["cloud_instance_address"] for node in made["node"]] == servers.addresses[:2]
    for number, address in enumerate(servers.addresses[:2], 1):
        (container,) = servers.containers(address)
        (seen,) = json.loads(servers.docker(address, "inspect", container))
        host, env = seen["HostConfig"], seen["Config"]["Env"]
        assert (host["Privileged"], host["NetworkMode"]) == (True, "host") and "/dev:/dev" in host["Binds"]
        assert (host["Dns"], host["DnsSearch"], host["ExtraHosts"]) == (["10.9.9.9"], ["example.org"], ["peer:10.9.9.8"])
        assert f"PRIVATE_IP={address}" in env and f"SERF_NODE_ID={vcid}:w:{number}" in env and f"VCCC_ID={vcid}" in env
        assert "CLUSTER=$(id);`id`" in env and any(one.startswith("VCCCTR_IPADDR=") for one in env)
        logged_in = ["ssh", "-i", key, "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
        said = subprocess.run([*logged_in, f"root@{address}", "hostname"], capture_output=True, text=True, timeout=30)
        assert said.returncode == 0, said.stderr
    user.call("PUT", f"/vcs/{vcid}/w", {"ip_address_list": [servers.addresses[0]], "mac_address_list": []}, status=409)
    user.call("PUT", f"/vcs/{vcid}/w", {"ip_address_list": ["192.0.2.1"], "mac_address_list": []}, status=400)
    user.call("PUT", f"/vcs/{vcid}/w", {"ip_address_list": [servers.addresses[2]], "mac_address_list": []})
    nodes = user.settled(vcid, "w")["node"]
    assert [node["node_no"] for node in nodes] == [1, 2, 3]
    user.call("DELETE", f"/vcs/{vcid}/w/{nodes[0]['node_id']}", {})
    processes.eventually(lambda: len(user.settled(vcid, "w")["node"]) == 2, what="the node's end")
    assert servers.containers(servers.addresses[0]) == []
    user.remove(vcid)


def test_what_fails_is_said_and_returns(place, user):
    controller, servers, key = place
    vcid = user.make("failing")
    first, second, _ = servers.addresses
    user.call("POST", f"/vcs/{vcid}", unit("w", [first, second], servers.image, [authorized(key)]))
    assert user.settled(vcid, "w")["state"] == RUNNING
    (container,) = servers.containers(first)
    servers.docker(first, "stop", "--time", "1", container)
    nodes = user.await_states(vcid, "w", ["CONTAINER_ERROR", RUNNING])
    assert "does not run" in nodes[0]["error_message"] or "exit code" in nodes[0]["error_message"]
    servers.docker(first, "start", container)
    user.await_states(vcid, "w", [RUNNING, RUNNING])
    servers.tell("cut", second)
    nodes = user.await_states(vcid, "w", [RUNNING, "HOST_ERROR"])
    assert second in nodes[1]["error_message"]
    servers.tell("heal", second)
    user.await_states(vcid, "w", [RUNNING, RUNNING])
    user.remove(vcid)


def test_a_server_that_does_not_answer_is_said_and_left_by_force(place, user):
    _, servers, key = place
    vcid = user.make("away")
    first = servers.addresses[0]
    servers.tell("hang-ssh", first)
    user.call("POST", f"/vcs/{vcid}", unit("w", [first], servers.image, [authorized(key)]))
    made = user.settled(vcid, "w")
    assert made["state"] == "ERROR" and first in made["error_message"], made
    servers.tell("resume-ssh", first)
    user.call("PATCH", f"/vcs/{vcid}/w/start")
    assert user.settled(vcid, "w")["state"] == RUNNING
    servers.tell("kill-docker", first)
    user.await_states(vcid, "w", ["HOST_ERROR"])
    user.remove(vcid)
    servers.tell("start-docker", first)
    # The next node on this server clears away what the forgotten one left.
    vcid = user.make("again")
    user.call("POST", f"/vcs/{vcid}", unit("w", [first], servers.image, [authorized(key)]))
    assert user.settled(vcid, "w")["state"] == RUNNING
    assert len(servers.containers(first)) == 1
    user.remove(vcid)


@pytest.mark.parametrize("after", [0.05, 0.3, 0.8, 1.5])
def test_a_controller_that_is_killed_goes_on(place, user, after):
    controller, servers, key = place
    vcid = user.make(f"killed-{after}")
    user.call("POST", f"/vcs/{vcid}", unit("w", servers.addresses, servers.image, [authorized(key)]))
    threading.Event().wait(after)
    controller.stop(signal.SIGKILL)
    controller.start()
    made = user.settled(vcid, "w")
    assert made["state"] == RUNNING, made
    assert [len(servers.containers(address)) for address in servers.addresses] == [1, 1, 1]
    user.call("DELETE", f"/vcs/{vcid}", {"force": "true"})
    threading.Event().wait(after)
    controller.stop(signal.SIGKILL)
    controller.start()
    gone = lambda: controller.call("GET", f"/vcs/{vcid}", user.token).status_code == 404
    processes.eventually(gone, what="the end of the unit group")


def test_nothing_of_a_user_reaches_a_shell(place, user):
    _, servers, key = place
    evil = "$(touch /tmp/owned)`touch /tmp/owned`;touch /tmp/owned"
    vcid = user.make("shell")
    # Not a shell's: what its first line names runs it.
    script = encode('#!/bin/awk -f\nBEGIN { print "ran" > "/ran" }\n')
    script = f"    user_init_command: {script}\n"
    wanted = unit("w", servers.addresses[:1], servers.image, [authorized(key), f"EVIL={evil}"], more=script)
    user.call("POST", f"/vcs/{vcid}", wanted)
    made = user.settled(vcid, "w")
    assert made["state"] == RUNNING, made
    (container,) = servers.containers(servers.addresses[0])
    assert servers.docker(servers.addresses[0], "exec", container, "cat", "/ran") == "ran"
    found = servers.docker(servers.addresses[0], "exec", container, "ls", "/tmp").split()
    assert "owned" not in found
    user.call("POST", f"/vcs/{vcid}", unit("$(x)", servers.addresses[1:2], servers.image), status=400)
    user.remove(vcid)


@pytest.mark.skipif(not node_server.image_file().is_file(), reason="the base image is missing: deploy/node/build.sh")
def test_what_a_killed_node_made_in_its_servers_network_goes_with_it(place, user):
    _, servers, key = place
    address = servers.addresses[2]
    image = servers.docker(address, "load", "-i", node_server.image_file()).split("Loaded image: ")[1]
    before = servers.traces(address)
    vcid = user.make("untidy")
    user.call("POST", f"/vcs/{vcid}", unit("w", [address], image, [authorized(key)]))
    assert user.settled(vcid, "w")["state"] == RUNNING
    (container,) = servers.containers(address)
    inside = "until docker version >/dev/null 2>&1; do sleep 0.1; done; docker network create other"
    servers.docker(address, "exec", container, "sh", "-c", inside)
    servers.docker(address, "kill", container)
    left = "\n".join(servers.traces(address))
    assert "VCPNODE" in left and "vcp0" in left and "br-" in left, left
    user.remove(vcid)
    assert servers.traces(address) == before
