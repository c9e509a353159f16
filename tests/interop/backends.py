"""Servers that keep a vault's data: PostgreSQL, and two emulators of DynamoDB. Each is started once."""

import fcntl
import glob
import os
import pathlib
import pwd
import random
import re
import shutil
import socket
import subprocess
import tempfile

import pytest

import processes

TOP = pathlib.Path(__file__).resolve().parents[2]

_port_locks = []


class Backends:
    """Starts each server at the first question for it, and stops all at the end."""

    def __init__(self):
        self._running = {}

    def get(self, kind):
        if kind not in self._running:
            self._running[kind] = {"postgresql": Postgres, "moto": moto, "dynamodb-local": dynamodb_local}[kind]()
        return self._running[kind]

    def stop(self):
        for server in self._running.values():
            server.stop()


def moto(environment=None):
    """A moto of its own; `environment` holds its settings."""
    program = os.environ.get("TRUSTKEEP_TEST_MOTO_SERVER") or shutil.which("moto_server")
    if not program:
        pytest.skip("moto: TRUSTKEEP_TEST_MOTO_SERVER is not set")
    return _emulator([program, "-H", "127.0.0.1", "-p", "0"], None, environment)


def dynamodb_local():
    folder = os.environ.get("TRUSTKEEP_TEST_DYNAMODB_LOCAL_DIR")
    if not folder:
        pytest.skip("DynamoDB Local: TRUSTKEEP_TEST_DYNAMODB_LOCAL_DIR is not set")
    if not shutil.which("java"):
        pytest.skip("DynamoDB Local: java is missing")
    # Its own main class listens on every address; this configuration does not.
    jetty = TOP / "crates/store-dynamodb/tests/dynamodb/dynamodb-local.xml"
    return _emulator(
        ["java", "-Xmx512m", "-Djava.library.path=DynamoDBLocal_lib", "-Ddynamodb.port=0",
         "-cp", "DynamoDBLocal.jar:DynamoDBLocal_lib/*", "org.eclipse.jetty.xml.XmlConfiguration", jetty],
        folder,
    )


def _emulator(arguments, folder, environment=None):
    # What it prints goes to a file, so that nothing blocks when nobody reads.
    log = tempfile.NamedTemporaryFile(prefix="trustkeep-emulator-", suffix=".log")
    process = processes.start(arguments, folder, environment, stdout=log, stderr=subprocess.STDOUT)

    def endpoint():
        assert process.poll() is None, pathlib.Path(log.name).read_text()
        return re.search(r"Running on (http://\S+)", pathlib.Path(log.name).read_text())

    found = processes.eventually(endpoint, what=f"the start of {arguments[0]}").group(1)
    return _Running(process, log, found)


class _Running:
    """An emulator that answers."""

    def __init__(self, process, log, endpoint):
        self._process, self._log, self.endpoint = process, log, endpoint

    def stop(self):
        processes.stop(self._process)
        self._log.close()


class Postgres:
    """A PostgreSQL server of the newest installed version, on loopback, without passwords."""

    def __init__(self):
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: float(path.split("/")[4]))
        on_path = shutil.which("initdb")
        if not found and not on_path:
            pytest.skip("PostgreSQL: no programs in /usr/lib/postgresql, nor on the path")
        self._programs = pathlib.Path(found[-1] if found else on_path).resolve()
        if not found:
            self._programs = self._programs.parent
        self._folder = tempfile.mkdtemp(prefix="trustkeep-postgres-")
        # PostgreSQL refuses to run as root.
        self._as_user = []
        if os.getuid() == 0:
            user = "postgres" if any(entry.pw_name == "postgres" for entry in pwd.getpwall()) else "nobody"
            shutil.chown(self._folder, user)
            self._as_user = ["runuser", "-u", user, "--"]
        data = f"{self._folder}/data"
        self._run("initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "-D", data)
        self.port = free_port()
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        self._run("pg_ctl", "start", "-s", "-w", "-D", data, "-l", f"{self._folder}/log", "-o", options)
        # Stops the server at the end of the pipe, which only this process holds, and removes what it kept: half a minute for
        # hundreds of databases.
        script = 'trap "" INT TERM; cat >/dev/null; "$1/pg_ctl" stop -s -m immediate -D "$2/data"; echo stopped; rm -rf "$2"'
        self._keeper = subprocess.Popen(
            [*self._as_user, "sh", "-c", script, "keeper", self._programs, self._folder],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd="/",
        )

    def new_database(self, name):
        """Makes a database and gives its connection string."""
        self._run("psql", "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-c", f'CREATE DATABASE "{name}"')
        return self.url(name)

    def url(self, name):
        """The connection string of a database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def ask(self, url, statement):
        """What psql prints for a statement, without headings, line by line."""
        command = [self._programs / "psql", url, "-A", "-t", "-c", statement]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\n")[:-1]

    def restart(self, mode):
        """Ends it, `fast` in good order or `immediate` as a crash would, and starts it anew at the same place."""
        self._run("pg_ctl", "restart", "-s", "-w", "-m", mode, "-D", f"{self._folder}/data", "-l", f"{self._folder}/log")

    def stop(self):
        self._keeper.stdin.close()
        processes.line_with(self._keeper, self._keeper.stdout, "stopped")

    def _run(self, program, *arguments):
        command = [*self._as_user, str(self._programs / program), *arguments]
        log = tempfile.TemporaryFile()
        code = subprocess.run(command, cwd="/", stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL).returncode
        if code != 0:
            log.seek(0)
            raise RuntimeError(f"{command} failed:\n{log.read().decode(errors='replace')}")


def free_port():
    """A port that nobody listens on, that the system gives to no connection, and that no other test is given while this
    process lives: it stays free for a restart. The end-to-end tests in Rust take their ports by the same locks."""
    locks = pathlib.Path(tempfile.gettempdir()) / "trustkeep-test-ports"
    locks.mkdir(exist_ok=True)
    while True:
        port = random.randrange(15_000, 32_000)
        lock = open(locks / str(port), "a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            lock.close()
            continue
        _port_locks.append(lock)
        return port
