"""A Postfix of one's own (Debian's programs, a private configuration and queue, loopback only): an MX host, or a client
that hands on what it takes.

Needs root, as Postfix does. Nothing of the machine's own Postfix is read or changed.
"""

import dataclasses
import os
import pathlib
import pwd
import smtplib
import subprocess

from harness import LOOPBACK, PATIENCE, die_with_parent, free_port, is_root, make_folder, wait_until

PROGRAM = pathlib.Path("/usr/sbin/postfix")
DAEMONS = pathlib.Path("/usr/lib/postfix/sbin")
DOMAIN = "postfix.test"

_MAIN = """\
compatibility_level = 3.6
config_directory = {folder}/etc
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = {daemons}
maillog_file = {folder}/maillog
maillog_file_prefixes = {folder}
mail_owner = postfix
setgid_group = postdrop
myhostname = {name}
mydestination =
mynetworks =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
virtual_mailbox_domains = {domain}
virtual_mailbox_maps = texthash:{folder}/etc/mailboxes
virtual_mailbox_base = {folder}/mail
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
message_size_limit = 52428800
mailbox_size_limit = 0
virtual_mailbox_limit = 0
smtpd_relay_restrictions = reject_unauth_destination
smtpd_tls_security_level = may
smtpd_tls_chain_files = {key}, {certificate}
smtpd_tls_received_header = yes
smtp_dns_support_level = disabled
{settings}
"""

_MASTER = """\
{address}:{port} inet n - n - - smtpd
{address}:{tls_port} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
postlog  unix-dgram n - n - 1 postlogd
pickup   unix n - n 60 1 pickup
cleanup  unix n - n - 0 cleanup
qmgr     unix n - n 300 1 qmgr
tlsmgr   unix - - n 1000? 1 tlsmgr
rewrite  unix - - n - - trivial-rewrite
bounce   unix - - n - 0 bounce
defer    unix - - n - 0 bounce
trace    unix - - n - 0 bounce
verify   unix - - n - 1 verify
proxymap unix - - n - - proxymap
error    unix - - n - - error
retry    unix - - n - - error
virtual  unix - n n - - virtual
smtp     unix - - n - - smtp
anvil    unix - - n - 1 anvil
scache   unix - - n - 1 scache
"""


def why_not():
    """Why no Postfix can run here; None if it can."""
    if not PROGRAM.exists():
        return "Postfix is not installed"
    if not is_root():
        return "Postfix runs only as root"
    return None


@dataclasses.dataclass
class Relayhost:
    """Whom a Postfix hands all that it takes from loopback, with a login, under TLS that is verified: the certificate
    must have `name`, signed by `authority`."""
    host: str
    port: int
    name: str
    is_implicit: bool
    login: str
    password: str
    authority: pathlib.Path

    def configure(self, etc):
        """Writes what it needs beside main.cf; lines for that, which win over those from before."""
        hop = f"[{self.host}]:{self.port}"
        etc.joinpath("passwords").write_text(f"{hop} {self.login}:{self.password}\n")
        return f"""
mynetworks = {LOOPBACK}/32
smtpd_relay_restrictions = permit_mynetworks, reject
relayhost = {hop}
smtp_tls_security_level = secure
smtp_tls_secure_cert_match = {self.name}
smtp_tls_CAfile = {self.authority}
smtp_tls_wrappermode = {"yes" if self.is_implicit else "no"}
smtp_sasl_auth_enable = yes
smtp_sasl_tls_security_options = noanonymous
smtp_sasl_password_maps = texthash:{etc}/passwords
"""


class Postfix:
    """Takes mail for its users at postfix.test, and refuses it for everyone else."""

    def __init__(self, certificate, users=("bob", "carol"), name="mx.postfix.test", address=LOOPBACK, port=None,
                 relayhost=None):
        self.folder = make_folder()
        self.address, self.port, self.tls_port = address, port or free_port(), free_port()
        owner = pwd.getpwnam("postfix")
        for part in ("etc", "queue", "data", "mail"):
            (self.folder / part).mkdir()
        for part in ("data", "mail"):
            os.chown(self.folder / part, owner.pw_uid, owner.pw_gid)
        etc = self.folder / "etc"
        etc.joinpath("mailboxes").write_text("".join(f"{user}@{DOMAIN} {user}/\n" for user in users))
        facts = {"folder": self.folder, "daemons": DAEMONS, "name": name, "address": address, "domain": DOMAIN,
                 "uid": owner.pw_uid, "gid": owner.pw_gid, "certificate": certificate[0], "key": certificate[1],
                 "port": self.port, "tls_port": self.tls_port,
                 "settings": relayhost.configure(etc) if relayhost else ""}
        etc.joinpath("main.cf").write_text(_MAIN.format(**facts))
        etc.joinpath("master.cf").write_text(_MASTER.format(**facts))
        subprocess.run([PROGRAM, "-c", etc, "check"], check=True, capture_output=True)  # makes the folders of the queue
        # The master itself, not `postfix start-fg`, whose shell would pass on no signal. Its end is its session's.
        self._process = subprocess.Popen([DAEMONS / "master", "-s", "-c", etc], start_new_session=True,
                                         preexec_fn=die_with_parent, stdout=subprocess.DEVNULL,
                                         stderr=subprocess.DEVNULL)
        wait_until(self._greets, self.log, PATIENCE)

    def _greets(self):
        if self._process.poll() is not None:
            raise AssertionError(f"Postfix ended with {self._process.returncode}\n{self.log()}")
        try:
            with smtplib.SMTP(self.address, self.port, timeout=5):
                return True
        except (OSError, smtplib.SMTPException):
            return False

    def log(self):
        file = self.folder / "maillog"
        return file.read_text(errors="replace") if file.exists() else ""

    def mailbox(self, user):
        """What has arrived for a user: contents, with the line ends of the network."""
        return [file.read_bytes().replace(b"\n", b"\r\n") for file in (self.folder / "mail" / user).glob("new/*")]

    def wait_for_mail(self, user, count=1):
        return wait_until(lambda: (found := self.mailbox(user)) and len(found) >= count and found, self.log)

    def close(self):
        self._process.terminate()
        self._process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
