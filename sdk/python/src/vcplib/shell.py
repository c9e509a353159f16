"""Commands on a node's base container, by the system's ssh.

A question that nobody sees would hang a cell for ever, so ssh is never allowed to ask: BatchMode, and the node's host key is
taken on first use into a file of the SDK's own. A key is kept for one life of one base container, so that the next machine with
the same address is no stranger, and a machine that poses as a running node is refused.
"""
from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Optional, Union

from .table import printed_table

DOCKER = "/usr/local/bin/docker"
Output = tuple[Any, Any]


def known_hosts() -> Path:
    """Where the nodes' host keys are kept: VCPSDK_KNOWN_HOSTS, or `~/.ssh/vcpsdk_known_hosts`."""
    path = Path(os.environ.get("VCPSDK_KNOWN_HOSTS") or "~/.ssh/vcpsdk_known_hosts").expanduser()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


class Shell:
    """What a node offers through its sshd on port 22. Mixed into `VcNode`."""

    id: str
    type: str
    cloud_instance_address: Optional[str]
    container_date: str
    ssh_user_name: str

    def ssh_exec(self, cmd: str, cwd: Optional[str] = None, private_key_path: Optional[str] = None,
                 stdin_fd: Union[IO[Any], int, None] = None, output_decode: bool = True,
                 ssh_user_name: Optional[str] = None) -> Output:
        """Runs a command line in the base container; returns its standard output and standard error.

        Raises an Exception with both if the command or the connection failed.
        """
        self._only_compute("ssh_exec")
        line = f"cd {cwd} && {cmd}" if cwd else cmd
        arguments = ["ssh", *self._options(private_key_path), "--", self._login(ssh_user_name), line]
        out, err = self.local_exec(arguments, stdin_fd=stdin_fd)
        return (out.decode("utf-8"), err.decode("utf-8")) if output_decode else (out, err)

    def scp(self, src: str, dst: str, private_key_path: Optional[str] = None, ssh_user_name: Optional[str] = None) -> Output:
        """Copies a file of this machine into the base container."""
        self._only_compute("ssh_scp")
        target = f"{self._login(ssh_user_name)}:{dst}"
        return self.local_exec(["scp", *self._options(private_key_path), "--", src, target])

    def add_publickey(self, add_publickey_path: str, private_key_path: Optional[str] = None,
                      ssh_user_name: Optional[str] = None) -> Output:
        """Lets the owner of another public key log in too."""
        self._only_compute("add_publickey")
        try:
            key = open(add_publickey_path, "rb")
        except OSError as error:
            raise Exception("VCP", f"public_key_path[{add_publickey_path}] can't open ({error})") from error
        with key:
            return self.ssh_exec("cat >> ./.ssh/authorized_keys", private_key_path=private_key_path, stdin_fd=key,
                                 ssh_user_name=ssh_user_name)

    def local_exec(self, cmd: Sequence[str], env: Optional[dict[str, str]] = None,
                   stdin_fd: Union[IO[Any], int, None] = None) -> tuple[bytes, bytes]:
        """Runs a program of this machine, given with its arguments; no shell is between."""
        done = subprocess.run(list(cmd), env=env, stdin=stdin_fd or subprocess.DEVNULL, capture_output=True, check=False)
        if done.returncode != 0:
            out, err = (text.decode("utf-8", "replace") for text in (done.stdout, done.stderr))
            raise Exception(f"stdout = {out}\nstderr = {err}")
        return done.stdout, done.stderr

    # Docker in the base container. `options` and `cmd` are parts of a command line that a shell reads.

    def docker_ps(self, options: Sequence[str] = (), ssh_user_name: str = "root", private_key_path: Optional[str] = None) -> Any:
        """`docker ps` as a DataFrame."""
        return printed_table(self._docker(["ps", *options], ssh_user_name, private_key_path)[0])

    def docker_image_ls(self, options: Sequence[str] = (), ssh_user_name: str = "root",
                        private_key_path: Optional[str] = None) -> Any:
        """`docker image ls` as a DataFrame."""
        return printed_table(self._docker(["image", "ls", *options], ssh_user_name, private_key_path)[0])

    def docker_network_ls(self, options: Sequence[str] = (), ssh_user_name: str = "root",
                          private_key_path: Optional[str] = None) -> Any:
        """`docker network ls` as a DataFrame."""
        return printed_table(self._docker(["network", "ls", *options], ssh_user_name, private_key_path)[0])

    def docker_volume_ls(self, options: Sequence[str] = (), ssh_user_name: str = "root",
                         private_key_path: Optional[str] = None) -> Any:
        """`docker volume ls` as a DataFrame."""
        return printed_table(self._docker(["volume", "ls", *options], ssh_user_name, private_key_path)[0])

    def docker_inspect(self, container: str, options: Sequence[str] = (), ssh_user_name: str = "root",
                       private_key_path: Optional[str] = None) -> Any:
        """`docker inspect`, its JSON read."""
        return json.loads(self._docker(["inspect", *options, container], ssh_user_name, private_key_path)[0])

    def docker_image_inspect(self, image: str, options: Sequence[str] = (), ssh_user_name: str = "root",
                             private_key_path: Optional[str] = None) -> Any:
        """`docker image inspect`, its JSON read."""
        return json.loads(self._docker(["image", "inspect", *options, image], ssh_user_name, private_key_path)[0])

    def docker_network_inspect(self, network: str, options: Sequence[str] = (), ssh_user_name: str = "root",
                               private_key_path: Optional[str] = None) -> Any:
        """`docker network inspect`, its JSON read."""
        return json.loads(self._docker(["network", "inspect", *options, network], ssh_user_name, private_key_path)[0])

    def docker_volume_inspect(self, volume: str, options: Sequence[str] = (), ssh_user_name: str = "root",
                              private_key_path: Optional[str] = None) -> Any:
        """`docker volume inspect`, its JSON read."""
        return json.loads(self._docker(["volume", "inspect", *options, volume], ssh_user_name, private_key_path)[0])

    def docker_info(self, options: Sequence[str] = (), ssh_user_name: str = "root", private_key_path: Optional[str] = None) -> str:
        """`docker info` as text."""
        return self._docker(["info", *options], ssh_user_name, private_key_path)[0]

    def docker_logs(self, container: str, options: Sequence[str] = (), ssh_user_name: str = "root",
                    private_key_path: Optional[str] = None) -> str:
        """What a container wrote to its standard output."""
        return self._docker(["logs", *options, container], ssh_user_name, private_key_path)[0]

    def docker_cp(self, src: str, dest: str, options: Sequence[str] = (), cwd: Optional[str] = None, ssh_user_name: str = "root",
                  private_key_path: Optional[str] = None) -> str:
        """Copies between the base container and a container in it."""
        return self._docker(["cp", *options, src, dest], ssh_user_name, private_key_path, cwd)[0]

    def docker_run(self, image: str, options: Sequence[str] = (), cmd: Sequence[str] = (), ssh_user_name: str = "root",
                   private_key_path: Optional[str] = None) -> Output:
        """Runs a new container; returns its standard output and standard error."""
        return self._docker(["run", *options, image, *cmd], ssh_user_name, private_key_path)

    def docker_exec(self, container: str, options: Sequence[str] = (), cmd: Sequence[str] = (), ssh_user_name: str = "root",
                    private_key_path: Optional[str] = None) -> Output:
        """Runs a command in a container; returns its standard output and standard error."""
        return self._docker(["exec", *options, container, *cmd], ssh_user_name, private_key_path)

    def docker_restart(self, container: str, options: Sequence[str] = (), ssh_user_name: str = "root",
                       private_key_path: Optional[str] = None) -> None:
        """Restarts a container."""
        self._docker(["restart", *options, container], ssh_user_name, private_key_path)

    def docker_stop(self, container: str, options: Sequence[str] = (), ssh_user_name: str = "root",
                    private_key_path: Optional[str] = None) -> None:
        """Stops a container."""
        self._docker(["stop", *options, container], ssh_user_name, private_key_path)

    def docker_start(self, container: str, options: Sequence[str] = (), ssh_user_name: str = "root",
                     private_key_path: Optional[str] = None) -> None:
        """Starts a container."""
        self._docker(["start", *options, container], ssh_user_name, private_key_path)

    def docker_rm(self, container: str, options: Sequence[str] = (), ssh_user_name: str = "root",
                  private_key_path: Optional[str] = None) -> None:
        """Removes a container."""
        self._docker(["rm", *options, container], ssh_user_name, private_key_path)

    def docker_pull(self, image: str, options: Sequence[str] = (), ssh_user_name: str = "root",
                    private_key_path: Optional[str] = None) -> str:
        """Fetches an image from its registry."""
        return self._docker(["pull", *options, image], ssh_user_name, private_key_path)[0]

    def docker_push(self, image: str, options: Sequence[str] = (), ssh_user_name: str = "root",
                    private_key_path: Optional[str] = None) -> str:
        """Sends an image to its registry."""
        return self._docker(["push", *options, image], ssh_user_name, private_key_path)[0]

    def docker_image_rm(self, image: str, options: Sequence[str] = (), ssh_user_name: str = "root",
                        private_key_path: Optional[str] = None) -> None:
        """Removes an image."""
        self._docker(["image", "rm", *options, image], ssh_user_name, private_key_path)

    def docker_image_tag(self, src_image: str, dest_image: str, ssh_user_name: str = "root",
                         private_key_path: Optional[str] = None) -> None:
        """Gives an image another name."""
        self._docker(["image", "tag", src_image, dest_image], ssh_user_name, private_key_path)

    def _docker(self, parts: Sequence[str], user: str, key: Optional[str], cwd: Optional[str] = None) -> tuple[str, str]:
        return self.ssh_exec(" ".join([DOCKER, *parts]), cwd=cwd, ssh_user_name=user, private_key_path=key)

    def _login(self, user: Optional[str]) -> str:
        return f"{user or self.ssh_user_name}@{self.cloud_instance_address}"

    def _options(self, private_key_path: Optional[str]) -> list[str]:
        life = re.sub(r"\D", "", str(self.container_date or ""))
        options = ["BatchMode=yes", "StrictHostKeyChecking=accept-new", f"UserKnownHostsFile={known_hosts()}",
                   f"HostKeyAlias=vcnode-{self.id}-{life}", "LogLevel=ERROR", "ConnectTimeout=30", "ServerAliveInterval=30"]
        arguments = [argument for option in options for argument in ("-o", option)]
        return arguments + (["-i", os.path.expanduser(private_key_path)] if private_key_path else [])

    def _only_compute(self, operation: str) -> None:
        if self.type != "compute":
            raise Exception("VCP", f"{operation} only compute node")
