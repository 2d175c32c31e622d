"""Starts the real program on a configuration of the test's own, on free loopback ports, and ends it by pid."""
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
RAKSA = pathlib.Path(os.environ.get("RAKSA", ROOT / "build/release/raksa")).resolve()
TOOLS = ROOT / "build/tools"
PROMTOOL = TOOLS / "prometheus/usr/bin/promtool"
PROMETHEUS = TOOLS / "prometheus/usr/bin/prometheus"
SNMPD = TOOLS / "snmpd/usr/sbin/snmpd"


GIVEN = set()


def free_port(kind=socket.SOCK_STREAM):
    """A port that nobody has, below those that the kernel gives to outgoing connections and to whoever asks for any: it stays free until it is
    taken, also while another test runs, and what connects to it meanwhile is refused."""
    below = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.SystemRandom().randrange(max(1024, below - 16000), below) if below > 4000 else 0
        with socket.socket(socket.AF_INET, kind) as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
            port = s.getsockname()[1]
        if port not in GIVEN:
            GIVEN.add(port)
            return port


def wait_for(what, limit=10.0, every=0.05):
    """Calls `what` until it gives something true; gives that, or None when the time is over."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        try:
            value = what()
        except (OSError, http.client.HTTPException, KeyError, IndexError, ValueError):
            value = None
        if value:
            return value
        time.sleep(every)
    return None


class Daemon:
    """One daemon with a folder of its own. `config` is YAML text in which {port}, {dir} are filled in."""

    def __init__(self, config, files=None, port=None, directory=None, args=()):
        self.dir = pathlib.Path(directory or tempfile.mkdtemp(prefix="raksa-test-"))
        self.keep = directory is not None
        self.port = port or free_port()
        self.args = list(args)
        for name, text in (files or {}).items():
            self.write(name, text)
        self.set_config(config)
        self.process = None

    def write(self, name, text, mode=0o600):
        path = self.dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def set_config(self, config):
        self.config = self.write("raksa.yaml", config.replace("{port}", str(self.port)).replace("{dir}", str(self.dir)))

    def start(self, wait=True):
        self.log = open(self.dir / "log", "ab")
        self.process = subprocess.Popen([str(RAKSA), "run", str(self.config), *self.args], stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log, cwd=self.dir)
        if wait and not wait_for(self.ready, 20):
            raise AssertionError("the daemon does not become ready:\n" + self.log_text())
        return self

    def ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the daemon ended with {self.process.returncode}:\n" + self.log_text())
        return self.get("/-/ready")[0] == 200

    def log_text(self):
        return (self.dir / "log").read_text(errors="replace")[-6000:]

    def request(self, method, path, body=None, headers=None, limit=20):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=limit)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        finally:
            connection.close()

    def get(self, path, **kw):
        return self.request("GET", path, **kw)

    def json(self, path, **params):
        query = "?" + urllib.parse.urlencode(params, doseq=True) if params else ""
        status, text = self.get(path + query)
        assert status == 200, f"{path}: {status} {text[:400]}"
        return json.loads(text)

    def query(self, expr, **params):
        """The result list of an instant query."""
        return self.json("/api/v1/query", query=expr, **params)["data"]["result"]

    def cli(self, *argv, limit=60):
        return subprocess.run([str(RAKSA), *map(str, argv)], capture_output=True, text=True, timeout=limit, cwd=self.dir,
                              stdin=subprocess.DEVNULL)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, limit=15):
        """Ends it as an administrator does; gives the exit status."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(limit)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError("the daemon did not end on SIGTERM:\n" + self.log_text())
        return self.process.returncode if self.process else None

    def close(self):
        try:
            self.stop()
        finally:
            self.log.close()
            if not self.keep:
                shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()
