"""`postern catch` as the next hop of a demonstration: what it writes down is what was sent."""

import json
import re
import subprocess
import unittest

import clients
import content
from clients import RECIPIENT, SENDER
from harness import LOOPBACK, PROGRAM, Postern, die_with_parent, free_port, make_folder, wait_until


class Catch(unittest.TestCase):
    def test_shows_what_arrives_counts_it_and_writes_it_down_byte_for_byte(self):
        port, folder = free_port(), make_folder()
        catch = subprocess.Popen([PROGRAM, "catch", "--listen", f"{LOOPBACK}:{port}", "--directory", folder,
                                  "--count", "2", "--reply", "rcpt=451:1"],
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                 preexec_fn=die_with_parent)
        self.addCleanup(lambda: (catch.kill(), catch.wait()))
        with Postern(route=[{"via": f"smtp://{LOOPBACK}:{port}"}]) as server:
            sent = content.message()
            message_id = clients.submit(server, sent)
            server.wait_for("deferred", id=message_id)  # its first answer to RCPT, as it was asked to give
            wait_until(lambda: (folder / "000001.json").exists(), server.tail)
            content.fields_added(sent, (folder / "000001.eml").read_bytes())
            envelope = json.loads((folder / "000001.json").read_text())
            self.assertIn(RECIPIENT, json.dumps(envelope))
            self.assertIn(SENDER, json.dumps(envelope))
            clients.submit(server, content.message())
            shown, _ = catch.communicate(timeout=60)
        self.assertEqual(catch.returncode, 0, shown)
        self.assertTrue(re.search(r"\b2\b", shown.splitlines()[-1]), shown)
        for words in (SENDER, RECIPIENT, "Proof "):
            self.assertIn(words, shown)
