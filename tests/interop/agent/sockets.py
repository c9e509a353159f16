"""WebSockets, as much of them as the tests need (RFC 6455)."""

import base64
import contextlib
import os
import socket
import struct
import threading

import processes

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Socket:
    """A client's end."""

    def __init__(self, host, port, path="/"):
        self._connection = socket.create_connection((host, port), processes.PATIENCE_SECONDS)
        key = base64.b64encode(os.urandom(16)).decode()
        self._connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        self._stream = self._connection.makefile("rb")
        status = self._stream.readline()
        assert b" 101 " in status, status
        while self._stream.readline() != b"\r\n":
            pass

    def send(self, payload, opcode=TEXT):
        mask, length = os.urandom(4), len(payload)
        size = struct.pack("!B", 0x80 | length) if length < 126 else struct.pack("!BH", 0xFE, length)
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
        self._connection.sendall(bytes([0x80 | opcode]) + size + mask + masked)

    def receive(self):
        """The next message; pings are answered. None at the end."""
        try:
            return self._receive()
        except OSError:
            return None

    def each(self, take):
        """From now on, gives each message to `take`."""
        work = lambda: [take(message) for message in iter(self.receive, None)]
        threading.Thread(target=work, daemon=True).start()

    def close(self):
        # The other side may have been first.
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def _receive(self):
        while True:
            head = self._stream.read(2)
            if len(head) < 2 or head[0] & 0xF == CLOSE:
                return None
            length = head[1] & 0x7F
            if length > 125:
                form = "!H" if length == 126 else "!Q"
                (length,) = struct.unpack(form, self._stream.read(struct.calcsize(form)))
            payload = self._stream.read(length)
            if head[0] & 0xF == PING:
                self.send(payload, PONG)
            elif head[0] & 0xF in (TEXT, BINARY):
                return payload
