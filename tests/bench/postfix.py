"""Postfix, tuned for throughput: only the services that a smarthost needs, no chroot, processes that stay; nothing that
weakens its syncs. Logins are checked by Cyrus SASL in smtpd itself, without another daemon."""

import pathlib
import shutil
import subprocess
import sys

import tarpit
from servers import Server

SASLDB = pathlib.Path(__file__).with_name("sasldb.py")
MESSAGE_SIZE = 100 * 2 ** 20  # octets; by default it takes 10 MB


class Postfix(Server):
    name = "Postfix"
    processes = 1100  # of one service, at most: 1,000 sessions need as many smtpd

    def prepare(self):
        for name in ("etc", "queue", "data"):
            (self.directory / name).mkdir()
        shutil.chown(self.directory / "data", "postfix")
        if self.has_logins:
            self.add_user()
        self.write("etc/main.cf", self.main_cf())
        self.write("etc/master.cf", self.master_cf())
        config = self.directory / "etc"
        subprocess.run(["postfix", "-c", config, "check"], check=True, capture_output=True)
        daemons = subprocess.run(["postconf", "-c", config, "-hx", "daemon_directory"], check=True, capture_output=True,
                                 text=True).stdout.strip()
        return [f"{daemons}/master", "-c", config, "-s"]

    def add_user(self):
        folder = self.directory / "etc" / "sasl"  # where Debian's Postfix looks, whatever cyrus_sasl_config_path says
        folder.mkdir()
        name, _, realm = self.user(0).partition("@")
        subprocess.run([sys.executable, SASLDB, folder, realm, name, self.password], check=True)
        shutil.chown(folder / "sasldb2", "postfix")

    def main_cf(self):
        chain, key = self.certificate()
        # Postfix's own way to take mail and not pass it on: into its hold queue, by an access rule.
        hold = "smtpd_end_of_data_restrictions = check_client_access static:HOLD" if self.holds else ""
        slow = f"inline:{{{{{tarpit.DOMAIN}=smtp:[127.0.0.1]:{self.tarpit_port}}}}}"
        transport = f"transport_maps = {slow}" if self.tarpit_port else ""
        return f"""
compatibility_level = 3.6
queue_directory = {self.directory}/queue
data_directory = {self.directory}/data
maillog_file = {self.log}
maillog_file_prefixes = {self.directory}
myhostname = bench.example
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
mynetworks = 127.0.0.1/32
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtputf8_enable = no
disable_dns_lookups = yes
smtpd_peername_lookup = no
smtpd_relay_restrictions = permit_sasl_authenticated, permit_mynetworks, reject
smtpd_recipient_restrictions =
smtpd_client_event_limit_exceptions = static:all
smtpd_client_connection_count_limit = 0
smtpd_tls_chain_files = {key}, {chain}
smtpd_sasl_type = cyrus
smtpd_sasl_path = smtpd
smtpd_sasl_local_domain = bench.example
cyrus_sasl_config_path = {self.directory}/etc/sasl
message_size_limit = {MESSAGE_SIZE}
receive_override_options = no_address_mappings, no_header_body_checks, no_unknown_recipient_checks
relayhost = [127.0.0.1]:{self.sink_port}
default_process_limit = {self.processes}
max_use = 100000
max_idle = 1000s
in_flow_delay = 0
qmgr_message_active_limit = 40000
initial_destination_concurrency = 20
default_destination_concurrency_limit = 20
smtp_connection_cache_on_demand = yes
{hold}
{transport}
"""

    def master_cf(self):
        return f"""
127.0.0.1:{self.port} inet n - n - - smtpd
127.0.0.1:{self.tls_port} inet n - n - - smtpd
  -o smtpd_tls_security_level=may
  -o smtpd_sasl_auth_enable={"yes" if self.has_logins else "no"}
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
scache unix - - n - 1 scache
anvil unix - - n - 1 anvil
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
"""

    @staticmethod
    def version():
        return "Postfix " + subprocess.run(["postconf", "-dh", "mail_version"], check=True, capture_output=True,
                                           text=True).stdout.strip()
