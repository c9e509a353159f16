"""A server for one node, as namespaces of this machine: its own address, its own Docker, and a controller's address beside it."""

import json
import os
import pathlib
import shutil
import subprocess

import processes

CONTROLLER, SERVER = "10.203.77.1", "10.203.77.11"
PROGRAMS = ["dockerd", "docker", "serf", "ip", "nsenter", "iptables-save", "ssh", "busybox"]


def missing():
    """Why there can be no server here; nothing if there can."""
    if os.geteuid() != 0:
        return "nodes need root"
    lacking = [program for program in PROGRAMS if not shutil.which(program)]
    if lacking:
        return f"nodes need {', '.join(lacking)}"
    image = image_file()
    return None if image.is_file() else f"the base image is missing: deploy/node/build.sh {image}"


def image_file():
    """The base image that ./test built."""
    built = pathlib.Path(__file__).parents[2] / ".test-env"
    newest = max(built.glob("node-image-*.tar"), key=os.path.getmtime, default=built / "node-image.tar")
    return pathlib.Path(os.environ.get("TRUSTKEEP_TEST_NODE_IMAGE") or newest)


class NodeServer:
    """Two namespaces on one wire, with Docker in one of them and an agent of serf in the other."""

    def __init__(self, folder):
        self.folder, self.name = folder, f"tk{os.getpid()}"
        self.here, self.there = f"{self.name}c", f"{self.name}s"
        self.running = []

    def start(self):
        for space, address in (self.here, CONTROLLER), (self.there, SERVER):
            run("ip", "netns", "add", space)
            run("ip", "-n", space, "link", "set", "lo", "up")
        run("ip", "link", "add", "eth0", "netns", self.here, "type", "veth", "peer", "name", "eth0", "netns", self.there)
        for space, address in (self.here, CONTROLLER), (self.there, SERVER):
            run("ip", "-n", space, "addr", "add", f"{address}/24", "dev", "eth0")
            run("ip", "-n", space, "link", "set", "eth0", "up")
            run("ip", "-n", space, "route", "add", "default", "dev", "eth0")
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / "key")
        self._start_docker()
        self._start_serf()
        return self

    def stop(self):
        if (self.folder / "docker.sock").exists():
            containers = self.docker("ps", "-aq").split()
            if containers:
                self.docker("rm", "-vf", *containers)
        for process in reversed(self.running):
            processes.stop(process)
        mounted = [line.split()[1] for line in pathlib.Path("/proc/mounts").read_text().splitlines()]
        for path in reversed([path for path in mounted if path.startswith(f"{self.folder}/")]):
            run("umount", path)
        shutil.rmtree(self.folder / "data")
        for space in self.here, self.there:
            run("ip", "netns", "del", space)
        for top in pathlib.Path("/sys/fs/cgroup").glob(f"**/{self.name}"):
            for group, _, _ in os.walk(top, topdown=False):
                os.rmdir(group)

    def docker(self, *arguments, **options):
        return run("docker", "-H", f"unix://{self.folder}/docker.sock", *arguments, **options)

    def ssh(self, command, user="root", **options):
        """Runs a command on the node, as the controller reaches it."""
        log_in = ["ssh", "-q", "-i", self.folder / "key", "-o", "BatchMode=yes", "-o", "UserKnownHostsFile=/dev/null"]
        return self.from_controller(*log_in, "-o", "StrictHostKeyChecking=no", f"{user}@{SERVER}", command, **options)

    def from_controller(self, *command, **options):
        return run("nsenter", f"--net=/run/netns/{self.here}", *command, **options)

    def on_server(self, *command):
        return run("nsenter", f"--net=/run/netns/{self.there}", *command)

    def members(self):
        """The status of each member that the controller's agent knows."""
        listed = json.loads(self.from_controller("serf", "members", "-format=json"))
        return {member["name"]: member["status"] for member in listed["members"]}

    def network(self):
        """What a node must leave as it was: rules, without the counts of packets, and devices."""
        rules = [line.split(" [")[0] for line in self.on_server("iptables-save").splitlines() if line[0] != "#"]
        devices = [line.split()[1] for line in self.on_server("ip", "-o", "link").splitlines()]
        return rules, devices

    def _start_docker(self):
        runtime = self.folder / "runtime"
        runtime.write_text(_RUNTIME)
        runtime.chmod(0o755)
        (self.folder / "daemon.json").write_text("{}")
        log = (self.folder / "docker.log").open("w")
        arguments = ["--data-root", self.folder / "data", "--exec-root", self.folder / "exec", "--bip", "172.26.77.1/24"]
        arguments += ["--pidfile", self.folder / "docker.pid", "-H", f"unix://{self.folder}/docker.sock"]
        arguments += ["--cgroup-parent", f"/{self.name}", "--config-file", self.folder / "daemon.json"]
        arguments += ["--add-runtime", f"here={runtime}", "--default-runtime", "here"]
        enter = ["nsenter", f"--net=/run/netns/{self.there}", "dockerd"]
        self.running.append(processes.start(enter + arguments, stdout=log, stderr=log))
        processes.eventually(lambda: (self.folder / "docker.sock").exists(), what="Docker")

    def _start_serf(self):
        enter = ["nsenter", f"--net=/run/netns/{self.here}", "serf", "agent", "-node=portable_vcc", "-tag=role=pvcc"]
        log = self.folder / "serf.log"
        with log.open("wb") as output:
            self.running.append(processes.start([*enter, f"-bind={CONTROLLER}:7947"], stdout=output))
        processes.eventually(lambda: "Serf agent running" in log.read_text(), what="serf")


def run(*command, stdin=None):
    """Runs a command and gives what it printed; its complaint is the error."""
    done = subprocess.run([str(word) for word in command], input=stdin, capture_output=True, timeout=120)
    if done.returncode != 0:
        raise RuntimeError(f"{command} ended with {done.returncode}: {done.stderr.decode(errors='replace')}")
    return done.stdout.decode(errors="replace")


# Where this process itself has not every capability, Docker could start no privileged container: what is missing here is left out.
_RUNTIME = """#!/usr/bin/python3
import json, os, sys
bound = int(next(line for line in open("/proc/self/status") if line.startswith("CapBnd")).split()[1], 16)
if not bound >> 24 & 1:
    for option, value in zip(sys.argv, sys.argv[1:]):
        if option in ("--bundle", "--process"):
            path = value + "/config.json" if option == "--bundle" else value
            text = open(path).read().replace('"CAP_SYS_RESOURCE",', "")
            open(path, "w").write(text)
os.execvp("runc", ["runc", *sys.argv[1:]])
"""
