"""A way to a server on which every call and its credential are written down."""

import concurrent.futures

import grpc


class Recorder(grpc.GenericRpcHandler):
    """Listens on `port`, passes each call on to the port of a server, and gives its answer or its error back."""

    def __init__(self):
        self.calls, self._to = [], None
        self._server = grpc.server(concurrent.futures.ThreadPoolExecutor(8), handlers=(self,))
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def lead_to(self, port):
        self._to = grpc.insecure_channel(f"127.0.0.1:{port}")

    def credentials(self, method):
        """With what credentials a method was called."""
        return {credential for called, credential in self.calls if called == method}

    def service(self, details):
        called = details.method.rsplit("/", 1)[1]
        self.calls.append((called, dict(details.invocation_metadata).get("authorization")))

        def forward(request, context):
            try:
                return self._to.unary_unary(details.method)(request, timeout=30)
            except grpc.RpcError as error:
                context.set_trailing_metadata(error.trailing_metadata() or ())
                context.abort(error.code(), error.details())

        return grpc.unary_unary_rpc_method_handler(forward)

    def stop(self):
        self._server.stop(None).wait()
        self._to.close()
