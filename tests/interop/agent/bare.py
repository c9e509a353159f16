"""A party without an agent: it writes every message by hand, and answers as a test tells it. ACA-Py's library packs."""

import base64
import http.server
import json
import pathlib
import select
import socket
import subprocess
import threading
import uuid

import requests

import processes
from parties import aca_py_program

QUEUE = "didcomm:transport/queue"
PREFIX = "https://didcomm.org/"


class Envelopes:
    """The library, in a process of its own."""

    def __init__(self):
        python = aca_py_program("0.7.3")[0]
        script = pathlib.Path(__file__).with_name("envelopes.py")
        self._process = processes.start([python, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._lock = threading.Lock()

    def do(self, what, **more):
        with self._lock:
            self._process.stdin.write(json.dumps({"do": what, **more}).encode() + b"\n")
            self._process.stdin.flush()
            # Buffers nothing: it was all read with the last answer.
            ready, _, _ = select.select([self._process.stdout], [], [], processes.PATIENCE_SECONDS)
            assert ready, f"the library does not {what}"
            return json.loads(self._process.stdout.readline())

    def stop(self):
        self._process.stdin.close()
        self._process.wait(processes.PATIENCE_SECONDS)


class Peer:
    """Where `behave` is set, it says what is answered to a request: a status, or bytes in the place of an answer."""

    def __init__(self, envelopes, listens=True):
        self.envelopes, self.behave = envelopes, lambda: 200
        made = envelopes.do("make")
        self.verkey, self.did = made["verkey"], made["did"]
        self.endpoint, self.theirs, self.place = QUEUE, None, None
        self.inbox, self._changed = [], threading.Condition()
        self._server, self._connections = None, []
        if listens:
            self.listen()

    def listen(self, port=0):
        """Is there, at the same place as before if it was."""
        peer = self

        class Door(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                envelope = self.rfile.read(int(self.headers["content-length"]))
                answer = peer.behave()
                if answer == 200:
                    peer.take(envelope)
                if isinstance(answer, bytes):
                    self.wfile.write(answer)
                    self.close_connection = True
                    return
                self.send_response(answer)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 128

            def process_request(self, connection, address):
                peer._connections.append(connection)
                super().process_request(connection, address)

            def handle_error(self, *_):
                """Whoever is not waited for any more closes."""

        port = self._server.server_port if self._server else port
        self._server = Server(("127.0.0.1", port), Door)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def leave(self):
        """Is not there: connections end, and are refused."""
        self._server.shutdown()
        self._server.server_close()
        while self._connections:
            try:
                self._connections.pop().shutdown(socket.SHUT_RDWR)
            except OSError:
                """It has ended already."""

    def take(self, envelope):
        """Takes what came, however."""
        opened = self.envelopes.do("unpack", envelope=envelope.decode())
        with self._changed:
            self.inbox.append(json.loads(opened["message"]))
            self._changed.notify_all()

    def heard(self, condition, count=1, patience=processes.PATIENCE_SECONDS):
        """Waits until so many messages fit; gives them."""
        fitting = lambda: [message for message in self.inbox if condition(message)]
        with self._changed:
            if not self._changed.wait_for(lambda: len(fitting()) >= count, patience):
                raise AssertionError(f"{len(fitting())} messages came, not {count}: {self.inbox}")
            return fitting()

    def contents(self, count, patience=processes.PATIENCE_SECONDS):
        """Of the basic messages that came, once there are so many."""
        found = self.heard(lambda message: message["@type"].endswith("basicmessage/1.0/message"), count, patience)
        return [message["content"] for message in found]

    def connect(self, agent, send=None, **transport):
        """Takes an invitation of an agent, with members that every message has; gives the connection's id there."""
        made, send = agent.post("/connections/create-invitation"), send or self.post
        request = self.request(made["invitation"])
        send(self.pack(request | transport, to=made["invitation"]["recipientKeys"][0]))
        self.take_response(request)
        send(self.pack(self.message("trust_ping/1.0/ping", response_requested=False) | transport))
        agent.wait_for_connection(made["connection_id"])
        return made["connection_id"]

    def request(self, invitation):
        """The answer to an invitation."""
        self.place = invitation["serviceEndpoint"]
        key = {"id": f"{self.did}#1", "type": "Ed25519VerificationKey2018", "controller": self.did, "publicKeyBase58": self.verkey}
        service = {
            "id": f"{self.did};indy", "type": "IndyAgent", "priority": 0, "recipientKeys": [self.verkey],
            "serviceEndpoint": self.endpoint,
        }  # fmt: skip
        document = {
            "@context": "https://w3id.org/did/v1", "id": self.did, "publicKey": [key], "service": [service],
            "authentication": [{"type": "Ed25519SignatureAuthentication2018", "publicKey": key["id"]}],
        }  # fmt: skip
        request = self.message("connections/1.0/request", label="bare", connection={"DID": self.did, "DIDDoc": document})
        return request | {"~thread": {"thid": request["@id"], "pthid": invitation["@id"]}}

    def take_response(self, request):
        """Waits for it, and notes the key of the other side."""
        is_response = lambda message: message.get("~thread", {}).get("thid") == request["@id"]
        signed = self.heard(is_response)[0]["connection~sig"]["sig_data"]
        document = json.loads(base64.urlsafe_b64decode(signed + "==")[8:])["DIDDoc"]
        self.theirs = document["service"][0]["recipientKeys"][0]

    def message(self, kind, **members):
        return {"@type": PREFIX + kind, "@id": str(uuid.uuid4()), **members}

    def basic(self, content):
        return self.message("basicmessage/1.0/message", content=content, sent_time="2026-01-01T00:00:00Z")

    def pack(self, message, to=None, sender=...):
        sender = self.verkey if sender is ... else sender
        text = message if isinstance(message, str) else json.dumps(message)
        return self.envelopes.do("pack", to=[to or self.theirs], message=text, **{"from": sender})

    def post(self, envelope, place=None):
        """Sends an envelope; gives the status."""
        body = envelope.encode() if isinstance(envelope, str) else envelope
        headers = {"content-type": "application/didcomm-envelope-enc"}
        return requests.post(place or self.place, data=body, headers=headers, timeout=processes.PATIENCE_SECONDS).status_code
