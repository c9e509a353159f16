"""The two administrative domains: a ledger, and an auditor that watches it, as separate processes of the program under test."""

import datetime
import pathlib
import signal
import subprocess

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import processes
import protocol
from backends import free_port
from vault_server import BINARY

SERVING = 1


class Identity:
    """An entity with a key, its certificate and a secret: which of them counts is the deployment's to say."""

    def __init__(self, name, folder):
        self.name, self.version, self.secret = name, 1, f"secret-of-{name}"
        key = ec.generate_private_key(ec.SECP256R1())
        self.key_path, self.certificate_path = folder / f"{name}-key.pem", folder / f"{name}-cert.pem"
        # The oldest clients read only this form of a private key.
        form = serialization.PrivateFormat.TraditionalOpenSSL
        self.key_pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        self.certificate_pem = _certificate(name, key)
        self.key_path.write_bytes(self.key_pem)
        self.certificate_path.write_bytes(self.certificate_pem)
        self.key_pair = protocol.KeyPair(key, self.certificate_pem)

    def signer(self, authentication):
        return self.key_pair if authentication == "digital-signature" else protocol.Secret(self.secret)


class Authority:
    """A certification authority of one's own, and what it certifies: servers, by a name that no resolver knows."""

    def __init__(self, folder, name="records.internal"):
        self.name = name
        authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        self.certificate_pem = _certificate("Records", authority, authority=True)
        self.certificate_path, self.chain_path, self.key_path = folder / "ca.pem", folder / "chain.pem", folder / "tls-key.pem"
        self.certificate_path.write_bytes(self.certificate_pem)
        self.chain_path.write_bytes(_certificate(name, key, by=("Records", authority)))
        form = serialization.PrivateFormat.PKCS8
        self.key_path.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))

    def client_properties(self, prefix):
        """What makes a client that is configured under a prefix trust it."""
        return {
            f"{prefix}tls.enabled": "true",
            f"{prefix}tls.ca_root_cert_path": self.certificate_path,
            f"{prefix}tls.override_authority": self.name,
        }


class Server:
    """`trustkeep ledger` or `trustkeep auditor`, from a properties file as Scalar DL's servers read it."""

    def __init__(self, kind, folder, properties, tls=None):
        self.kind, self.folder, self._tls = kind, pathlib.Path(folder), tls
        self.folder.mkdir()
        self.port, self.privileged_port, self.admin_port, self.metrics_port = (free_port() for _ in range(4))
        self._config = self.folder / f"{kind}.properties"
        prefix = f"scalar.dl.{kind}."
        own = {
            f"{prefix}server.host": "127.0.0.1",
            f"{prefix}server.port": self.port,
            f"{prefix}server.privileged_port": self.privileged_port,
            f"{prefix}server.admin_port": self.admin_port,
            f"{prefix}server.prometheus_exporter_port": self.metrics_port,
            f"{prefix}server.decommissioning_duration_secs": 0,
        }
        self._properties = {**own, **properties}
        self.configure({})
        self._process = None
        self._services = {}

    def configure(self, changed):
        """Changes its properties, for the next start."""
        self._properties.update({f"scalar.dl.{self.kind}.{key}": value for key, value in changed.items()})
        self._config.write_text("".join(f"{key}={value}\n" for key, value in self._properties.items()))

    def another(self, folder):
        """One more of its kind on the same store."""
        own = ("server.port", "server.privileged_port", "server.admin_port", "server.prometheus_exporter_port")
        same = {key: value for key, value in self._properties.items() if not key.endswith(own)}
        return Server(self.kind, folder, same, self._tls)

    def move(self, store):
        """Puts it on another store, for the next start."""
        self._properties.update(store)
        self.configure({})

    def trustkeep(self, *words):
        """How another command of the program ends that takes the same configuration."""
        return subprocess.run([BINARY, *words, "--config", self._config], capture_output=True, text=True, timeout=60)

    def make_tables(self, *options):
        """Makes the tables in a database that somebody else administers; gives their names."""
        done = self.trustkeep("schema", *options)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return [line.strip() for line in done.stdout.splitlines() if line.startswith("  ")]

    def start(self):
        """Starts it and waits until its health check answers."""
        log = open(self.folder / "server.log", "ab")
        self._process = processes.start([BINARY, self.kind, "--config", self._config], self.folder, stdout=log, stderr=log)
        processes.eventually(self._serves, what=f"the start of the {self.kind}")
        return self

    def service(self, privileged=False):
        """A bare client of one of its services."""
        name = f"rpc.{self.kind.capitalize()}{'Privileged' if privileged else ''}"
        return self._client(name, self.privileged_port if privileged else self.port)

    def admin(self):
        """A bare client of its administrator's port."""
        return self._client("rpc.Admin", self.admin_port)

    def stop(self, how=signal.SIGTERM):
        """Stops it and gives its exit code."""
        for service in self._services.values():
            service.close()
        self._services = {}
        return processes.stop(self._process, how)

    def log(self):
        return (self.folder / "server.log").read_text(errors="replace")

    def _client(self, name, port):
        if name not in self._services:
            self._services[name] = protocol.Service(name, port, self._tls)
        return self._services[name]

    def _serves(self):
        assert self._process.poll() is None, f"the {self.kind} ended:\n{self.log()}"
        health = protocol.Service("grpc.health.v1.Health", self.privileged_port, self._tls)
        try:
            return health.call("Check", {}, patience=1)["status"] == SERVING
        except protocol.grpc.RpcError:
            return False
        finally:
            health.close()


class Deployment:
    """A ledger, with or without an auditor, and the properties by which a client reaches them."""

    def __init__(self, folder, authentication, audited, store=None, tls=False, more=None):
        self.authentication, self.audited, self.folder = authentication, audited, pathlib.Path(folder)
        self.server_secret = protocol.Secret("shared-by-both-servers")
        self.ledger_identity, self.auditor_identity = Identity("ledger", self.folder), Identity("auditor", self.folder)
        hmac = authentication == "hmac"
        self.tls = Authority(self.folder) if tls else None

        def properties(kind):
            prefix = f"scalar.dl.{kind}."
            shared = {f"{prefix}authentication.method": authentication}
            if hmac:
                shared[f"{prefix}authentication.hmac.cipher_key"] = f"cipher-key-of-the-{kind}"
            if hmac and audited:
                shared[f"{prefix}servers.authentication.hmac.secret_key"] = "shared-by-both-servers"
            if tls:
                shared[f"{prefix}server.tls.enabled"] = "true"
                shared[f"{prefix}server.tls.cert_chain_path"] = self.tls.chain_path
                shared[f"{prefix}server.tls.private_key_path"] = self.tls.key_path
            return {**shared, **(store or self._embedded)(kind)}

        given = lambda kind: {f"scalar.dl.{kind}.{key}": value for key, value in (more or {}).get(kind, {}).items()}
        ledger = properties("ledger")
        ledger["scalar.dl.ledger.proof.enabled"] = "true"
        ledger["scalar.dl.ledger.proof.private_key_path"] = self.ledger_identity.key_path
        ledger["scalar.dl.ledger.auditor.enabled"] = str(audited).lower()
        self.ledger = Server("ledger", self.folder / "ledger", {**ledger, **given("ledger")}, self.tls)
        self.auditor, self._acquainted = None, False
        if audited:
            auditor = properties("auditor")
            auditor["scalar.dl.auditor.private_key_path"] = self.auditor_identity.key_path
            auditor["scalar.dl.auditor.ledger.port"] = self.ledger.port
            auditor["scalar.dl.auditor.ledger.privileged_port"] = self.ledger.privileged_port
            if tls:
                auditor.update(self.tls.client_properties("scalar.dl.auditor."))
            self.auditor = Server("auditor", self.folder / "auditor", {**auditor, **given("auditor")}, self.tls)

    def start(self):
        """Starts both; the first time they are told of each other's certificate."""
        for server in self.servers():
            server.start()
        if self.audited and self.authentication == "digital-signature" and not self._acquainted:
            self._trust_each_other()
        self._acquainted = True
        return self

    def stop(self):
        """Stops both; each must end by itself and well."""
        for server in self.servers():
            code = server.stop()
            assert code == 0, f"the {server.kind} ended with {code}:\n{server.log()}"

    def servers(self):
        return [self.ledger] + ([self.auditor] if self.auditor else [])

    def proof_signer(self, of):
        """What verifies the proofs of the ledger or of the auditor."""
        # The secret is one that two servers share: a ledger alone signs its proofs.
        if self.authentication == "hmac" and self.audited:
            return self.server_secret
        return {"ledger": self.ledger_identity, "auditor": self.auditor_identity}[of].key_pair

    def client_properties(self, identity, namespace=None):
        """A client's configuration, by the names of the Java client."""
        prefix = "scalar.dl.client."
        properties = {
            f"{prefix}server.host": "localhost",
            f"{prefix}server.port": self.ledger.port,
            f"{prefix}server.privileged_port": self.ledger.privileged_port,
            # By its present name and by the one that clients before 3.10 know.
            f"{prefix}authentication.method": self.authentication,
            f"{prefix}authentication_method": self.authentication,
            f"{prefix}entity.id": identity.name,
            f"{prefix}auto_bootstrap": "false",
        }
        if self.authentication == "hmac":
            properties[f"{prefix}entity.identity.hmac.secret_key"] = identity.secret
        else:
            properties[f"{prefix}entity.identity.digital_signature.cert_path"] = identity.certificate_path
            properties[f"{prefix}entity.identity.digital_signature.private_key_path"] = identity.key_path
        if self.auditor:
            properties[f"{prefix}auditor.enabled"] = "true"
            properties[f"{prefix}auditor.host"] = "localhost"
            properties[f"{prefix}auditor.port"] = self.auditor.port
            properties[f"{prefix}auditor.privileged_port"] = self.auditor.privileged_port
            # What it is called by default now, and was not by clients before 3.10.
            properties[f"{prefix}auditor.linearizable_validation.contract_id"] = "validate-ledger-v1_1_0"
        if self.tls:
            properties.update(self.tls.client_properties(prefix) | self.tls.client_properties(f"{prefix}auditor."))
        if namespace:
            properties[f"{prefix}context.namespace"] = namespace
        return {key: str(value) for key, value in properties.items()}

    def write_client_properties(self, path, identity, namespace=None, changed=None):
        """The same in a file."""
        properties = self.client_properties(identity, namespace)
        properties.update({f"scalar.dl.client.{key}": value for key, value in (changed or {}).items()})
        path.write_text("".join(f"{key}={value}\n" for key, value in properties.items()))
        return path

    def _embedded(self, kind):
        return {"scalar.db.storage": "embedded", "scalar.db.contact_points": self.folder / f"{kind}-data"}

    def _trust_each_other(self):
        for server, known in ((self.auditor, self.ledger_identity), (self.ledger, self.auditor_identity)):
            certificate = {"entity_id": known.name, "key_version": 1, "cert_pem": known.certificate_pem.decode()}
            server.service(privileged=True).call("RegisterCert", certificate)


def _certificate(name, key, by=None, authority=False):
    """A certificate of its own, or by the name and key of an authority."""
    called = lambda name: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer, signer = by or (name, key)
    today = datetime.datetime.now(datetime.timezone.utc)
    made = x509.CertificateBuilder().subject_name(called(name)).issuer_name(called(issuer)).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number())
    if authority:
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    else:
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    made = made.not_valid_before(today - datetime.timedelta(days=1)).not_valid_after(today + datetime.timedelta(days=30))
    return made.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
