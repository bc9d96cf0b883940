"""Mail clients that nobody here wrote. Each function submits one content, and answers what the program said of it."""

import base64
import dataclasses
import os
import re
import shutil
import smtplib
import socket
import ssl
import subprocess

from harness import LOOPBACK, PATIENCE, die_with_parent

SENDER = "alice@office.example"
RECIPIENT = "bob@elsewhere.test"


@dataclasses.dataclass
class Said:
    code: int
    text: str

    @property
    def is_good(self):
        return self.code == 0


def _run(program, *arguments, input=None):
    done = subprocess.run([program, *map(str, arguments)], input=input, capture_output=True, timeout=2 * PATIENCE,
                          preexec_fn=die_with_parent, env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"})
    return Said(done.returncode, (done.stdout + done.stderr).decode(errors="replace"))


def is_missing(program):
    return shutil.which(program) is None


def swaks(server, port, content, *options, recipient=RECIPIENT):
    file = server.folder / "swaks.eml"
    file.write_bytes(content.removesuffix(b"\r\n"))  # it ends what it reads with a line end of its own
    return _run("swaks", "--server", LOOPBACK, "--port", server.ports[port], "--from", SENDER, "--to", recipient,
                "--helo", "client.office.example", "--data", f"@{file}", *options)


def swaks_login(mechanism, login, password):
    return ("--auth", mechanism, "--auth-user", login, "--auth-password", password)


def curl(server, port, content, login="", password="", *options, recipients=(RECIPIENT,)):
    file = server.folder / "curl.eml"
    file.write_bytes(content)
    scheme = "smtps" if port == "implicit" else "smtp"
    user = ("--user", f"{login}:{password}") if login else ()
    tls = ("--ssl-reqd", "--cacert", server.certificates.authority) if port != "clear" else ()
    return _run("curl", "--silent", "--show-error", "--url", f"{scheme}://{LOOPBACK}:{server.ports[port]}/client",
                "--mail-from", SENDER, *(word for one in recipients for word in ("--mail-rcpt", one)),
                "--upload-file", file, *user, *tls, *options)


def msmtp(server, port, content, login, password, mechanism="plain", recipients=(RECIPIENT,)):
    config = server.folder / "msmtprc"
    config.write_text(f"""
defaults
tls on
tls_starttls {"off" if port == "implicit" else "on"}
tls_trust_file {server.certificates.authority}
set_date_header off
set_msgid_header off
set_from_header off
account default
host localhost
source_ip {LOOPBACK}
port {server.ports[port]}
from {SENDER}
auth {mechanism}
user {login}
password {password}
""")
    config.chmod(0o600)
    # It reads lines as programs on this machine write them.
    return _run("msmtp", f"--file={config}", *recipients, input=content.replace(b"\r\n", b"\n"))


def tls_context(server):
    return ssl.create_default_context(cafile=server.certificates.authority)


def connect(server, port="clear", source=None, patience=PATIENCE):
    """A connection by Python's smtplib; TLS where the listener has it. After EHLO."""
    source_address = (source, 0) if source else None
    if port == "implicit":
        client = smtplib.SMTP_SSL("localhost", server.ports[port], timeout=patience, context=tls_context(server),
                                  source_address=source_address)
    else:
        client = smtplib.SMTP(LOOPBACK, server.ports[port], timeout=patience, source_address=source_address)
        if port != "clear":
            client._host = "localhost"  # the name to be verified
            client.starttls(context=tls_context(server))
    client.ehlo("client.office.example")
    return client


def submit(server, content, recipients=(RECIPIENT,), port="clear", sender=SENDER, login=None, password=None):
    """Submits by smtplib, and answers the message's id. Content goes out as it is: smtplib would mend line ends."""
    with connect(server, port) as client:
        if login:
            client.login(login, password)
        client.mail(sender)
        for recipient in recipients:
            expect(client.rcpt(recipient), 250)
        return id_in(send_content(client, content))


def expect(answer, code):
    if answer[0] != code:
        raise AssertionError(f"{code} expected: {answer}")
    return answer[1].decode()


def send_content(client, content):
    """DATA, the content, the dot; the words of the 250."""
    expect(client.docmd("DATA"), 354)
    client.sock.sendall(stuffed(content) + b".\r\n")
    return expect(client.getreply(), 250)


def stuffed(content):
    """With a second dot before each line's first one (RFC 5321, 4.5.2)."""
    stuffed = content.replace(b"\r\n.", b"\r\n..")
    return b"." + stuffed if stuffed.startswith(b".") else stuffed


def id_in(reply):
    """The message id in the words of a 250: its only word of 13 characters of base 32."""
    found = re.findall(r"\b[0-9A-HJKMNP-TV-Z]{13}\b", reply)
    if len(found) != 1:
        raise AssertionError(f"no message id in {reply!r}")
    return found[0]


def raw(server, port="clear", source=None):
    """A bare socket to a listener, its greeting unread."""
    return socket.create_connection((LOOPBACK, server.ports[port]), PATIENCE, (source, 0) if source else None)


def plain(login, password):
    return base64.b64encode(f"\0{login}\0{password}".encode()).decode()
