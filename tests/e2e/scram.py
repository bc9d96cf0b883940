"""SCRAM-SHA-256 as a client does it (RFC 5802, 3; RFC 7677), without channel binding."""

import base64
import hashlib
import hmac
import secrets


def _hmac(key, text):
    return hmac.digest(key, text, "sha256")


class Scram:
    def __init__(self, login, password):
        name = login.replace("=", "=3D").replace(",", "=2C")
        self._bare = f"n={name},r={secrets.token_urlsafe(18)}".encode()
        self._password = password.encode()

    def first(self):
        return b"n,," + self._bare

    def final(self, server_first):
        fields = dict(field.split(b"=", 1) for field in server_first.split(b","))
        without_proof = b"c=biws,r=" + fields[b"r"]
        salted = hashlib.pbkdf2_hmac("sha256", self._password, base64.b64decode(fields[b"s"]), int(fields[b"i"]))
        client_key = _hmac(salted, b"Client Key")
        signature = _hmac(hashlib.sha256(client_key).digest(), b",".join((self._bare, server_first, without_proof)))
        proof = bytes(a ^ b for a, b in zip(client_key, signature))
        return without_proof + b",p=" + base64.b64encode(proof)
