"""Servers that behave badly, for the relay tester: they hang up at any step, answer one octet at a time, or talk nonsense."""

import contextlib
import itertools
import os
import socket
import threading
import time

from harness import LOOPBACK

STEPS = ("connect", "greeting", "EHLO", "MAIL", "RCPT", "DATA", "content", "final dot")
ENDLESS = object()  # a reply of ever more lines
GARBAGE = object()  # octets that are no reply

_USUAL = {"greeting": "220 peer.example ESMTP", "EHLO": "250-peer.example\r\n250 8BITMIME", "DATA": "354 go ahead",
          **dict.fromkeys(("MAIL", "RCPT", "RSET", "NOOP", "QUIT", "final dot"), "250 yes")}
_NEEDED_BEFORE = {"MAIL": "EHLO", "RCPT": "MAIL", "DATA": "RCPT"}


class Peer:
    """Listens on loopback until closed, and forwards nothing.

    `drops_at`: one of STEPS; hangs up there without a reply (at the greeting: in its middle; at the content: while it
    is being sent). `replies`: other replies than the usual yes, by step. `pause`: seconds between two octets."""

    def __init__(self, drops_at=None, replies=None, pause=0.0):
        self.drops_at, self.replies, self.pause = drops_at, replies or {}, pause
        self.connections = 0
        self.quits_after_mail = 0  # clients who said goodbye after it had taken a message
        self._listener = socket.create_server((LOOPBACK, 0), backlog=512)
        self.host, self.port = self._listener.getsockname()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        # Closed with unread octets, a connection is reset; so is a peer that is killed.
        with contextlib.suppress(OSError, EOFError), connection:
            connection.settimeout(60)
            self._talk(connection, connection.makefile("rb"))

    def _talk(self, connection, lines):
        if self.drops_at == "connect":
            return
        if self.drops_at == "greeting":
            connection.sendall(b"220 pee")
            return
        self._answer(connection, "greeting")
        said = set()
        for line in lines:
            verb = line.split(None, 1)[0].decode("latin-1").upper() if line.strip() else ""
            verb = "EHLO" if verb == "HELO" else verb
            if verb == self.drops_at:
                return
            if verb in _NEEDED_BEFORE and _NEEDED_BEFORE[verb] not in said:
                verb = "out of order"
            said.add(verb)
            self._answer(connection, verb)
            if verb == "QUIT":
                self.quits_after_mail += "DATA" in said
                return
            if verb == "DATA" and self.replies.get("DATA", "3")[0] == "3":
                if self.drops_at == "content":
                    lines.readline()
                    return
                for _ in iter(lines.readline, b".\r\n"):
                    if not _:
                        return
                if self.drops_at == "final dot":
                    return
                self._answer(connection, "final dot")

    def _answer(self, connection, step):
        reply = self.replies.get(step) or _USUAL.get(step, "503 5.5.1 not that, not now")
        if reply is ENDLESS:
            octets = itertools.chain.from_iterable(itertools.repeat(b"250-and\r\n"))
        elif reply is GARBAGE:
            octets = os.urandom(2000) + b"\r\n"
        else:
            octets = reply.encode() + b"\r\n"
        if self.pause == 0:
            connection.sendall(bytes(octets))
            return
        for octet in octets:
            connection.sendall(bytes([octet]))
            time.sleep(self.pause)
