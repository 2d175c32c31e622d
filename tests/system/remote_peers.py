"""Real Prometheus and VictoriaMetrics on free loopback ports, for the tests of what goes to and comes from other stores."""
import json
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

from raksa_daemon import PROMETHEUS, TOOLS, free_port, wait_for

VICTORIA = TOOLS / "victoria-metrics/usr/bin/victoria-metrics"


class Peer:
    """A process with a folder and a port of its own, which can be killed and started again on the same data."""

    ready_path = "/"

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="raksa-peer-"))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None

    def argv(self):
        raise NotImplementedError

    def launch(self):
        self.log = open(self.dir / "log", "ab")
        self.process = subprocess.Popen([str(a) for a in self.argv()], stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=self.log, cwd=self.dir)
        return self

    def start(self):
        self.launch()
        if not wait_for(self.ready, 30):
            raise AssertionError(f"{type(self).__name__} does not become ready:\n" + self.log_text())
        return self

    def ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{type(self).__name__} ended:\n" + self.log_text())
        with urllib.request.urlopen(self.url + self.ready_path, timeout=2) as answer:
            return answer.status == 200

    def log_text(self):
        return (self.dir / "log").read_text(errors="replace")[-4000:]

    def json(self, path, **params):
        query = "?" + urllib.parse.urlencode(params, doseq=True) if params else ""
        with urllib.request.urlopen(self.url + path + query, timeout=20) as answer:
            return json.load(answer)

    def query(self, expr, **params):
        return self.json("/api/v1/query", query=expr, **params)["data"]["result"]

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.log.close()

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()


class Prometheus(Peer):
    """`config` is its configuration; by default it only receives and answers."""

    ready_path = "/-/ready"

    def __init__(self, config="global: {scrape_interval: 1s}\n"):
        super().__init__()
        (self.dir / "prometheus.yml").write_text(config)

    def argv(self):
        return [PROMETHEUS, f"--config.file={self.dir}/prometheus.yml", f"--storage.tsdb.path={self.dir}/data",
                f"--web.listen-address=127.0.0.1:{self.port}", "--web.enable-remote-write-receiver",
                f"--web.console.templates={self.dir}", f"--web.console.libraries={self.dir}"]


class Victoria(Peer):
    """Takes samples at /api/v1/write; one sample of a series and time is kept, as its documentation advises for senders that
    may send again."""

    ready_path = "/health"

    def argv(self):
        return [VICTORIA, f"-storageDataPath={self.dir}/data", f"-httpListenAddr=127.0.0.1:{self.port}",
                "-dedup.minScrapeInterval=1ms", "-retentionPeriod=1y", "-search.latencyOffset=0s",
                "-search.disableCache", "-loggerLevel=WARN", "-memory.allowedBytes=64MB"]


def samples(source, selector, start, end):
    """{(labels, time in ms): value text} of every raw sample in a span, from anything that speaks Prometheus's API."""
    out = {}
    span = int(end - start) + 1
    for series in source(f"{selector}[{span}s]", time=end):
        labels = tuple(sorted(series["metric"].items()))
        for t, value in series["values"]:
            key = (labels, round(t * 1000))
            if key in out:
                raise AssertionError(f"twice: {key}")
            out[key] = value
    return out


def settle(what, limit=20.0, every=0.3):
    """Calls `what` until two answers that follow each other are equal; gives that."""
    last = what()
    end = time.monotonic() + limit
    while time.monotonic() < end:
        time.sleep(every)
        now = what()
        if now == last:
            return now
        last = now
    return last
