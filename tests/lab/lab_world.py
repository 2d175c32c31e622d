"""The lab as tests see it: servers that are up, a Raksa that watches them, faults caused and what came of them."""
import argparse
import contextlib
import http.client
import json
import os
import pathlib
import re
import socket
import subprocess
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
RAKSA = pathlib.Path(os.environ.get("RAKSA", ROOT / "build/release/raksa")).resolve()
LAB = pathlib.Path(os.environ.get("RAKSA_LAB_DIR", ROOT / "build/lab")).resolve()
STATE = LAB / "state"
SKIPPED = 77


def lab(command, *args, limit=240, check=True):
    """Runs lab/COMMAND; gives its output. A lab that this machine cannot have skips the test aloud."""
    done = subprocess.run([str(ROOT / "lab" / command), *map(str, args)], capture_output=True, text=True, timeout=limit,
                          stdin=subprocess.DEVNULL)
    if done.returncode == SKIPPED:
        raise unittest.SkipTest(done.stderr.strip().splitlines()[-1])
    if check and done.returncode != 0:
        raise AssertionError(f"lab/{command} {args} ended with {done.returncode}:\n{done.stdout}{done.stderr}"[-3000:])
    return done.stdout


def wait_for(what, limit, every=0.05):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        value = what()
        if value:
            return value
        time.sleep(every)
    return None


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=20)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(self.path)


def seconds(rfc3339):
    """RFC 3339 with milliseconds as seconds since 1970; None for null."""
    if not rfc3339:
        return None
    import datetime
    return datetime.datetime.fromisoformat(rfc3339.replace("Z", "+00:00")).timestamp()


STATE_RULES = """groups:
  - name: state
    interval: 5s
    rules:
      - {alert: Ping, expr: ping != 1, labels: {severity: critical, metric: ping}}
      - {alert: HttpCode, expr: http_code != 200, labels: {severity: critical, metric: http_code}}
      - {alert: Port, expr: port != 1, labels: {severity: critical, metric: port}}
"""


class Raksa:
    """The program, in the monitor's namespace, on the lab's own configuration with changes by the test."""

    def __init__(self, name="test", edit=lambda text: text, fresh=True, load_rules=False):
        """`load_rules`: also alert on processor, memory and disk. The lab's servers share the machine's processors, on which the
        tests themselves run; without it a test of repairs is not disturbed by its own load. Budgets are generous: tests
        ask for more repairs of one host than a sane policy allows."""
        self.dir = STATE / f"raksa-{name}"
        self.dir.mkdir(parents=True, exist_ok=True)
        if fresh:
            for old in sorted(self.dir.glob("**/*"), reverse=True):
                old.rmdir() if old.is_dir() else old.unlink()
        self.socket = str(STATE / f"{name}.sock")
        text = (LAB / "raksa.yaml").read_text()
        text = re.sub(r"(?m)^listen:.*$", f'listen: [127.0.0.1:8001, "unix:{self.socket}"]', text)
        text = re.sub(r"(?m)^data_dir:.*$", f"data_dir: {self.dir}/data", text)
        text = text.replace("recovery: {mode: auto}", "recovery: {mode: auto, budget: {times: 1000, per_day: 10000}, recurrence: {times: 1000}, hold: 5s}")
        if not load_rules:
            rules = self.dir / "rules.yaml"
            rules.write_text(STATE_RULES)
            text = re.sub(r"(?m)^rules:.*$", f"rules: [{rules}]", text)
        self.config = self.dir / "raksa.yaml"
        self.config.write_text(edit(text))
        self.process = None

    def start(self, **environment):
        """`environment`: more variables for the program."""
        self.log = open(self.dir / "log", "ab")
        self.process = subprocess.Popen([str(ROOT / "lab/mon"), str(RAKSA), "run", str(self.config)], stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log, cwd=ROOT,
                                        env={**os.environ, **environment})
        if not wait_for(self.ready, 30):
            self.stop()
            raise AssertionError("Raksa does not become ready:\n" + self.log_text())
        return self

    def ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"Raksa ended with {self.process.returncode}:\n" + self.log_text())
        try:
            return self.request("GET", "/-/ready")[0] == 200
        except OSError:
            return False

    def log_text(self):
        return (self.dir / "log").read_text(errors="replace")[-8000:]

    def request(self, method, path, body=None, headers=None):
        connection = UnixConnection(self.socket)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        finally:
            connection.close()

    def json(self, path):
        status, text = self.request("GET", path)
        assert status == 200, f"{path}: {status} {text[:500]}"
        return json.loads(text)

    def query(self, expr):
        from urllib.parse import quote
        return self.json("/api/v1/query?query=" + quote(expr))["data"]["result"]

    def incidents(self, target=None, since=0.0):
        found = self.json("/api/v1/incidents?limit=200" + (f"&target={target}" if target else ""))["incidents"]
        return [i for i in found if seconds(i["opened"]) > since - 0.001]  # the API cuts times to milliseconds

    def well(self, target):
        """True when every state of the target is good and no incident of it is open."""
        row = next(t for t in self.json("/api/v1/fleet")["targets"] if t["name"] == target)
        return row["status"] == "up" and not row["incident"]

    def stop(self, sig=15):
        if self.process and self.process.poll() is None:
            self.process.send_signal(sig)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError("Raksa did not end:\n" + self.log_text())
        if self.process:
            self.log.close()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


def messages(since=0.0):
    """What the fake LINE server and webhook receiver took, newest last."""
    path = STATE / "messages.jsonl"
    if not path.exists():
        return []
    out = []
    for line in path.read_text().splitlines():
        try:
            item = json.loads(line)
        except ValueError:
            continue
        if item.get("time", 0) >= since:
            out.append(item)
    return out


def line_texts(since, target):
    """The texts of LINE messages about a target."""
    out = []
    for item in messages(since):
        if "messages" in json.dumps(item) and target in json.dumps(item) and item.get("kind") != "webhook":
            out.append(json.dumps(item, ensure_ascii=False))
    return out


@contextlib.contextmanager
def ground(servers):
    """So many healthy servers, by name; taken down afterwards, also on failure, unless the lab was up before."""
    was_up = subprocess.run([str(ROOT / "lab/status")], capture_output=True).returncode in (0, 1)
    try:
        lab("up", servers, limit=900)
        names = [f"web{number}" for number in range(1, servers + 1)]
        for name in names:
            lab("heal", name)
            lab("wait-healthy", name)
        yield names
    finally:
        if not was_up:
            lab("down")


def long_table(description, servers, arguments, play):
    """What the programs of the long tables share: the options --servers and --no-write beside those that `arguments(parser)` adds; the
    servers; `play(args, names)` gives the page (path below docs/ → text) and whether all is good. Exit status: 0 good, 1 not, 77 skipped."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", type=int, default=servers)
    parser.add_argument("--no-write", action="store_true", help="leave docs/ alone")
    arguments(parser)
    args = parser.parse_args()
    try:
        with ground(args.servers) as names:
            pages, good = play(args, names)
    except unittest.SkipTest as reason:
        print(f"skipped: {reason}")
        return SKIPPED
    for path, text in pages.items():
        if path.startswith("results/"):
            print(text)
        if not args.no_write:
            (ROOT / "docs" / path).write_text(text)
    return 0 if good else 1


class LabTest(unittest.TestCase):
    """Boots two servers once for all tests of a file and takes them down afterwards, also on failure."""

    servers = 2

    @classmethod
    def setUpClass(cls):
        cls.enterClassContext(ground(cls.servers))
