"""Scalar DL's Java client: where it is found, and our driver around it, compiled against it."""

import glob
import os
import pathlib
import shutil
import struct
import subprocess
import zipfile

import pytest

from clients import PROTO, Driver

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[2]
CONTRACTS = ["StateUpdater", "StateReader"]
VALIDATE_LEDGER = "com.scalar.dl.client.validation.contract.v1_1_0.ValidateLedger"
SCALARDL = "com.scalar.dl.client.tool.ScalarDlCommandLine"
HASHSTORE = "com.scalar.dl.hashstore.client.tool.HashStoreCommandLine"
TABLESTORE = "com.scalar.dl.tablestore.client.tool.TableStoreCommandLine"


class JavaSdk:
    """One version of the client in one virtual machine, and the contracts compiled beside it."""

    def __init__(self, class_path, folder):
        self.folder = folder
        _compile(class_path, folder, HERE / "java/driver")
        # The serial collector and the first compiler only: what starts fast.
        options = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx256m"]
        self.driver = Driver(["java", *options, "-cp", f"{folder}:{class_path}", "Driver"], folder / "driver.log")

    def class_file(self, name):
        return self.folder / f"com/org1/contract/{name}.class"

    def command(self, tool, *arguments):
        """Runs a command line: its exit code, what it printed, and what it printed as an error."""
        answer = self.driver.ask({"do": "command", "tool": tool, "arguments": [str(each) for each in arguments]})
        return answer["exit"], answer["out"], answer["err"]

    def stop(self):
        self.driver.stop()


def version_3_9():
    """The class path of the newest version that Maven Central has whole."""
    return f"{_installed('3.9')}/*"


def version_3_14(folder):
    """The class path of the client 3.14, whose missing parts are compiled into the folder."""
    installed, older = _installed("3.14"), _installed("3.9")
    definition = folder / "proto"
    with zipfile.ZipFile(*glob.glob(f"{installed}/protobuf-java-*.jar")) as jar:
        jar.extract("google/protobuf/empty.proto", definition)
    options = '\noption java_package = "com.scalar.dl.rpc";\noption java_multiple_files = true;\n'
    (definition / "scalar.proto").write_text((PROTO / "scalar.proto").read_text() + options)
    [compiler], [plugin] = glob.glob(f"{installed}/protoc-[0-9]*.exe"), glob.glob(f"{installed}/protoc-gen-grpc-java-*.exe")
    for program in (compiler, plugin):
        os.chmod(program, 0o755)
    sources, classes = folder / "generated", folder / "classes"
    for made in (sources, classes):
        made.mkdir()
    generate = [compiler, f"-I{definition}", f"--plugin=protoc-gen-grpc-java={plugin}"]
    _run([*generate, f"--java_out={sources}", f"--grpc-java_out={sources}", definition / "scalar.proto"])
    # What has not changed since is as in the older version, behind everything newer.
    unchanged = [*glob.glob(f"{older}/scalardl-common-*.jar"), *glob.glob(f"{older}/scalardl-java-client-sdk-*.jar")]
    class_path = f"{installed}/*:{':'.join(unchanged)}"
    _compile(class_path, classes, sources, HERE / "java/3.14")
    return f"{classes}:{class_path}"


def given():
    """The class path of a whole version 3.14, where somebody has one: HashStore and TableStore are on Maven Central in no part."""
    path = os.environ.get("TRUSTKEEP_TEST_SCALARDL_CLASSPATH")
    if not path:
        pytest.skip("Scalar DL's HashStore and TableStore clients: TRUSTKEEP_TEST_SCALARDL_CLASSPATH is not set")
    return path


def validate_ledger_class():
    """The byte code of the contract that validates where there is an auditor, as the client 3.14 registers it."""
    with zipfile.ZipFile(*glob.glob(f"{_installed('3.14')}/scalardl-java-client-sdk-*.jar")) as jar:
        return jar.read(VALIDATE_LEDGER.replace(".", "/") + ".class")


def empty_class(binary_name):
    """A class file with nothing in it but its name: our servers know the original's contracts by that."""
    text = lambda words: struct.pack(">BH", 1, len(words)) + words.encode()
    of_text = lambda index: struct.pack(">BH", 7, index)
    constants = text(binary_name.replace(".", "/")) + of_text(1) + text("java/lang/Object") + of_text(3)
    public, members = 0x21, bytes(8)
    return struct.pack(">IHHH", 0xCAFEBABE, 0, 52, 5) + constants + struct.pack(">HHH", public, 2, 4) + members


def _installed(version):
    folder = pathlib.Path(os.environ.get("TRUSTKEEP_TEST_SCALARDL_JAVA", TOP / ".test-env/scalardl-java")) / version
    if not folder.exists():
        pytest.skip(f"Scalar DL's Java client {version}: not in {folder} (./test installs it)")
    return folder


def _compile(class_path, into, *folders):
    for program in ("java", "javac"):
        if not shutil.which(program):
            pytest.skip(f"{program}: the program is missing")
    sources = [source for folder in folders for source in sorted(folder.rglob("*.java"))]
    _run(["javac", "-nowarn", "-proc:none", "-cp", class_path, "-d", into, *sources])


def _run(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
