"""A next hop whose every answer a test can choose: it takes mail, refuses, defers, hangs up, hangs, and speaks TLS."""

import base64
import contextlib
import dataclasses
import socket
import ssl
import threading

from harness import LOOPBACK, PATIENCE, wait_until

DROP = "drop the connection"
HANG = "say nothing more"


@dataclasses.dataclass
class Message:
    """What arrived, and how."""
    reverse_path: str
    recipients: list
    content: bytes
    client: str  # what it said in EHLO
    login: str  # empty: none
    has_tls: bool
    mail_parameters: list = dataclasses.field(default_factory=list)  # what stood behind the path of MAIL
    rcpt_parameters: dict = dataclasses.field(default_factory=dict)  # and of each RCPT


def at_first(count, reply, *, step):
    """An `answer` for Sink: one reply to the first `count` such steps, then the usual ones."""
    left = [count]

    def answer(now, argument):
        if now != step or left[0] == 0:
            return None
        left[0] -= 1
        return reply
    return answer


class Sink:
    """Listens until closed. `answer(step, argument)` may give another reply than the usual one, or DROP, or HANG; steps
    are greeting, ehlo, starttls, auth, mail, rcpt, data, dot, rset, noop, quit. It may be replaced at any time.
    `keywords`: what EHLO announces beside the usual, such as DSN."""

    def __init__(self, host=LOOPBACK, port=0, *, certificate=None, implicit_tls=False, passwords=None, answer=None,
                 keywords=()):
        self.messages = []
        self.connections = 0
        self.logins = []  # (login, password) as they came
        self.answer = answer or (lambda step, argument: None)
        self.passwords = passwords or {}
        self.keywords = keywords
        self._implicit_tls = implicit_tls
        self._tls = None
        if certificate:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(*certificate)
        self._closing = threading.Event()
        self._open = set()
        self._listener = socket.create_server((host, port), backlog=512)
        self.host, self.port = self._listener.getsockname()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self):
        return f"{self.host}:{self.port}"

    def wait_for(self, count=1, patience=PATIENCE, matches=lambda message: True):
        """The messages that match, once there are `count` of them."""
        def found():
            matching = [message for message in list(self.messages) if matches(message)]
            return matching if len(matching) >= count else None
        return wait_until(found, lambda: f"{count} messages; there are {len(self.messages)}", patience)

    def wait_for_mail_to(self, recipient, patience=PATIENCE):
        return self.wait_for(1, patience, lambda message: recipient in message.recipients)[0]

    def clear(self):
        self.messages.clear()

    def close(self):
        self._closing.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _accept(self):
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        self._open.add(connection)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._implicit_tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            _Dialogue(self, connection).run()
        except (OSError, ValueError, EOFError):
            pass  # the client went away, or was sent away
        finally:
            self._open.discard(connection)
            connection.close()


class _Dialogue:
    def __init__(self, sink, connection):
        self.sink = sink
        self.use(connection)
        self.client = self.login = ""
        self.reset()

    def use(self, connection):
        self.connection = connection
        self.input = connection.makefile("rb")

    @property
    def has_tls(self):
        return isinstance(self.connection, ssl.SSLSocket)

    def reset(self):
        self.reverse_path, self.recipients = None, []
        self.mail_parameters, self.rcpt_parameters = [], {}

    def say(self, reply):
        self.connection.sendall(reply.encode() + b"\r\n")

    def reply(self, step, argument, usual):
        """Says what the test or else custom wants; True if it was a success."""
        chosen = self.sink.answer(step, argument) or usual
        if chosen == DROP:
            raise EOFError
        if chosen == HANG:
            self.sink._closing.wait()
            raise EOFError
        self.say(chosen)
        return chosen[0] in "23"

    def run(self):
        self.reply("greeting", "", "220 sink.example ESMTP")
        while line := self.input.readline():
            verb, _, argument = line.decode("utf-8", "replace").rstrip("\r\n").partition(" ")
            command = getattr(self, "on_" + verb.lower(), None)
            if command is None:
                self.say("500 5.5.2 what?")
            elif command(argument) is False:
                return

    def on_ehlo(self, argument):
        self.client = argument
        words = ["sink.example", "PIPELINING", "8BITMIME", "SIZE 100000000", "ENHANCEDSTATUSCODES",
                 *self.sink.keywords]
        if self.sink._tls and not self.has_tls:
            words.append("STARTTLS")
        if self.sink.passwords:
            words.append("AUTH PLAIN LOGIN")
        self.reply("ehlo", argument, "\r\n".join(
            f"250{' ' if word is words[-1] else '-'}{word}" for word in words))

    def on_helo(self, argument):
        self.client = argument
        self.reply("ehlo", argument, "250 sink.example")

    def on_starttls(self, argument):
        if self.sink._tls and self.reply("starttls", argument, "220 2.0.0 go ahead"):
            self.use(self.sink._tls.wrap_socket(self.connection, server_side=True))
            self.reset()

    def on_auth(self, argument):
        mechanism, _, initial = argument.partition(" ")
        if mechanism == "PLAIN":
            _, login, password = self.ask("", initial).split("\0")
        else:
            login, password = self.ask("VXNlcm5hbWU6", initial), self.ask("UGFzc3dvcmQ6", "")
        self.sink.logins.append((login, password))
        is_right = self.sink.passwords.get(login) == password
        if self.reply("auth", login, "235 2.7.0 welcome" if is_right else "535 5.7.8 no such login"):
            self.login = login

    def ask(self, challenge, initial):
        if not initial:
            self.say("334 " + challenge)
            initial = self.input.readline().decode().strip()
        return base64.b64decode(initial).decode()

    def on_mail(self, argument):
        if self.reply("mail", argument, "250 2.1.0 ok"):
            self.reverse_path = _path(argument)
            self.mail_parameters = _parameters(argument)

    def on_rcpt(self, argument):
        usual = "503 5.5.1 from whom?" if self.reverse_path is None else "250 2.1.5 ok"
        if self.reply("rcpt", _path(argument), usual):
            self.recipients.append(_path(argument))
            self.rcpt_parameters[_path(argument)] = _parameters(argument)

    def on_data(self, argument):
        if not self.recipients:
            self.say("554 5.5.1 for whom?")
        elif self.reply("data", argument, "354 go ahead"):
            content = self.read_content()
            message = Message(self.reverse_path, self.recipients, content, self.client, self.login, self.has_tls,
                              self.mail_parameters, self.rcpt_parameters)
            verdict = self.sink.answer("dot", content)
            if not verdict or verdict.startswith("2"):
                self.sink.messages.append(message)
            self.reset()
            self.reply_to_dot(verdict)

    def reply_to_dot(self, verdict):
        if verdict == DROP:
            raise EOFError
        self.say(verdict or "250 2.0.0 taken")

    def read_content(self):
        content = bytearray()
        while (line := self.input.readline()) != b".\r\n":
            if not line:
                raise EOFError
            content += line[1:] if line.startswith(b".") else line
        return bytes(content)

    def on_rset(self, argument):
        self.reset()
        self.reply("rset", argument, "250 2.0.0 ok")

    def on_noop(self, argument):
        self.reply("noop", argument, "250 2.0.0 ok")

    def on_quit(self, argument):
        self.reply("quit", argument, "221 2.0.0 bye")
        return False


def _path(argument):
    return argument[argument.index("<") + 1:argument.index(">")]


def _parameters(argument):
    return argument[argument.index(">") + 1:].split()
