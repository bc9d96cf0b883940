"""Mail programs that nobody here wrote hand in a letter with a binary attachment, by STARTTLS and AUTH and by implicit
TLS, and it arrives intact: the text with its dots, the attachment's SHA-256, the recipients. All of them can do both
and verify the server's certificate against the authority of the tests; none needs a wrapper. One that is not installed
is a failure: `etc/install-packages tests` has them."""

import email
import email.mime.application
import email.mime.multipart
import email.mime.text
import email.policy
import hashlib
import random
import re
import smtplib
import unittest

import clients
import mailers
from clients import SENDER
from harness import LOOPBACK, OFFICE, Postern, is_root
from postfix import Postfix, Relayhost
from sink import Sink

TEXT = ("Hello Bob,\n\n.a line with a dot before it\n..and with two\n.\nbehind a dot alone\n\n"
        "From here on: nothing of note.\n.\n")
WAYS = {"STARTTLS": "required", "implicit TLS": "implicit"}  # what, and by which listener


def digest(octets):
    return hashlib.sha256(octets).hexdigest()


def written(letter):
    """The letter as a content, for programs that hand in what others wrote."""
    content = email.mime.multipart.MIMEMultipart()
    content["From"], content["To"], content["Subject"] = SENDER, ", ".join(letter.recipients), letter.subject
    content.attach(email.mime.text.MIMEText(letter.text, _charset="us-ascii"))
    content.attach(email.mime.application.MIMEApplication(letter.attachment, name="attachment.bin"))
    return content.as_bytes(policy=email.policy.SMTP)


class RealClients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sink = cls.enterClassContext(Sink())
        cls.server = cls.enterClassContext(Postern(route=[{"via": f"smtp://{cls.sink.address}"}]))
        cls.password = cls.server.add_user(SENDER)

    def account(self, port):
        return mailers.Account(self.server.ports[port], port == "implicit", SENDER, self.password,
                               self.server.certificates.authority)

    def letter(self, name):
        attachment = random.Random(name).randbytes(300_000)
        words = re.sub(r"\W+", "-", name).lower()
        return mailers.Letter(f"For {name}", TEXT, attachment, [f"{words}@one.test", f"{words}@two.test"])

    def each_way(self, program, submit, check=None):
        """`submit(port, letter)` by both ways; `check(letter, content)` what has arrived."""
        for way, port in WAYS.items():
            with self.subTest(program=program, way=way):
                letter = self.letter(f"{program} {way}")
                said = submit(port, letter)
                self.assertTrue(said.is_good, said.text)
                (check or self.check)(letter, self.arrived(letter))

    def arrived(self, letter):
        """The content that came for the letter's recipients, in one or several messages, from a login under TLS."""
        wanted = set(letter.recipients)
        first = self.sink.wait_for_mail_to(letter.recipients[0])
        self.sink.wait_for_mail_to(letter.recipients[1])
        messages = [one for one in self.sink.messages if wanted & set(one.recipients)]
        self.assertEqual(sorted(to for one in messages for to in one.recipients), sorted(wanted))
        self.assertEqual({one.reverse_path for one in messages}, {SENDER})
        received = email.message_from_bytes(first.content)["Received"]
        self.assertIn(" with ESMTPSA ", " ".join(received.split()))
        return first.content

    def check(self, letter, content):
        message = email.message_from_bytes(content, policy=email.policy.default)
        self.assertEqual(message["Subject"], letter.subject)
        text, attachment = message.iter_parts()
        self.assertEqual(text.get_content().replace("\r\n", "\n").rstrip("\n"), letter.text.rstrip("\n"))
        self.assertEqual(digest(attachment.get_content()), digest(letter.attachment))

    def test_swaks(self):
        tls = {"required": "--tls", "implicit": "--tls-on-connect"}
        self.each_way("swaks", lambda port, letter: clients.swaks(
            self.server, port, written(letter), tls[port], "--tls-verify",
            "--tls-ca-path", self.server.certificates.authority, *clients.swaks_login("PLAIN", SENDER, self.password),
            recipient=",".join(letter.recipients)))

    def test_curl(self):
        self.each_way("curl", lambda port, letter: clients.curl(
            self.server, port, written(letter), SENDER, self.password, recipients=letter.recipients))

    def test_msmtp(self):
        self.each_way("msmtp", lambda port, letter: clients.msmtp(
            self.server, port, written(letter), SENDER, self.password, "scram-sha-256", letter.recipients))

    def test_s_nail(self):
        self.each_way("s-nail", lambda port, letter: mailers.s_nail(self.account(port), letter))

    def test_mutt(self):
        self.each_way("mutt", lambda port, letter: mailers.mutt(self.account(port), letter))

    def test_nodemailer(self):
        self.each_way("nodemailer", lambda port, letter: mailers.nodemailer(self.account(port), letter))

    def test_perls_net_smtp(self):
        self.each_way("Net::SMTP", lambda port, letter: mailers.net_smtp(self.account(port), letter, written(letter)))

    def test_git_send_email_whose_patch_applies(self):
        repositories = {}

        def submit(port, letter):
            repository = repositories[letter.subject] = mailers.GitRepository(letter)
            return repository.send(self.account(port), letter)

        def check(letter, content):
            message, file = repositories[letter.subject].apply(content)
            self.assertEqual(message.rstrip("\n"), f"{letter.subject}\n\n{letter.text}".rstrip("\n"))
            self.assertEqual(digest(file), digest(letter.attachment))
        self.each_way("git", submit, check)

    @unittest.skipUnless(is_root(), "Postfix runs only as root")
    def test_postfix_with_this_server_as_its_relayhost(self):
        def submit(port, letter):
            relayhost = Relayhost(LOOPBACK, self.server.ports[port], OFFICE, port == "implicit", SENDER, self.password,
                                  self.server.certificates.authority)
            certificate = self.server.certificates.make(f"postfix-{port}", f"IP:{LOOPBACK}")
            with Postfix(certificate, relayhost=relayhost) as postfix:
                with smtplib.SMTP(LOOPBACK, postfix.port, timeout=30) as device:
                    device.sendmail(SENDER, letter.recipients, written(letter))
                self.sink.wait_for_mail_to(letter.recipients[1], 8)
                return clients.Said(0, postfix.log())
        self.each_way("Postfix", submit)
