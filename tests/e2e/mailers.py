"""Programs that write the message themselves: they are given a text, a file to attach, and whom it is for, as their
users do it. Each function submits one Letter, verifies the server's certificate against the authority of the tests, and
answers what the program said of it. What a program must find in its home or its configuration is in its own folder."""

import dataclasses
import json
import os
import pathlib
import subprocess
import urllib.parse

from clients import SENDER, Said
from harness import LOOPBACK, PATIENCE, die_with_parent, make_folder

HOST = "localhost"  # is in the server's certificate


@dataclasses.dataclass
class Letter:
    subject: str
    text: str  # lines end with LF
    attachment: bytes
    recipients: list


@dataclasses.dataclass
class Account:
    """Where to submit, and as whom."""
    port: int
    is_implicit: bool  # TLS from the start; else STARTTLS
    login: str
    password: str
    authority: pathlib.Path  # PEM: the only one to be trusted

    def url(self, schemes=("smtp", "smtps"), with_password=True):
        login = urllib.parse.quote(self.login, safe="")
        password = ":" + urllib.parse.quote(self.password, safe="") if with_password else ""
        return f"{schemes[self.is_implicit]}://{login}{password}@{HOST}:{self.port}"


class _Home:
    """A folder for one run of a program, and the way to run it there."""

    def __init__(self, letter):
        self.folder = make_folder()
        self.attachment = self.write("attachment.bin", letter.attachment)
        self.text = self.write("text", letter.text.encode())

    def write(self, name, content):
        file = self.folder / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        file.chmod(0o600)
        return file

    def run(self, *command, stdin=None, **environment):
        variables = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "TMPDIR": str(self.folder),
                     "LANG": "C.UTF-8", "USER": "alice", "LOGNAME": "alice", **environment}
        with open(stdin or os.devnull, "rb") as input:
            done = subprocess.run([*map(str, command)], stdin=input, capture_output=True, timeout=2 * PATIENCE,
                                  preexec_fn=die_with_parent, env=variables, cwd=self.folder)
        return Said(done.returncode, (done.stdout + done.stderr).decode(errors="replace"))


def s_nail(account, letter):
    home = _Home(letter)
    config = home.write("mailrc", f"""
set v15-compat mta={account.url(("smtp", "submissions"))} smtp-auth=plain
set from={SENDER} tls-ca-no-defaults tls-ca-file={account.authority} tls-verify=strict
set {"" if account.is_implicit else "smtp-use-starttls"} hostname=client.office.example sendwait nosave
""")
    return home.run("s-nail", "-n", "-s", letter.subject, "-a", home.attachment, *letter.recipients, stdin=home.text,
                    MAILRC=str(config))


def mutt(account, letter):
    home = _Home(letter)
    config = home.write("muttrc", f"""
set smtp_url="{account.url(with_password=False)}/" smtp_pass="{account.password}"
set ssl_starttls=yes ssl_force_tls=yes certificate_file="{account.authority}"
unset ssl_ca_certificates_file
set from="{SENDER}" envelope_from_address="{SENDER}" use_envelope_from=yes hostname="client.office.example"
unset record
""")
    return home.run("mutt", "-n", "-F", config, "-s", letter.subject, "-a", home.attachment, "--", *letter.recipients,
                    stdin=home.text)


_NODEMAILER = """\
const settings = JSON.parse(require('fs').readFileSync(process.argv[2]));
require('nodemailer').createTransport(settings.transport).sendMail(settings.mail)
  .then(done => console.log(done.response))
  .catch(error => { console.error(error); process.exit(1); });
"""


def nodemailer(account, letter):
    home = _Home(letter)
    settings = home.write("settings.json", json.dumps({
        "transport": {"host": HOST, "port": account.port, "secure": account.is_implicit, "requireTLS": True,
                      "auth": {"user": account.login, "pass": account.password}, "name": "client.office.example"},
        "mail": {"from": SENDER, "to": letter.recipients, "subject": letter.subject, "text": letter.text,
                 "attachments": [{"path": str(home.attachment)}]}}))
    # Debian's modules are where Debian's node looks; another node is told.
    return home.run("node", home.write("send.js", _NODEMAILER), settings, NODE_PATH="/usr/share/nodejs",
                    NODE_EXTRA_CA_CERTS=str(account.authority))


_PERL = """\
use strict; use warnings;
use Net::SMTP;
my ($is_implicit, $host, $port, $authority, $login, $password, $from, $file, @to) = @ARGV;
sub fail { my ($smtp, $step) = @_; die "$step: " . ($smtp ? $smtp->code . ' ' . $smtp->message : "$@ $!") . "\\n" }
my %trust = (SSL_ca_file => $authority, SSL_verify_mode => 1, SSL_verifycn_name => $host);
my $smtp = Net::SMTP->new($host, Port => $port, Hello => 'client.office.example', Timeout => 30,
                          SSL => $is_implicit, %trust) or fail(undef, 'connect');
$is_implicit or $smtp->starttls(%trust) or fail($smtp, 'starttls');
$smtp->auth($login, $password) or fail($smtp, 'auth');
$smtp->mail($from) or fail($smtp, 'mail');
$smtp->recipient(@to) or fail($smtp, 'rcpt');
$smtp->data() or fail($smtp, 'data');
open(my $content, '<', $file) or die $!;
while (my $line = <$content>) { $smtp->datasend($line) or fail($smtp, 'datasend') }
$smtp->dataend() or fail($smtp, 'dataend');
$smtp->quit;
"""


def net_smtp(account, letter, content):
    """Perl's. It writes no message: `content` is what it sends."""
    home = _Home(letter)
    lines = home.write("content", content.replace(b"\r\n", b"\n"))
    return home.run("perl", home.write("send.pl", _PERL), int(account.is_implicit), HOST, account.port,
                    account.authority, account.login, account.password, SENDER, lines, *letter.recipients)


class GitRepository:
    """Sends its one commit, whose message is the letter's text and whose one file is the attachment, as a patch."""

    def __init__(self, letter):
        self._home = home = _Home(letter)
        home.write("gitconfig", f"[user]\nname = Alice\nemail = {SENDER}\n[init]\ndefaultBranch = main\n")
        self._git("init", "-q", "sent")
        self._git("-C", "sent", "commit", "-q", "--allow-empty", "-m", "empty")
        (home.folder / "sent" / "attachment.bin").write_bytes(letter.attachment)
        self._git("-C", "sent", "add", "attachment.bin")
        message = home.write("message", letter.subject + "\n\n" + letter.text)
        self._git("-C", "sent", "commit", "-q", "--cleanup=verbatim", "-F", message)

    def _git(self, *arguments):
        said = self._home.run("git", *arguments, GIT_CONFIG_GLOBAL=str(self._home.folder / "gitconfig"),
                              GIT_CONFIG_NOSYSTEM="1")
        if not said.is_good:
            raise AssertionError(said.text)
        return said.text

    def send(self, account, letter):
        patch = self._git("-C", "sent", "format-patch", "--binary", "-1", "-o", self._home.folder).strip()
        encryption = "ssl" if account.is_implicit else "tls"
        to = [f"--to={one}" for one in letter.recipients]
        return self._home.run(
            "git", "send-email", "--quiet", "--confirm=never", "--suppress-cc=all", f"--smtp-server={HOST}",
            f"--smtp-server-port={account.port}", f"--smtp-encryption={encryption}", f"--smtp-user={account.login}",
            f"--smtp-pass={account.password}", f"--smtp-ssl-cert-path={account.authority}",
            "--smtp-domain=client.office.example", f"--from={SENDER}", *to, patch,
            GIT_CONFIG_GLOBAL=str(self._home.folder / "gitconfig"), GIT_CONFIG_NOSYSTEM="1")

    def apply(self, content):
        """Applies what arrived as a patch to an empty repository: (commit message, the file)."""
        mail = self._home.write("arrived.eml", content.replace(b"\r\n", b"\n"))
        self._git("init", "-q", "received")
        self._git("-C", "received", "commit", "-q", "--allow-empty", "-m", "empty")
        self._git("-C", "received", "am", "-q", "--keep-cr", mail)
        message = self._git("-C", "received", "log", "-1", "--format=%B")
        return message, (self._home.folder / "received" / "attachment.bin").read_bytes()
