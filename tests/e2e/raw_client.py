"""An SMTP client that does what no library would: it sends any octets, stops anywhere, and dies in several ways."""

import contextlib
import socket
import ssl
import struct

import clients
from harness import LOOPBACK, PATIENCE


class Hello:
    """A TLS handshake in memory, so that a part of it can be sent."""

    def __init__(self, context):
        self._input, self._output = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(self._input, self._output, server_hostname="localhost")
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.do_handshake()
        self.octets = self._output.read()  # the ClientHello


class RawClient:
    """A connection to a listener, from an address of our choice. Its greeting is unread."""

    def __init__(self, server, port="clear", source=LOOPBACK, patience=PATIENCE):
        self._context = clients.tls_context(server)
        self._unread = b""
        self.socket = socket.create_connection((LOOPBACK, server.ports[port]), patience, (source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, octets):
        self.socket.sendall(octets)

    def shake_hands(self):
        self.socket = self._context.wrap_socket(self.socket, server_hostname="localhost")

    def hello(self):
        return Hello(self._context).octets

    def reply(self):
        """The next reply, all its lines; raises EOFError where the server has ended the connection."""
        reply = b""
        while True:
            line, end, rest = self._unread.partition(b"\r\n")
            if end:
                self._unread = rest
                reply += line + end
                if line[3:4] != b"-":
                    return reply.decode()
            else:
                self._read()

    def _read(self):
        octets = self.socket.recv(65536)
        if not octets:
            raise EOFError(self._unread)
        self._unread += octets

    def ask(self, line):
        """Says a command, and answers the reply."""
        self.send(line.encode() + b"\r\n")
        return self.reply()

    def expect(self, code):
        reply = self.reply()
        if not reply.startswith(str(code)):
            raise AssertionError(f"{code} expected: {reply!r}")
        return reply

    def rest(self):
        """All that still comes until the server ends the connection, in whichever way, or is silent for too long."""
        with contextlib.suppress(EOFError, OSError):
            while True:
                self._read()
        return self._unread

    def close(self):
        """Without a word: under TLS without close_notify."""
        self.socket.close()

    def reset(self):
        """Closes so that the server's next read fails (RST)."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()
