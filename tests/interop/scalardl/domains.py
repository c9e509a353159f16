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


class Server:
    """`trustkeep ledger` or `trustkeep auditor`, from a properties file as Scalar DL's servers read it."""

    def __init__(self, kind, folder, properties, root_certificate=None):
        self.kind, self.folder, self._root_certificate = kind, pathlib.Path(folder), root_certificate
        self.folder.mkdir()
        self.port, self.privileged_port, self.admin_port, self.metrics_port = _free_ports(4)
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
        self._config.write_text("".join(f"{key}={value}\n" for key, value in {**own, **properties}.items()))
        self._process = None
        self._services = {}

    def make_tables(self):
        """Makes the tables in a database that somebody else administers."""
        done = subprocess.run([BINARY, "schema", "--config", self._config], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"

    def start(self):
        """Starts it and waits until its health check answers."""
        log = open(self.folder / "server.log", "ab")
        self._process = processes.start([BINARY, self.kind, "--config", self._config], self.folder, stdout=log, stderr=log)
        processes.eventually(self._serves, what=f"the start of the {self.kind}")
        return self

    def service(self, privileged=False):
        """A bare client of one of its services."""
        if privileged not in self._services:
            name = f"rpc.{self.kind.capitalize()}{'Privileged' if privileged else ''}"
            port = self.privileged_port if privileged else self.port
            self._services[privileged] = protocol.Service(name, port, self._root_certificate)
        return self._services[privileged]

    def stop(self, how=signal.SIGTERM):
        """Stops it and gives its exit code."""
        for service in self._services.values():
            service.close()
        self._services = {}
        return processes.stop(self._process, how)

    def log(self):
        return (self.folder / "server.log").read_text(errors="replace")

    def _serves(self):
        assert self._process.poll() is None, f"the {self.kind} ended:\n{self.log()}"
        health = protocol.Service("grpc.health.v1.Health", self.privileged_port, self._root_certificate)
        try:
            return health.call("Check", {}, patience=1)["status"] == SERVING
        except protocol.grpc.RpcError:
            return False
        finally:
            health.close()


class Deployment:
    """A ledger, with or without an auditor, and the properties by which a client reaches them."""

    def __init__(self, folder, authentication, audited, store=None, tls=False):
        self.authentication, self.audited, self.folder = authentication, audited, pathlib.Path(folder)
        self.server_secret = protocol.Secret("shared-by-both-servers")
        self.ledger_identity, self.auditor_identity = Identity("ledger", self.folder), Identity("auditor", self.folder)
        hmac = authentication == "hmac"
        self.tls_identity = Identity("localhost", self.folder) if tls else None

        def properties(kind):
            prefix = f"scalar.dl.{kind}."
            shared = {f"{prefix}authentication.method": authentication}
            if hmac:
                shared[f"{prefix}authentication.hmac.cipher_key"] = f"cipher-key-of-the-{kind}"
            if hmac and audited:
                shared[f"{prefix}servers.authentication.hmac.secret_key"] = "shared-by-both-servers"
            if tls:
                shared[f"{prefix}server.tls.enabled"] = "true"
                shared[f"{prefix}server.tls.cert_chain_path"] = self.tls_identity.certificate_path
                shared[f"{prefix}server.tls.private_key_path"] = self.tls_identity.key_path
            return {**shared, **(store or self._embedded)(kind)}

        root_certificate = self.tls_identity.certificate_pem if tls else None

        ledger = properties("ledger")
        ledger["scalar.dl.ledger.proof.enabled"] = "true"
        ledger["scalar.dl.ledger.proof.private_key_path"] = self.ledger_identity.key_path
        ledger["scalar.dl.ledger.auditor.enabled"] = str(audited).lower()
        self.ledger = Server("ledger", self.folder / "ledger", ledger, root_certificate)
        self.auditor, self._acquainted = None, False
        if audited:
            auditor = properties("auditor")
            auditor["scalar.dl.auditor.private_key_path"] = self.auditor_identity.key_path
            auditor["scalar.dl.auditor.ledger.port"] = self.ledger.port
            auditor["scalar.dl.auditor.ledger.privileged_port"] = self.ledger.privileged_port
            if tls:
                auditor["scalar.dl.auditor.ledger.tls.enabled"] = "true"
                auditor["scalar.dl.auditor.ledger.tls.ca_root_cert_path"] = self.tls_identity.certificate_path
            self.auditor = Server("auditor", self.folder / "auditor", auditor, root_certificate)

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
        if self.tls_identity:
            for side in ("", "auditor."):
                properties[f"{prefix}{side}tls.enabled"] = "true"
                properties[f"{prefix}{side}tls.ca_root_cert_path"] = self.tls_identity.certificate_path
        if namespace:
            properties[f"{prefix}context.namespace"] = namespace
        return {key: str(value) for key, value in properties.items()}

    def _embedded(self, kind):
        return {"scalar.db.storage": "embedded", "scalar.db.contact_points": self.folder / f"{kind}-data"}

    def _trust_each_other(self):
        for server, known in ((self.auditor, self.ledger_identity), (self.ledger, self.auditor_identity)):
            certificate = {"entity_id": known.name, "key_version": 1, "cert_pem": known.certificate_pem.decode()}
            server.service(privileged=True).call("RegisterCert", certificate)


def _free_ports(count):
    """Ports that nobody listens on, all different."""
    ports = set()
    while len(ports) < count:
        ports.add(free_port())
    return ports


def _certificate(name, key):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    today = datetime.datetime.now(datetime.timezone.utc)
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number())
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    made = made.not_valid_before(today - datetime.timedelta(days=1)).not_valid_after(today + datetime.timedelta(days=30))
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
