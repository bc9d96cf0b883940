"""The page of `postern relay-test --html`, looked at in Chromium: at a desk and on a phone, by day and by night.

SCREENSHOTS=/some/folder keeps the pages and their pictures there.
"""

import concurrent.futures
import json
import os
import pathlib
import smtplib
import socketserver
import subprocess
import threading
import unittest
import zlib

from browser import Browser
from harness import LOOPBACK, PROGRAM, free_port, make_folder

STRANGER = "127.0.0.2"
MAILBOX = "probe@returns.test"
HOSTILE = (b"554 5.7.1 </pre></style></script><script>document.title='owned'</script><img src=x onerror=alert(1)>"
           b"<a href=\"https://evil.example/\">&amp; '\" \xff\xfe \x1b[31m \x00 \xe2\x80\xaetxt.exe " + b"W" * 700)
LOOKS = [(1280, 900, "light"), (1280, 900, "dark"), (360, 740, "light"), (360, 740, "dark"), (800, 1000, "light")]


class Target(socketserver.ThreadingTCPServer):
    """A mail server whose answers a test chooses: to RCPT, to the content, and its greeting. `forward_to`: a port to which it
    hands all that it accepts: an open relay."""
    allow_reuse_address = daemon_threads = True

    def __init__(self, rcpt=b"250 2.1.5 ok", dot=b"250 2.0.0 queued", greeting=b"220 target.example ESMTP", forward_to=None):
        super().__init__((LOOPBACK, 0), Dialogue)
        self.rcpt, self.dot, self.greeting, self.forward_to = rcpt, dot, greeting, forward_to
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # the tester is rude at times

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Dialogue(socketserver.StreamRequestHandler):
    def say(self, line):
        self.wfile.write(line + b"\r\n")

    def handle(self):
        self.say(self.server.greeting)
        while line := self.rfile.readline(100_000):
            verb = line.split()[0].upper() if line.split() else b""
            if verb in (b"EHLO", b"HELO", b"RSET", b"NOOP", b"MAIL"):
                self.say(b"250 2.0.0 ok")
            elif verb == b"RCPT":
                self.say(self.server.rcpt)
            elif verb == b"DATA" and self.server.rcpt.startswith(b"250"):
                self.say(b"354 go ahead")
                self.take()
            elif verb == b"QUIT":
                self.say(b"221 2.0.0 bye")
                return
            else:
                self.say(b"554 5.5.1 no")

    def take(self):
        content = b""
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                raise EOFError
            content += line
        self.say(self.server.dot)
        if self.server.forward_to:
            received = f"Received: from {self.client_address[0]} by target.example with SMTP id 1\r\n".encode()
            with smtplib.SMTP(LOOPBACK, self.server.forward_to, local_hostname="target.example") as onward:
                onward.sendmail("", MAILBOX, received + content)


def test(name, target, folder, returns):
    """Runs the tester against the target. Answers the page's path and the run."""
    page, facts = folder / f"{name}.html", folder / f"{name}.json"
    command = [PROGRAM, "relay-test", f"{LOOPBACK}:{target.port}", "--source", STRANGER, "--mailbox", MAILBOX,
               "--listen", f"{LOOPBACK}:{returns}", "--wait", "2s", "--retry-after", "1s", "--rate", "200",
               "--timeout", "5s", "--html", page, f"--json={facts}"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120,
                         env={**os.environ, "XDG_STATE_HOME": str(folder)})
    assert page.exists(), ran.stdout + ran.stderr
    return page, json.loads(facts.read_text())


VERDICTS = {"closed": "Closed", "open": "Open relay", "sink": "Mail sink", "undecided": "Inconclusive", "hostile": "Closed"}

TOO_SMALL = """
  const found = [];
  for (const node of document.querySelectorAll('body *')) {
    if (!node.checkVisibility() || ![...node.childNodes].some(one => one.nodeType == 3 && one.data.trim())) continue;
    let size = parseFloat(getComputedStyle(node).fontSize);
    const picture = node.closest('svg[viewBox]');
    if (picture) size *= picture.getBoundingClientRect().width / picture.viewBox.baseVal.width;
    if (size < 12) found.push(node.textContent.trim().slice(0, 40) + ': ' + size);
  }
  return found;"""

# WCAG 2, 1.4.3: between text and what lies behind it at least 4.5 to 1.
TOO_PALE = """
  const numbers = colour => (colour.match(/[0-9.]+/g) || []).map(Number);
  const light = colour => numbers(colour).slice(0, 3).map(c => c / 255)
      .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
      .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = node => {
    for (; node; node = node.parentElement) {
      const colour = getComputedStyle(node).backgroundColor;
      if (numbers(colour).length == 3) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const found = new Set();
  for (const node of document.querySelectorAll('body *')) {
    if (!node.checkVisibility() || ![...node.childNodes].some(one => one.nodeType == 3 && one.data.trim())) continue;
    const style = getComputedStyle(node);
    const text = light(node.closest('svg') ? style.fill : style.color), back = light(behind(node));
    const ratio = (Math.max(text, back) + 0.05) / (Math.min(text, back) + 0.05);
    if (ratio < 4.5) found.add(node.tagName + '.' + node.getAttribute('class') + ' ' + ratio.toFixed(2));
  }
  return [...found];"""

# What stands out of the window, or out of its box, where it cannot be read; but for what ends in an ellipsis.
TOO_WIDE = """
  return [...document.querySelectorAll('body *:not(svg, svg *)')].filter(node => node.checkVisibility())
      .filter(node => node.getBoundingClientRect().right > innerWidth + 0.5
          || node.clientWidth && node.scrollWidth > node.clientWidth + 1
              && getComputedStyle(node).textOverflow != 'ellipsis')
      .map(node => node.tagName + '.' + node.getAttribute('class'));"""

OPEN_ALL = "document.querySelectorAll('details').forEach(one => one.open = true)"


def png_pixels(png):
    """The picture's rows, still filtered: enough to see whether there is anything in it."""
    data, at = b"", 8
    while at < len(png):
        length = int.from_bytes(png[at:at + 4], "big")
        if png[at + 4:at + 8] == b"IDAT":
            data += png[at + 8:at + 8 + length]
        at += length + 12
    return zlib.decompress(data)


class RelayPage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(os.environ.get("SCREENSHOTS") or make_folder())
        cls.folder.mkdir(parents=True, exist_ok=True)
        ports = {name: free_port() for name in VERDICTS}
        targets = {
            "closed": Target(rcpt=b"554 5.7.1 Relay access denied"),
            "open": Target(forward_to=ports["open"]),
            "sink": Target(),
            "undecided": Target(rcpt=b"451 4.7.1 Greylisted, come back later"),
            "hostile": Target(rcpt=HOSTILE, greeting=b"220 " + HOSTILE[4:]),
        }
        with concurrent.futures.ThreadPoolExecutor() as pool:
            running = {name: pool.submit(test, name, target, cls.folder, ports[name]) for name, target in targets.items()}
            cls.pages = {name: one.result() for name, one in running.items()}
        for target in targets.values():
            target.__exit__()
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.__exit__)

    def look_at_each(self):
        for name, (page, run) in self.pages.items():
            self.browser.open(page)
            yield name, page, run

    def test_names_the_verdict_and_has_every_probe(self):
        for name, page, run in self.look_at_each():
            self.assertTrue(self.browser.run("return document.title").startswith(VERDICTS[name] + ": "), name)
            self.assertEqual(self.browser.run("return document.querySelector('h1').textContent"), VERDICTS[name])
            tricks = [probe["trick"] for door in run["doors"] for probe in door["probes"]]
            self.assertGreaterEqual(len(tricks), 60)
            shown = self.browser.run("return [...document.querySelectorAll('.trick')].map(one => one.textContent)")
            self.assertEqual(sorted(shown), sorted(tricks), name)
            self.assertLess(page.stat().st_size, 2_000_000 / 3 * len(run["doors"]))

    def test_asks_for_nothing_and_has_nothing_to_complain_of(self):
        self.browser.requests()
        self.browser.log("browser")
        for name, page, _ in self.look_at_each():
            self.browser.run(OPEN_ALL)
            self.assertEqual(set(self.browser.requests()), {page.resolve().as_uri()}, name)
            self.assertEqual([one for one in self.browser.log("browser") if one["level"] == "SEVERE"], [], name)

    def test_can_be_read_at_a_desk_and_on_a_phone_by_day_and_by_night(self):
        for width, height, scheme in LOOKS:
            self.browser.look_as(width, height, scheme)
            for name, _, _ in self.look_at_each():
                where = f"{name}, {width} wide, {scheme}"
                self.has_its_width(width, where)
                self.take_picture(f"{name}-{width}-{scheme}.png", where)
                self.browser.run(OPEN_ALL)
                self.has_its_width(width, where + ", open")
                self.assertEqual(self.browser.run(TOO_SMALL), [], where)
                self.assertEqual(self.browser.run(TOO_PALE), [], where)
                self.take_picture(f"{name}-{width}-{scheme}-open.png", where)

    def has_its_width(self, width, where):
        inner, outer = self.browser.run("return [document.documentElement.scrollWidth, innerWidth]")
        self.assertEqual(outer, width, where)
        self.assertLessEqual(inner, outer, where)
        self.assertEqual(self.browser.run(TOO_WIDE), [], where)

    def take_picture(self, name, where):
        pixels = png_pixels(self.browser.screenshot(self.folder / name))
        self.assertGreater(len(set(pixels)), 50, f"blank: {where}")

    def test_is_not_changed_by_what_strangers_say(self):
        page, _ = self.pages["hostile"]
        self.browser.open(page)
        self.assertTrue(self.browser.run("return document.title").startswith("Closed: "))
        self.assertEqual(self.browser.run("return document.querySelectorAll('script, img, pre ~ img, a[href^=http]').length"), 0)
        self.assertNotRegex(page.read_bytes(), b"[\0-\x08\x0b-\x1f\x7f]|\xe2\x80\xae")
        page.read_text("utf-8", "strict")
        replies = self.browser.run("return [...document.querySelectorAll('.reply')].map(one => one.textContent)")
        self.assertTrue(any("<script>document.title='owned'</script>" in reply for reply in replies), replies[:3])

    def test_hides_what_was_refused_where_that_is_wanted(self):
        page, _ = self.pages["closed"]
        self.browser.open(page)
        count = "return [...document.querySelectorAll('.probe')].filter(one => one.checkVisibility()).length"
        self.assertGreater(self.browser.run(count), 60)
        self.browser.run("document.getElementById('only').click()")
        self.assertEqual(self.browser.run(count), 0)

    def test_shows_the_way_of_what_came_back(self):
        page, run = self.pages["open"]
        self.browser.open(page)
        came = sum(any(one["what"] == "relayed" for one in probe["returns"])
                   for door in run["doors"] for probe in door["probes"])
        self.assertGreater(came, 60)
        self.assertEqual(self.browser.run("return document.querySelectorAll('.probe.returned').length"), came)
        self.assertIn(f", {came} came back", self.browser.run("return document.querySelector('svg.way desc').textContent"))
        self.assertIn("by target.example with SMTP id 1",
                      self.browser.run("return document.querySelector('.trail').textContent"))
        sink, _ = self.pages["sink"]
        self.browser.open(sink)
        self.assertRegex(self.browser.run("return document.body.textContent"), r"relay-test --resume \S+")
        self.assertIsNone(self.browser.run("return document.querySelector('.trail')"))


if __name__ == "__main__":
    unittest.main()
