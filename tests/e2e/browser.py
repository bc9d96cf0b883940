"""A headless Chromium, driven by chromedriver's WebDriver over plain HTTP (https://www.w3.org/TR/webdriver2/). It reaches no
network: every name is unknown to it."""

import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import urllib.request

from harness import LOOPBACK, die_with_parent, free_port, make_folder, wait_until

ARGUMENTS = ["--headless=new", "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
             "--host-resolver-rules=MAP * ~NOTFOUND", "--remote-debugging-pipe"]  # by a pipe, so that it ends with its driver


class Browser:
    """Use as a context manager. Widths and heights are in CSS pixels."""

    def __init__(self):
        driver = shutil.which("chromedriver")
        assert driver, "chromedriver is missing: etc/install-packages tests"
        self._port = free_port()
        self._driver = subprocess.Popen([driver, f"--port={self._port}"], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, preexec_fn=die_with_parent, start_new_session=True)
        try:
            wait_until(self._is_up, "chromedriver listens")
            arguments = [*ARGUMENTS, f"--user-data-dir={make_folder()}"]
            if os.geteuid() == 0:
                arguments.append("--no-sandbox")  # it refuses to run as root with it
            wanted = {"browserName": "chrome", "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
                      "goog:chromeOptions": {"args": arguments}}
            answer = self._call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
            self._session = "/session/" + answer["sessionId"]
            self._call("POST", f"{self._session}/url", {"url": "about:blank"})  # its own first page asks for much
        except BaseException:
            self._kill()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self._call("DELETE", self._session)
        self._kill()

    def _kill(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._driver.pid, signal.SIGKILL)
        self._driver.wait()

    def _is_up(self):
        with contextlib.suppress(OSError):
            return self._call("GET", "/status")["ready"]

    def _call(self, method, path, body=None):
        request = urllib.request.Request(f"http://{LOOPBACK}:{self._port}{path}", method=method,
                                         data=None if body is None else json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json"})
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def _devtools(self, command, **parameters):
        return self._call("POST", f"{self._session}/goog/cdp/execute", {"cmd": command, "params": parameters})

    def look_as(self, width, height, scheme="light"):
        """From now on: a window of that size, of somebody who likes `scheme`, light or dark."""
        self._devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                       mobile=width < 500)
        self._devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def open(self, path):
        self._call("POST", f"{self._session}/url", {"url": path.resolve().as_uri()})

    def run(self, script, *arguments):
        """What the JavaScript returns. The page's own policy does not bind it."""
        return self._call("POST", f"{self._session}/execute/sync", {"script": script, "args": list(arguments)})

    def log(self, kind):
        """What came since the last look: of `browser` the console, of `performance` the protocol's events."""
        return self._call("POST", f"{self._session}/se/log", {"type": kind})

    def requests(self):
        """The addresses that were asked for since the last look."""
        events = [json.loads(entry["message"])["message"] for entry in self.log("performance")]
        return [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]

    def screenshot(self, path, max_height=3000):
        """Of the page from its top, beyond the window's edge. Answers the PNG."""
        width, height = self.run("return [innerWidth, document.documentElement.scrollHeight]")
        clip = {"x": 0, "y": 0, "width": width, "height": min(height, max_height), "scale": 1}
        shot = self._devtools("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(shot["data"]))
        return path.read_bytes()
