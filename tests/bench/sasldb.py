#!/usr/bin/python3
"""sasldb.py DIRECTORY REALM USER PASSWORD: writes DIRECTORY/smtpd.conf and DIRECTORY/sasldb2, by Cyrus SASL itself.

So a Postfix can check logins with a private configuration, without the machine's own, and without another package. A
process of its own, since the library reads its configuration once in a process's life.
"""

import ctypes
import pathlib
import sys

SASL_PATH_TYPE_CONFIG = 1
SASL_SET_CREATE = 1


def add_user(directory, realm, user, password):
    (pathlib.Path(directory) / "smtpd.conf").write_text(
        f"pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {directory}/sasldb2\nmech_list: PLAIN\n")
    sasl = ctypes.CDLL("libsasl2.so.2")
    connection = ctypes.c_void_p()
    secret = password.encode()
    for done in (
            sasl.sasl_set_path(SASL_PATH_TYPE_CONFIG, directory.encode()),
            sasl.sasl_server_init(None, b"smtpd"),
            sasl.sasl_server_new(b"smtp", realm.encode(), realm.encode(), None, None, None, 0, ctypes.byref(connection)),
            sasl.sasl_setpass(connection, user.encode(), secret, len(secret), None, 0, SASL_SET_CREATE)):
        if done != 0:
            sys.exit(f"Cyrus SASL: error {done}: is libsasl2-modules-db installed?")


if __name__ == "__main__":
    add_user(*sys.argv[1:])
