#!/usr/bin/env python3
"""The store's commands on real files: what is exported is what Prometheus and VictoriaMetrics take over, import and export
undo each other, check finds damage, snapshots are whole while the daemon writes, a full disk stops nothing."""
import contextlib
import http.client
import json
import math
import pathlib
import re
import shutil
import sqlite3
import subprocess
import tempfile
import time
import unittest
import urllib.parse

from raksa_daemon import PROMETHEUS, PROMTOOL, RAKSA, TOOLS, Daemon, free_port, wait_for

VICTORIA = TOOLS / "victoria-metrics/usr/bin/victoria-metrics"
CONFIG = """
listen: 127.0.0.1:{port}
data_dir: {dir}/data
defaults: {interval: 1s, timeout: 400ms}
targets:
  - {name: self, address: 127.0.0.1, ports: [{port}]}
rules: []
"""


def raksa(*argv, stdin=None):
    return subprocess.run([str(RAKSA), "store", *map(str, argv)], capture_output=True, text=True, timeout=120, input=stdin)


def samples(start):
    """OpenMetrics text with everything that is odd; seconds since 1970."""
    lines = []
    odd = [math.nan, math.inf, -math.inf, -0.0, 1e-300, 1.7976931348623157e308, 5e-324, 0.1 + 0.2, 2**53 + 2.0]
    for name in ("cpu_percent", "if_in_bits_total", "weird:name"):
        for host in ("web1", 'q"uo\\te', "line\nbreak", "ไทย"):
            quoted = host.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
            for i in range(400):
                value = {"cpu_percent": round(50 + 40 * math.sin(i / 30), 2), "if_in_bits_total": float(i * i * 8),
                         "weird:name": odd[i % len(odd)]}[name]
                text = repr(value).replace("inf", "Inf").replace("nan", "NaN")
                text = "+" + text if text == "Inf" else text
                if name == "cpu_percent" and host == "web1" and i in (100, 399):
                    text = "nan"  # the mark that a series ended, as export writes it
                lines.append(f'{name}{{host="{quoted}",target="t-{len(host)}"}} {text} {start + i * 15 + i % 3 / 1000:.3f}')
    return "\n".join(lines) + "\n# EOF\n"


@contextlib.contextmanager
def program(*argv, ready):
    process = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        if not wait_for(ready, 30):
            raise AssertionError(f"{argv[0]} does not become ready")
        yield
    finally:
        process.terminate()
        process.wait(20)


def ask(port, path, method="GET", body=None, **params):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path + ("?" + urllib.parse.urlencode(params) if params else ""), body)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


class StoreCommands(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="raksa-store-"))
        self.addCleanup(shutil.rmtree, self.dir, True)
        self.start = int(time.time() // 7200 - 6) * 7200
        self.text = samples(self.start)

    def imported(self, name="a"):
        path = self.dir / (name + ".om")
        path.write_text(self.text)
        done = raksa("import", path, "--dir", self.dir / name)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        self.assertIn("4800 samples of 12 series", done.stdout)
        return self.dir / name

    def test_export_and_import_undo_each_other(self):
        first = raksa("export", "--dir", self.imported())
        self.assertEqual(first.returncode, 0, first.stderr)
        self.assertTrue(first.stdout.endswith("\n# EOF\n"))
        self.assertEqual(len(first.stdout.splitlines()), 4801)
        done = raksa("import", "-", "--dir", self.dir / "b", stdin=first.stdout)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(raksa("export", "--dir", self.dir / "b").stdout, first.stdout)
        # Nothing changed on the way from the text: the same lines, in order of names.
        def key(line):
            series, value, t = line.rsplit(" ", 2)
            number = value if value == "nan" else float(value)
            return series, "NaN" if number != number else number, float(t)
        self.assertEqual(sorted(map(repr, map(key, first.stdout.splitlines()[:-1]))),
                         sorted(map(repr, map(key, self.text.splitlines()[:-1]))))
        some = raksa("export", "--dir", self.dir / "b", "--match", 'cpu_percent{host="web1"}', "--start", self.start + 150,
                     "--end", self.start + 300.5)
        self.assertEqual(len(some.stdout.splitlines()), 12)

    def test_prometheus_text_has_milliseconds(self):
        text = "# HELP up Whether.\n# TYPE up gauge\n" + "".join(
            f'up{{instance="i{i}"}} 1 {(self.start + i) * 1000}\n' for i in range(5))
        done = raksa("import", "-", "--dir", self.dir / "c", stdin=text)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn(f'up{{instance="i3"}} 1 {self.start + 3}\n', raksa("export", "--dir", self.dir / "c").stdout)

    def test_mistakes_are_shown_and_nothing_is_stored(self):
        text = self.text.replace("# EOF\n", "cpu_percent{host=web1} 1 2\nup 1\nup 0x 3\n# EOF\n")
        done = raksa("import", "-", "--dir", self.dir / "d", stdin=text)
        self.assertEqual(done.returncode, 1)
        self.assertIn("stdin:4801:18: ", done.stderr)
        self.assertIn("  cpu_percent{host=web1} 1 2\n                   ^\n", done.stderr)
        self.assertIn("stdin:4802:5: expected a time behind the value", done.stderr)
        self.assertIn("stdin:4803:4: ", done.stderr)
        self.assertIn("3 mistakes; nothing was stored", done.stderr)
        self.assertEqual(raksa("export", "--dir", self.dir / "d").stdout, "# EOF\n")
        self.assertEqual(raksa("import", self.dir / "none", "--dir", self.dir / "d").returncode, 2)
        cut = raksa("import", "-", "--format", "openmetrics", "--dir", self.dir / "d", stdin="up 1 2\n")
        self.assertEqual(cut.returncode, 1)
        self.assertIn("# EOF", cut.stderr)

    @unittest.skipUnless(PROMTOOL.exists(), "needs promtool")
    def test_prometheus_takes_the_export_over(self):
        where = self.imported()
        done = raksa("export", "--dir", where, "--no-stale", "-o", self.dir / "p.om")
        self.assertEqual(done.returncode, 0, done.stderr)
        made = subprocess.run([PROMTOOL, "tsdb", "create-blocks-from", "openmetrics", self.dir / "p.om", self.dir / "blocks"],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(made.returncode, 0, made.stderr)
        port = free_port()
        (self.dir / "p.yml").write_text("global: {}\n")
        expected = {}
        for line in (self.dir / "p.om").read_text().splitlines()[:-1]:
            series, value, t = re.fullmatch(r"(.*) (\S+) (\S+)", line).groups()
            expected.setdefault(series, []).append((float(t), float(value)))
        with program(PROMETHEUS, "--config.file", self.dir / "p.yml", "--storage.tsdb.path", self.dir / "blocks",
                     "--storage.tsdb.retention.time", "10y", "--web.listen-address", f"127.0.0.1:{port}",
                     ready=lambda: ask(port, "/-/ready")[0] == 200):
            for series, points in expected.items():
                status, text = ask(port, "/api/v1/query", query=series + "[6h]", time=points[-1][0])
                self.assertEqual(status, 200, text)
                result = json.loads(text)["data"]["result"]
                self.assertEqual(len(result), 1, series)
                got = [(float(t), float(v)) for t, v in result[0]["values"]]
                self.assertEqual(repr(got), repr(points), series)

    @unittest.skipUnless(VICTORIA.exists(), "needs VictoriaMetrics")
    def test_victoria_metrics_takes_the_export_over(self):
        where = self.imported()
        text = raksa("export", "--format", "prometheus", "--dir", where, "--no-stale", "--match", "cpu_percent", "--match",
                     "if_in_bits_total").stdout
        port = free_port()
        with program(VICTORIA, f"-httpListenAddr=127.0.0.1:{port}", f"-storageDataPath={self.dir}/vm", "-retentionPeriod=1y",
                     "-search.latencyOffset=0s", ready=lambda: ask(port, "/health")[0] == 200):
            lines = text.splitlines()
            self.assertEqual(len(lines), 3198)
            self.assertEqual(ask(port, "/api/v1/import/prometheus", "POST", text.encode())[0], 204)
            ask(port, "/internal/force_flush")
            def counted():
                status, answer = ask(port, "/api/v1/export", **{"match[]": '{__name__!=""}'})
                return sum(len(json.loads(line)["values"]) for line in answer.splitlines()) == len(lines)
            self.assertTrue(wait_for(counted, 20))

    def test_check_is_clean_and_finds_damage(self):
        where = self.imported()
        good = raksa("check", "--dir", where)
        self.assertEqual((good.returncode, good.stderr), (0, ""), good.stdout)
        self.assertIn("no problem", good.stdout)
        before = {p.name: p.read_bytes() for p in where.glob("samples.db")}
        self.assertEqual(raksa("stats", "--dir", where).returncode, 0)
        self.assertEqual({p.name: p.read_bytes() for p in where.glob("samples.db")}, before)
        with sqlite3.connect(where / "samples.db") as db:
            db.execute("UPDATE chunk SET data = zeroblob(100) WHERE target = 1")
        db.close()
        bad = raksa("check", "--dir", where)
        self.assertEqual(bad.returncode, 1, bad.stdout)
        self.assertRegex(bad.stdout, r"problem: window \S+Z, target 1, part 0: chunk: checksum does not match")
        export = raksa("export", "--dir", where)
        self.assertEqual(export.returncode, 2)
        self.assertIn("part of the store could not be read", export.stderr)
        self.assertEqual(raksa("check", "--dir", self.dir / "nothing").returncode, 2)


class WithDaemon(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon(CONFIG)
        self.addCleanup(self.daemon.close)
        self.daemon.start()
        self.assertTrue(wait_for(lambda: len(self.daemon.query("ping[1m]")[0]["values"]) > 2, 15))

    def store(self, command, *argv):
        return self.daemon.cli("store", command, "-c", self.daemon.config, *argv)

    def test_reading_beside_the_daemon_and_no_import(self):
        self.assertEqual(self.store("check").returncode, 0)
        export = self.store("export", "--match", "ping")
        self.assertEqual(export.returncode, 0, export.stderr)
        self.assertGreater(len(export.stdout.splitlines()), 3)
        refused = self.daemon.cli("store", "import", "-c", self.daemon.config, self.daemon.write("x", "up 1 2\n"))
        self.assertEqual(refused.returncode, 2)
        self.assertIn("a daemon runs on", refused.stderr)

    def test_a_snapshot_is_whole_while_the_daemon_writes(self):
        status, text = self.daemon.request("POST", "/api/v1/admin/tsdb/snapshot", "{}", {"Content-Type": "application/json"})
        self.assertEqual(status, 200, text)
        self.assertRegex(text, r'"status":"success".*"name":"\d{8}T\d{6}Z-[0-9a-f]{16}"')
        made = self.store("snapshot")
        self.assertEqual(made.returncode, 0, made.stderr)
        copy = pathlib.Path(made.stdout.strip())
        self.assertTrue((copy / "journal.db").exists())
        checked = raksa("check", "--dir", copy)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        lines = raksa("export", "--dir", copy, "--match", "ping").stdout.splitlines()
        self.assertGreater(len(lines), 3)
        self.daemon.stop()
        self.assertEqual(self.store("snapshot").returncode, 0)
        self.assertEqual(len(list(copy.parent.iterdir())), 3)


if __name__ == "__main__":
    unittest.main()
