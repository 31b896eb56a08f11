# SPDX-License-Identifier: Apache-2.0
"""One connection that speaks HTTP/2, for a few requests one after the other or side by side."""

import socket

import h2.config
import h2.connection
import h2.events

from .wire import Answer


class H2Client:
    """Prior knowledge without TLS, ALPN h2 with it. checked=False sends what h2 would refuse to."""

    def __init__(self, httpd, host=None, checked=True):
        self.httpd = httpd
        self.authority = f"{host or httpd.names[0]}:{httpd.port}"
        self.socket = socket.create_connection(("127.0.0.1", httpd.port), 20)
        if httpd.tls:
            self.socket = httpd.tls.context("h2").wrap_socket(
                self.socket, server_hostname=httpd.names[0])
            assert self.socket.selected_alpn_protocol() == "h2"
        self.connection = h2.connection.H2Connection(
            h2.config.H2Configuration(
                header_encoding="latin-1", validate_outbound_headers=checked,
                normalize_outbound_headers=checked))
        self.connection.initiate_connection()
        self._flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def _flush(self):
        self.socket.sendall(self.connection.data_to_send())

    def send(self, path, headers=(), method="GET", authority=None):
        """Send a request without a body; its stream id."""
        stream = self.connection.get_next_available_stream_id()
        self.connection.send_headers(stream, [
            (":method", method), (":scheme", self.httpd.scheme),
            (":authority", self.authority if authority is None else authority), (":path", path),
            *headers], end_stream=True)
        self._flush()
        return stream

    def receive(self, *streams):
        """Read until these streams ended: a dictionary of answers."""
        waiting = set(streams)
        answers = {stream: Answer(0, [], b"") for stream in streams}
        while waiting:
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionAbortedError("connection ended")
            for event in self.connection.receive_data(data):
                stream = getattr(event, "stream_id", None)
                if isinstance(event, h2.events.ResponseReceived):
                    answers[stream].status = int(dict(event.headers)[":status"])
                    answers[stream].headers = list(event.headers)
                elif isinstance(event, h2.events.DataReceived):
                    answers[stream].body += event.data
                    self.connection.acknowledge_received_data(
                        event.flow_controlled_length, stream)
                elif isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset)):
                    waiting.discard(stream)
            self._flush()
        return answers

    def request(self, path, headers=(), method="GET", authority=None):
        """One request and its answer."""
        stream = self.send(path, headers, method, authority)
        return self.receive(stream)[stream]
