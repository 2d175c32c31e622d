"""Scraping: the same pages, those of real exporters among them, give the same series and values as in a real Prometheus."""
import functools
import gzip
import json
import http.client
import pathlib
import signal
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from raksa_daemon import PROMETHEUS, TOOLS, Daemon, free_port, wait_for

NODE_EXPORTER = TOOLS / "prometheus-node-exporter/usr/bin/prometheus-node-exporter"
OWN_LABELS = ("probe",)

HAND_MADE = r"""# HELP odd_total What is "odd" \\ and\nhow.
# TYPE odd_total counter
odd_total{path="C:\\DIR\\",msg="say \"hi\"\nthere",empty=""} 1.5e3
odd_total { path = "b" , } +Inf
odd_total{job="own",instance="theirs",exported_job="x"} -0
# TYPE lat histogram
lat_bucket{le="0.1"} 3
lat_bucket{le="+Inf"} 4
lat_sum NaN
lat_count 4
spaced   17
twice 1
twice 1
unicode{city="กรุงเทพ"} 9007199254740993
small 1e-300
untyped{a="1",b="2",c="3"} 0.1
"""
LESS = HAND_MADE.replace("spaced   17\n", "") + "fresh 1\n"
OPEN_METRICS = """# TYPE req counter
# UNIT req_seconds seconds
# HELP req Requests.
req_total{code="200"} 17.0 # {trace_id="KOO5S4vxi0o"} 0.67
req_total{code="500"} 3
req_created{code="200"} 1.5e9
# TYPE info info
info_info{version="1.2"} 1
# EOF
"""


# Job → rules, as they stand in both configurations.
RELABELING = {
    "drop": "[{source_labels: [__name__], regex: 'go_.*|process_.*', action: drop}, {regex: 'mode|cpu', action: labeldrop}]",
    "keep": "[{source_labels: [__name__, mode], regex: 'node_cpu_seconds_total;(user|idle)|node_load.*', action: keep}]",
    "rename": r"[{source_labels: [__name__], regex: 'node_(.*)', target_label: __name__, replacement: 'n_${1}'}, "
              r"{source_labels: [device, job], separator: '@', regex: '(.+)@(.*)', target_label: 'on_$2', replacement: '<$1>$$'}, "
              r"{source_labels: [__name__], target_label: shard, modulus: 7, action: hashmod}]",
    "map": "[{regex: 'm(.)(.*)', replacement: '${2}_$1', action: labelmap}, {source_labels: [mode], target_label: mode, action: uppercase}, "
           "{source_labels: [job], target_label: job, replacement: 'mapped', regex: 'no'}]",
    "equal": "[{source_labels: [job], target_label: none, action: dropequal}, {source_labels: [ip], target_label: none, replacement: '$1', "
             "regex: '(127).*'}, {source_labels: [none], target_label: target, action: dropequal}, "
             "{regex: 'job|instance|__name__|target|ip|le|none|device', action: labelkeep}]",
    "limited": "[{source_labels: [__name__], regex: 'node_load.*', action: keep}]",
}


class Pages:
    """Serves texts at paths; what is served may be changed. `status` is for all that a path does not have."""

    def __init__(self):
        self.pages = {}
        self.zipped = functools.cache(lambda text: gzip.compress(text.encode()))
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                kind, text = outer.pages.get(urllib.parse.urlparse(self.path).path, (None, ""))
                self.send_response(200 if kind else 503)
                self.send_header("Content-Type", kind or "text/plain")
                body = outer.zipped(text)
                self.send_header("Content-Encoding", "gzip")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Prometheus:
    """A real one with a configuration of the test's own."""

    def __init__(self, config):
        self.dir = tempfile.TemporaryDirectory(prefix="raksa-prometheus-")
        self.port = free_port()
        path = pathlib.Path(self.dir.name) / "prometheus.yml"
        path.write_text(config)
        self.log = open(path.parent / "log", "wb")
        self.process = subprocess.Popen([str(PROMETHEUS), f"--config.file={path}", f"--storage.tsdb.path={self.dir.name}/tsdb",
                                         f"--web.listen-address=127.0.0.1:{self.port}"], stdout=self.log, stderr=self.log,
                                        stdin=subprocess.DEVNULL)

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def json(self, path):
        return json.loads(self.get(path))["data"]

    def query(self, expr):
        return self.json("/api/v1/query?" + urllib.parse.urlencode({"query": expr}))["result"]

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        self.log.close()
        self.dir.cleanup()


def by_series(result):
    out = {}
    for one in result:
        labels = {name: value for name, value in one["metric"].items() if name not in OWN_LABELS}
        number = float(one["value"][1])
        out[tuple(sorted(labels.items()))] = number if number == number else "NaN"
    return out


def real_pages():
    """What node_exporter serves, in both formats, read once."""
    port = free_port()
    process = subprocess.Popen([str(NODE_EXPORTER), f"--web.listen-address=127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               stdin=subprocess.DEVNULL)

    def read(accept):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/metrics", headers={"Accept": accept})
        answer = connection.getresponse()
        return answer.getheader("Content-Type"), answer.read().decode()

    try:
        text = wait_for(lambda: read("text/plain;version=0.0.4"), 20)
        return {"/node": text, "/node_open": read("application/openmetrics-text;version=1.0.0")}
    finally:
        process.terminate()
        process.wait(20)


@unittest.skipUnless(PROMETHEUS.exists() and NODE_EXPORTER.exists(), "tools/install test")
class Scrape(unittest.TestCase):
    def setUp(self):
        self.pages = Pages()
        self.addCleanup(self.pages.close)

    def both(self, jobs):
        """Prometheus and Raksa on the same jobs: name → (path, options)."""
        port = self.pages.port
        config = "global: {scrape_interval: 2s, scrape_timeout: 2s}\nscrape_configs:\n"
        probes = ""
        for name, (path, options) in jobs.items():
            extra = "".join(f", {key}: {value}" for key, value in options.items())
            config += (f"  - {{job_name: {name}, metrics_path: {path}, static_configs: [{{targets: ['127.0.0.1:{port}'], "
                       f"labels: {{target: web1, ip: 127.0.0.1}}}}]{extra}}}\n")
            probes += f"      - prometheus: {{name: {name}, url: 'http://127.0.0.1:{port}{path}', job: {name}{extra}}}\n"
        prometheus = Prometheus(config)
        self.addCleanup(prometheus.close)
        raksa = Daemon(f"listen: 127.0.0.1:{{port}}\ndata_dir: {{dir}}/data\ndefaults: {{interval: 2s, timeout: 2s}}\nrules: []\ntargets:\n"
                       f"  - name: web1\n    address: 127.0.0.1\n    ping: false\n    probes:\n{probes}")
        self.addCleanup(raksa.close)
        raksa.start()
        return prometheus, raksa

    def same(self, prometheus, raksa, job, count=None):
        """Waits until both answer the same for a job; gives it."""
        expr = f'{{job="{job}",__name__!="scrape_duration_seconds"}}'

        def equal():
            theirs, ours = by_series(prometheus.query(expr)), by_series(raksa.query(expr))
            return theirs if theirs == ours and (count is None or count(theirs)) else None

        found = wait_for(equal, 20, 0.3)
        if found is None:
            theirs, ours = by_series(prometheus.query(expr)), by_series(raksa.query(expr))
            self.fail(f"{job}: only Prometheus: {sorted(set(theirs.items()) - set(ours.items()))[:10]}\nonly Raksa: "
                      f"{sorted(set(ours.items()) - set(theirs.items()))[:10]}")
        return found

    def test_real_and_odd_pages_as_in_prometheus(self):
        self.pages.pages = {**real_pages(), "/odd": ("text/plain; version=0.0.4", HAND_MADE),
                            "/open": ("application/openmetrics-text; version=1.0.0; charset=utf-8", OPEN_METRICS)}
        prometheus, raksa = self.both({"node": ("/node", {}), "nodeopen": ("/node_open", {}), "odd": ("/odd", {}),
                                       "honor": ("/odd", {"honor_labels": "true"}), "open": ("/open", {})})
        for job in ("node", "nodeopen"):
            self.assertGreater(len(self.same(prometheus, raksa, job, lambda found: len(found) > 100)), 100)
        for job in ("odd", "open"):
            self.same(prometheus, raksa, job, lambda found: len(found) > 7)
        own = '{job="own",instance="theirs"}'
        self.assertTrue(wait_for(lambda: by_series(raksa.query(own)) == by_series(prometheus.query(own)) != {}, 10))
        theirs = prometheus.json("/api/v1/metadata?metric=odd_total")
        self.assertEqual(raksa.json("/api/v1/metadata", metric="odd_total")["data"], theirs)
        target = next(t for t in raksa.json("/api/v1/targets")["data"]["activeTargets"] if t["labels"]["job"] == "odd")
        self.assertEqual((target["scrapeUrl"], target["health"], target["labels"]["instance"]),
                         (f"http://127.0.0.1:{self.pages.port}/odd", "up", f"127.0.0.1:{self.pages.port}"))

    def test_relabeling_as_in_prometheus(self):
        self.pages.pages = {**real_pages(), "/odd": ("text/plain; version=0.0.4", HAND_MADE)}
        jobs = {name: ("/node", {"metric_relabel_configs": rules}) for name, rules in RELABELING.items()}
        jobs["limited"][1]["sample_limit"] = 3
        jobs |= {"odd": ("/odd", {"metric_relabel_configs": "[{source_labels: [le], regex: '.+', action: drop}]"}),
                 "nameless": ("/odd", {"metric_relabel_configs": "[{regex: __name__, action: labeldrop}]"})}
        prometheus, raksa = self.both(jobs)
        # In some of them ("drop", "equal") several lines have the same labels then: the first counts.
        for job in ("rename", "map", "equal", "drop"):
            self.same(prometheus, raksa, job, lambda found: len(found) > 100)
        self.same(prometheus, raksa, "keep", lambda found: len(found) > 5)
        self.same(prometheus, raksa, "limited", lambda found: len(found) == 3 + 4)
        self.same(prometheus, raksa, "odd", lambda found: len(found) > 7)
        self.same(prometheus, raksa, "nameless", lambda found: len(found) == 4)
        target = next(t for t in raksa.json("/api/v1/targets")["data"]["activeTargets"] if t["labels"]["job"] == "nameless")
        self.assertIn("relabeling makes nothing of the metric's name", target["lastError"])
        # A second round: lines that are known, dropped ones among them, one of them new.
        kind, text = self.pages.pages["/node"]
        self.pages.pages["/node"] = (kind, "# a comment\ngo_new 1\nnode_load3 4\n" + text)
        jobs = ("rename", "equal")
        for job in jobs:
            self.same(prometheus, raksa, job, lambda found: any("load3" in dict(series)["__name__"] for series in found))
        self.assertTrue(wait_for(lambda: raksa.query('up{job="limited"} == 0') and prometheus.query('up{job="limited"} == 0'), 15))

    def test_what_vanishes_fails_and_comes_back(self):
        kind = "text/plain; version=0.0.4"
        self.pages.pages = {"/m": (kind, HAND_MADE)}
        prometheus, raksa = self.both({"m": ("/m", {}), "few": ("/m", {"sample_limit": 3}), "short": ("/m", {"label_value_length_limit": 10})})

        def named(name):
            return lambda found: any(dict(series)["__name__"] == name for series in found)

        self.same(prometheus, raksa, "m", named("spaced"))
        for job in ("few", "short"):
            self.same(prometheus, raksa, job, lambda found: len(found) == 4)
        self.pages.pages = {"/m": (kind, LESS)}
        self.same(prometheus, raksa, "m", lambda found: named("fresh")(found) and not named("spaced")(found))
        self.pages.pages = {"/m": (kind, LESS + "broken{ 1\n")}
        # Prometheus leaves what it read before the fault to the lookback; a marker at once is what a failed scrape means.
        self.assertTrue(wait_for(lambda: not raksa.query('fresh{job="m"}') and raksa.query('up{job="m"} == 0'), 15))
        self.assertTrue(wait_for(lambda: prometheus.query('up{job="m"} == 0'), 15))
        target = next(t for t in raksa.json("/api/v1/targets")["data"]["activeTargets"] if t["labels"]["job"] == "m")
        self.assertIn("line 17, column 9: expected a label's name", target["lastError"])
        self.pages.pages = {}
        self.same(prometheus, raksa, "m", lambda found: len(found) == 4)
        self.pages.pages = {"/m": (kind, HAND_MADE)}
        self.same(prometheus, raksa, "m", named("spaced"))

    def test_a_removed_probe_ends_its_series(self):
        self.pages.pages = {"/m": ("text/plain", "a 1\n")}
        _prometheus, raksa = self.both({"m": ("/m", {})})
        self.assertTrue(wait_for(lambda: raksa.query('a{job="m"}'), 10))
        raksa.set_config(raksa.config.read_text().split("    probes:")[0].replace("ping: false", "ping: true"))
        raksa.process.send_signal(signal.SIGHUP)
        self.assertTrue(wait_for(lambda: not raksa.query('{job="m"}'), 10))
        self.assertEqual(raksa.query("count_over_time(a[1m])")[0]["metric"]["instance"], f"127.0.0.1:{self.pages.port}")


if __name__ == "__main__":
    unittest.main()
