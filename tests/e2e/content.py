"""Messages that prove themselves: each carries a name and the digest of its body, so that whoever finds one can tell
whether it is whole."""

import hashlib
import itertools
import os
import random
import re

_counter = itertools.count(1)
_PROOF = re.compile(rb"^X-Proof: (\S+) ([0-9a-f]{64})\r\n", re.MULTILINE)


def lines_of_text(size, seed=0):
    """Some `size` bytes of text in lines of at most 78, many of which begin with dots."""
    chance = random.Random(seed)
    lines, length = [], 0
    while length < size:
        line = "." * chance.choice((0, 0, 0, 1, 2)) + "%x" % chance.getrandbits(4 * chance.randint(1, 70))
        lines.append(line)
        length += len(line) + 2
    return "\r\n".join(lines).encode() + b"\r\n"


def message(body=None, *, size=2000, header=b"", name=None):
    """A complete content: header fields, `header` (whole lines), and the body."""
    number = next(_counter)
    name = name or f"{os.getpid()}-{number}"
    if body is None:
        body = lines_of_text(size, seed=number)
    digest = hashlib.sha256(body).hexdigest()
    return (f"From: Alice <alice@office.example>\r\nTo: Bob <bob@elsewhere.test>\r\nSubject: Proof {name}\r\n"
            f"Date: Sat, 21 Nov 2026 21:25:00 +0000\r\nMessage-ID: <{name}@office.example>\r\n"
            f"X-Proof: {name} {digest}\r\n").encode() + header + b"\r\n" + body


def name_in(content):
    """The name of a message, whole or not; None where there is none."""
    found = _PROOF.search(content)
    return found[1].decode() if found else None


def is_whole(content):
    found = _PROOF.search(content)
    body = content.partition(b"\r\n\r\n")[2]
    return bool(found) and hashlib.sha256(body).hexdigest().encode() == found[2]


def fields_added(sent, received):
    """What stands above the content as it was sent; raises where the rest is not the same, byte for byte."""
    if not received.endswith(sent):
        start = next((i for i, (a, b) in enumerate(zip(reversed(sent), reversed(received))) if a != b), 0)
        raise AssertionError(f"{len(sent)} bytes sent, {len(received)} received; the last {start} are the same, "
                             f"before them {received[:-start or None][-80:]!r} for {sent[:-start or None][-80:]!r}")
    return received[:len(received) - len(sent)]
