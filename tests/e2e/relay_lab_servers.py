"""Real mail servers on machines of relay_lab: each is Debian's package, set up by the package's own scripts as an internet
site, and then changed only by what its function says."""

import os
import pathlib
import socketserver
import subprocess
import threading
import time

from harness import PATIENCE, die_with_parent
from relay_lab import Machine


# ── Postfix, which this machine has ──

_default_main_cf = None  # of the first machine, with {} for its name
_first_one = threading.Lock()


def _set_up_postfix(machine):
    """What Debian's installation does for an internet site. That takes seconds; so it does it once, and the others copy."""
    global _default_main_cf
    with _first_one:
        if _default_main_cf is None:
            machine.run("debconf-set-selections", input=f"""
postfix postfix/main_mailer_type select Internet Site
postfix postfix/mailname string {machine.host}
postfix postfix/destinations string {machine.host}, localhost
""")
            machine.run("dpkg-reconfigure", "-fnoninteractive", "postfix")
            _default_main_cf = machine.read("/etc/postfix/main.cf").replace(machine.host, "{}")
            return
    machine.write("/etc/postfix/main.cf", _default_main_cf.replace("{}", machine.host))
    machine.write("/etc/mailname", machine.host + "\n")
    machine.run("newaliases")


def postfix(internet, name, **settings):
    """Debian's default but for `settings` (of main.cf)."""
    machine = Machine(internet, name)
    _set_up_postfix(machine)
    machine.run("postconf", "-e", "maillog_file = /var/log/postfix.log",
                *(f"{key} = {value}" for key, value in settings.items()))
    machine.run("touch", "-d", "1 minute ago", "/etc/postfix/main.cf")  # a fresh one is given two seconds to settle
    machine.run("/usr/lib/postfix/configure-instance.sh", "-")  # fills its chroot, as its service does at each start
    machine.run("postfix", "start")
    return machine.wait_for_greeting()


EVERYONE = "0.0.0.0/0 [::]/0"
_REFUSE = "permit_mynetworks, permit_sasl_authenticated, {}, reject_unauth_destination"


def open_postfix(internet, name, **settings):
    """The mistake itself: the whole world is in mynetworks."""
    return postfix(internet, name, mynetworks=EVERYONE, **settings)


def percent_postfix(internet, name):
    """A gateway that takes local parts as they are, before an office server that trusts it and takes user%domain and
    domain!user for orders, as Postfix does by default: neither is an open relay alone."""
    office = postfix(internet, name + "-office", mynetworks=f"127.0.0.0/8 {internet.address(name)}",
                     mydestination=f"$myhostname, {name}.lab.test, localhost")
    return postfix(internet, name, mydestination="localhost", relay_domains=f"{name}.lab.test",
                   relay_transport=f"smtp:[{office.address}]", allow_untrusted_routing="yes", allow_percent_hack="no",
                   swap_bangpath="no", resolve_dequoted_address="no",
                   smtpd_relay_restrictions=_REFUSE.format("permit_auth_destination"))


def null_sender_postfix(internet, name):
    """Relays bounces for everyone."""
    return postfix(internet, name, smtpd_relay_restrictions=_REFUSE.format("check_sender_access inline:{<>=OK}"))


def own_sender_postfix(internet, name):
    """Relays for everyone who says that he is from its own domain."""
    return postfix(internet, name, smtpd_relay_restrictions=_REFUSE.format(
        f"check_sender_access inline:{{{name}.lab.test=OK}}"))


def discarding_postfix(internet, name):
    """Takes everything from everyone, and throws it away."""
    return open_postfix(internet, name, default_transport="discard:", relay_transport="discard:",
                        local_transport="discard:")


def slow_postfix(internet, name, greylisting=2.0):
    """Open to everyone, who has to come again after `greylisting` seconds; and holds back what it has taken until
    `forward` is called."""
    first_seen = {}

    class Greylist(socketserver.StreamRequestHandler):
        """Postfix's policy protocol: lines of name=value, an empty one, and an action in reply."""

        def handle(self):
            asked = {}
            for line in self.rfile:
                key, is_field, value = line.decode("utf-8", "replace").strip().partition("=")
                asked[key] = value
                if not is_field:
                    triplet = asked.get("client_address"), asked.get("sender"), asked.get("recipient")
                    is_new = time.monotonic() < first_seen.setdefault(triplet, time.monotonic()) + greylisting
                    action = "451 4.7.1 Greylisting in action, please come back later" if is_new else "DUNNO"
                    self.wfile.write(f"action={action}\n\n".encode())
                    asked = {}

    policy = socketserver.ThreadingTCPServer((internet.tester(name), 0), Greylist)
    policy.daemon_threads = True
    threading.Thread(target=policy.serve_forever, daemon=True).start()
    return open_postfix(
        internet, name, defer_transports="smtp",
        smtpd_recipient_restrictions=f"check_policy_service inet:{internet.tester(name)}:{policy.server_address[1]}")


def forward(machine):
    """Lets a slow Postfix run its queue."""
    machine.run("postconf", "-e", "defer_transports =")
    machine.run("touch", "-d", "1 minute ago", "/etc/postfix/main.cf")
    machine.run("postfix", "reload")
    machine.run("postqueue", "-f")


def smtp_sink(internet, name):
    """Postfix's test server: takes everything, forwards nothing."""
    machine = Machine(internet, name)
    machine.serve("smtp-sink", "-u", "nobody", "-h", machine.host, f"{machine.address}:25", "100")
    return machine.wait_for_greeting()


# ── packages that would displace it: installed into the machine's overlay only ──


def _cache():
    folder = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache", "postern-lab")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def fetch(package):
    """The package and those that it needs and this machine lacks, as files in the cache; downloaded where they are not
    there yet. Has to be called while the process still has the real network."""
    def apt(*arguments):
        return subprocess.run(["apt-get", "-o", "APT::Sandbox::User=root", *arguments], capture_output=True, text=True,
                              cwd=_cache(), timeout=10 * PATIENCE, preexec_fn=die_with_parent)
    plan = apt("install", "--simulate", "--no-install-recommends", package)
    if plan.returncode != 0:  # no lists of packages here yet
        apt("update")
        plan = apt("install", "--simulate", "--no-install-recommends", package)
    files = []
    for line in plan.stdout.splitlines():
        if line.startswith("Inst "):
            _, needed, rest = line.split(" ", 2)
            version = rest[rest.index("(") + 1:].split()[0]
            found = f"{needed}_{version.replace(':', '%3a')}_*.deb"
            if not list(_cache().glob(found)):
                apt("download", f"{needed}={version}")
            files += list(_cache().glob(found))[:1] or [f"{needed}={version} could not be downloaded"]
    if not files or not all(isinstance(file, pathlib.Path) for file in files):
        raise AssertionError(f"{package}: {files}\n{plan.stdout}{plan.stderr}")
    return files


def _install(machine, files, answers):
    # The index of manuals takes longer than all else.
    machine.run("sh", "-c", "rm -f /var/lib/dpkg/info/man-db.*")
    machine.run("debconf-set-selections", input=answers)
    machine.run("dpkg", "--remove", "--force-depends", "postfix", check=False)
    machine.run("dpkg", "--install", "--force-unsafe-io", *files)


def exim(internet, name, files, relay_nets=""):
    """The default of Debian for an internet site. `relay_nets`: of its question for networks to relay for."""
    machine = Machine(internet, name)
    _install(machine, files, f"""
exim4-config exim4/dc_eximconfig_configtype select internet site; mail is sent and received directly using SMTP
exim4-config exim4/dc_local_interfaces string
exim4-config exim4/dc_relay_nets string {relay_nets}
exim4-config exim4/dc_other_hostnames string {machine.host}; {machine.host.partition('.')[2]}
exim4-config exim4/mailname string {machine.host}
""")
    machine.serve("exim4", "-bdf", "-q30m")
    return machine.wait_for_greeting()


def opensmtpd(internet, name, files, is_open=False):
    """The default of Debian, listening on all addresses: by default it does so only on loopback."""
    machine = Machine(internet, name)
    _install(machine, files, f"opensmtpd opensmtpd/mailname string {machine.host}\n")
    config = machine.read("/etc/smtpd.conf").replace("listen on localhost", "listen on 0.0.0.0")
    if is_open:
        config = config.replace("match from local for any", "match from any for any")
    machine.write("/etc/smtpd.conf", config)
    machine.serve("smtpd", "-d", "-F")
    return machine.wait_for_greeting()
