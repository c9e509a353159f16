"""A proxy between a server and its store: it passes, cuts, falls silent, or answers in the store's place."""

import select
import socket
import threading


class Proxy:
    """Passes connections on to `upstream`, until it is told otherwise."""

    def __init__(self, upstream):
        self._upstream = upstream
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._flowing = threading.Event()
        self._flowing.set()
        self._is_cut = False
        self._answer = None
        self._lock = threading.Lock()
        self._open = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        """Ends every connection and takes no new one."""
        with self._lock:
            self._is_cut = True
            for connection in self._open:
                # Closed by the thread that waits for it, which a closed socket would not wake.
                _end(connection)

    def fall_silent(self):
        """Holds everything back: nobody is told anything."""
        self._flowing.clear()

    def answer(self, decide):
        """`decide(request bytes)` may give an answer in the store's place; `None` passes the request on."""
        self._answer = decide

    def heal(self):
        """Passes everything on again."""
        with self._lock:
            self._is_cut, self._answer = False, None
        self._flowing.set()

    def close(self):
        """Ends it."""
        self.cut()
        self._flowing.set()
        _close(self._listener)

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        server = None
        try:
            server = socket.create_connection(self._upstream)
            with self._lock:
                if self._is_cut:
                    return
                self._open |= {client, server}
            self._carry(client, server)
        except OSError:
            pass
        finally:
            with self._lock:
                self._open -= {client, server}
            _close(client)
            if server:
                _close(server)

    def _carry(self, client, server):
        while True:
            ready, _, _ = select.select([client, server], [], [])
            self._flowing.wait()
            for source in ready:
                piece = source.recv(1 << 16)
                if not piece:
                    return
                answer = self._answer and source is client and self._answer(piece)
                if answer:
                    # The connection ends with it: what else comes on it belongs to the request answered.
                    client.sendall(answer)
                    return
                (server if source is client else client).sendall(piece)


def _end(connection):
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def _close(connection):
    _end(connection)
    connection.close()


def throttled(_request):
    """DynamoDB's answer to more requests than a table's capacity allows."""
    body = b'{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"throttled"}'
    head = f"HTTP/1.1 400 Bad Request\r\ncontent-type: application/x-amz-json-1.0\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body
