"""SCRAM-SHA-256 from the client's side (RFC 5802, RFC 7677), made by hand so that it can be made wrong."""

import base64
import functools
import hashlib
import hmac
import secrets


def end_point(certificate):
    """tls-server-end-point (RFC 5929, 4.1) of a certificate in DER that is signed with SHA-256."""
    return hashlib.sha256(certificate).digest()


class Scram:
    """One login. `header` says whether it is bound to the connection, `binding` with what."""

    def __init__(self, login, password, header=b"n,,", binding=b""):
        self.password = password
        self.binding = base64.b64encode(header + binding)
        self.bare = f"n={login},r={secrets.token_urlsafe(18)}".encode()
        self.first = header + self.bare
        self.server_signature = None

    def answer(self, challenge):
        """What to say to the server's first message; its proof costs as much as the server says, the first time."""
        fields = dict(part.split(b"=", 1) for part in challenge.split(b","))
        salted = _salted(self.password, fields[b"s"], int(fields[b"i"]))
        without_proof = b"c=" + self.binding + b",r=" + fields[b"r"]
        message = b",".join((self.bare, challenge, without_proof))
        key = _hmac(salted, b"Client Key")
        signature = _hmac(hashlib.sha256(key).digest(), message)
        self.server_signature = b"v=" + base64.b64encode(_hmac(_hmac(salted, b"Server Key"), message))
        proof = bytes(a ^ b for a, b in zip(key, signature))
        return without_proof + b",p=" + base64.b64encode(proof)


@functools.lru_cache
def _salted(password, salt, iterations):
    return hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), iterations)


def _hmac(key, text):
    return hmac.new(key, text, hashlib.sha256).digest()


def log_in(client, mechanism, login, password, header=b"n,,", binding=b""):
    """The code that the login ends with, over a connection of smtplib's."""
    scram = Scram(login, password, header, binding)
    code, challenge = client.docmd("AUTH", f"{mechanism} {base64.b64encode(scram.first).decode()}")
    if code != 334:
        return code
    answer = scram.answer(base64.b64decode(challenge))
    code, last = client.docmd(base64.b64encode(answer).decode())
    if code != 334:
        return code
    if base64.b64decode(last) != scram.server_signature:
        raise AssertionError("the server does not know the password")
    return client.docmd("")[0]
