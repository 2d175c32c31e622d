#!/usr/bin/env python3
# Compares our PromQL with a real Prometheus 2.42 over the same samples, query by query.
"""usage: differential.py PROMQL_TEST PROMETHEUS_BIN_DIR [-v]

PROMQL_TEST is the room's test program (its test Differential.Drive answers a file of queries);
PROMETHEUS_BIN_DIR holds prometheus and promtool. Ends with "N compared, M differ, …" and status 1
when any differs."""
import itertools
import json
import math
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

BASE = 1_700_000_000_000 // 60000 * 60000
MINUTE = 60_000


def quote(value):
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def series_text(name, labels):
    return name + ("{" + ",".join(f"{k}={quote(v)}" for k, v in labels.items()) + "}" if labels else "")


def make_data():
    """Series as (name, labels, [(ms, value)]): steady, sparse, resets, NaN, Inf, many-to-one."""
    rng = random.Random(42)
    out = []
    for host in ("a", "b", "c", "d"):
        site = "x" if host in "ab" else "y"
        for port in ("80", "443"):
            v = [1 if rng.random() > 0.2 else 0 for _ in range(240)]
            out.append(("port", {"host": host, "port": port, "site": site},
                        [(BASE + i * 15_000, v[i]) for i in range(240)]))
        out.append(("cpu", {"host": host, "site": site},
                    [(BASE + i * 15_000, round(rng.uniform(-5, 100), 3)) for i in range(240)]))
        out.append(("info", {"host": host, "version": f"1.{ord(host) % 3}"},
                    [(BASE + i * MINUTE, 1) for i in range(60)]))
        total = 0.0
        points = []
        for i in range(240):
            total += rng.uniform(0, 50)
            if rng.random() < 0.02:
                total = rng.uniform(0, 5)
            if rng.random() > 0.1:
                points.append((BASE + i * 15_000 + rng.randrange(0, 900), round(total, 4)))
        out.append(("requests_total", {"host": host, "site": site}, points))
        counts = [0.0] * 6
        rows = {le: [] for le in ("0.1", "0.5", "1", "2.5", "10", "+Inf")}
        for i in range(60):
            for j, le in enumerate(rows):
                counts[j] += (j + 1) * rng.randrange(0, 5)
                rows[le].append((BASE + i * MINUTE, counts[j]))
        for le, row in rows.items():
            out.append(("latency_bucket", {"host": host, "le": le}, row))
    sparse = [(BASE + m * MINUTE, m) for m in (0, 3, 9, 11, 12, 20, 26, 31, 40)]
    out.append(("sparse", {"host": "a"}, sparse))
    special = [1, math.nan, 2, math.inf, 3, -math.inf, math.nan, 0, -0.0, 1e300, 1e-300, 5]
    out.append(("special", {"host": "a"}, [(BASE + i * MINUTE, v) for i, v in enumerate(special * 5)]))
    out.append(("special", {"host": "b"}, [(BASE + i * MINUTE, 1e16 * (-1) ** i + i) for i in range(60)]))
    out.append(("constant", {"host": "a"}, [(BASE + i * MINUTE, 7) for i in range(60)]))
    out.append(("late", {"host": "z"}, [(BASE + i * MINUTE, i) for i in range(30, 60)]))
    return out


def make_queries():
    q = []
    q += ["cpu", "port{port='80'}", "{__name__=~'c.*'}", "cpu{host!='a'}", "cpu{host=~'a|b'}", "cpu{site!~'x.*'}",
          "sparse", "late", "nothing", "cpu offset 5m", "cpu offset -5m", f"cpu @ {BASE // 1000 + 600}",
          "cpu @ start()", "cpu @ end() offset 2m", "'text'", "1", "1 + 2 * 3 ^ 2 % 4", "-2 ^ 2", "2 ^ 3 ^ 2", "0x1F",
          "Inf - Inf", "NaN", "1 / 0", "-1 % 3", "5.5 % 2", "time()", "pi()", "-cpu", "+cpu", "- - cpu", "-port"]
    ops = ["+", "-", "*", "/", "%", "^", "atan2", "==", "!=", ">", "<", ">=", "<="]
    for op in ops:
        q += [f"cpu {op} 3", f"3 {op} cpu", f"cpu {op} cpu offset 1m", f"special {op} 2", f"2 {op} special",
              f"cpu {op} on(host) group_left(version) info", f"info {op} on(host) group_right port",
              f"port {op} ignoring(port) group_left cpu", f"port {op} ignoring(port) cpu", f"cpu {op} on(site) cpu",
              f"cpu {op} ignoring(site) info", f"late {op} vector(1)", f"special {op} special"]
        if op in ("==", "!=", ">", "<", ">=", "<="):
            q += [f"cpu {op} bool 50", f"1 {op} bool 2", f"cpu {op} bool on(host) info", f"NaN {op} bool NaN"]
    for op in ("and", "or", "unless"):
        q += [f"cpu {op} port", f"cpu {op} on(host) port", f"port {op} ignoring(port) cpu{{host='a'}}", f"cpu {op} late",
              f"(cpu > 50) {op} (cpu < 60)", f"cpu {op} on() vector(1)", f"late {op} cpu", f"nothing {op} cpu",
              f"cpu {op} nothing", f"port {op} on(host, site) cpu > 30"]
    for agg in ("sum", "avg", "count", "min", "max", "group", "stddev", "stdvar"):
        q += [f"{agg}(cpu)", f"{agg} by (site) (cpu)", f"{agg} without (port) (port)", f"{agg}(special)",
              f"{agg} by (nothing) (cpu)", f"{agg} without () (cpu)", f"{agg}(nothing)", f"{agg}(rate(requests_total[5m]))",
              f"{agg} by (__name__, site) ({{host='a'}})"]
    for agg in ("topk", "bottomk"):
        q += [f"{agg}({k}, {v})" for k in (0, 1, 2, 3, 100) for v in ("cpu", "port", "special")]
        q += [f"{agg} by (site) (1, cpu)", f"{agg}(NaN, cpu)", f"{agg}(1e30, cpu)", f"{agg}(-1, cpu)"]
    q += [f"quantile({p}, cpu)" for p in (0, 0.3, 0.5, 1, -1, 2, "NaN")] + ["quantile by (site) (0.9, cpu)",
          "quantile(0.5, special)", "quantile(scalar(late) / 100, cpu)"]
    q += ["count_values('v', port)", "count_values by (site) ('v', port)", "count_values without (port) ('port', port)",
          "count_values('host', cpu)", "count_values('bad-name', cpu)", "count_values('v', special)"]
    over = ["rate", "increase", "delta", "irate", "idelta", "avg_over_time", "sum_over_time", "count_over_time",
            "last_over_time", "max_over_time", "min_over_time", "stddev_over_time", "stdvar_over_time",
            "present_over_time", "absent_over_time", "changes", "resets", "deriv"]
    for f in over:
        q += [f"{f}({s})" for s in ("requests_total[5m]", "cpu[1m]", "sparse[10m]", "special[7m]", "requests_total[20s]",
              "requests_total[5m] offset 3m", f"cpu[5m] @ {BASE // 1000 + 900}", "cpu[5m] offset -3m", "cpu[10m:1m]",
              "cpu[10m:]", "sum by (site) (cpu)[5m:30s]", "nothing[5m]", "cpu[5m:1m] @ end()", "rate(requests_total[2m])[10m:45s] offset 1m",
              "constant[5m]", "late[3m]", "{host='a'}[1m]", "requests_total[3333ms]")]
    q += ["quantile_over_time(0.3, cpu[5m])", "quantile_over_time(2, cpu[5m])", "quantile_over_time(0.5, special[9m])",
          "predict_linear(cpu[5m], 60)", "predict_linear(requests_total[10m], 3600)", "predict_linear(constant[5m], 10)",
          f"predict_linear(cpu[5m] @ {BASE // 1000 + 900}, 60)", "holt_winters(cpu[5m], 0.3, 0.7)",
          "holt_winters(cpu[5m], 1, 0.5)", "holt_winters(cpu[5m], 0.5, 0)", "holt_winters(sparse[20m], 0.5, 0.5)",
          "absent(nothing)", "absent(nothing{a='b',c=~'d',e='f'})", "absent(cpu)", "absent(late)", "absent(sum(nothing))",
          "absent_over_time(nothing{a='b'}[5m])", "absent_over_time(sparse[2m])", "absent(nothing{a='b',a='c'})"]
    for f in ("abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "ceil", "cos", "cosh", "deg", "exp", "floor", "ln",
              "log10", "log2", "rad", "sgn", "sin", "sinh", "sqrt", "tan", "tanh"):
        q += [f"{f}(cpu / 100)", f"{f}(special)", f"{f}(vector(-1.5))"]
    for f in ("day_of_month", "day_of_week", "day_of_year", "days_in_month", "hour", "minute", "month", "year"):
        q += [f"{f}()", f"{f}(vector(1709164800))", f"{f}(vector(-86401))", f"{f}(vector(4102444799))", f"{f}(cpu * 1e7)"]
    q += ["clamp(cpu, 10, 50)", "clamp(cpu, 50, 10)", "clamp_min(special, 2)", "clamp_max(special, 2)", "round(cpu)",
          "round(cpu, 0.1)", "round(cpu, 5)", "round(-cpu, 0)", "scalar(cpu)", "scalar(late)", "vector(1)", "vector(scalar(late))",
          "sort(cpu)", "sort_desc(special)", "sort_desc(cpu)", "timestamp(cpu)", "timestamp(requests_total)", "timestamp(cpu + 1)",
          f"timestamp(cpu @ {BASE // 1000 + 100})", "timestamp(timestamp(cpu))", "timestamp(sparse offset 2m)",
          "label_replace(cpu, 'new', '$1-x', 'host', '(.*)')", "label_replace(cpu, 'host', '', 'host', '.*')",
          "label_replace(cpu, 'new', '${n}', 'host', '(?P<n>[ab])')", "label_replace(cpu, 'new', 'v', 'nothing', '')",
          "label_replace(cpu, 'host', 'same', 'site', 'x')", "label_replace(cpu, 'b-d', 'v', 'host', 'a')",
          "label_replace(cpu, 'a', 'v', 'host', '(')", "label_join(cpu, 'new', '-', 'host', 'site')", "label_join(cpu, 'host', '')",
          "label_join(cpu, 'new', '-', 'no-good')", "label_replace(cpu, '__name__', 'renamed', 'host', '.*')",
          "histogram_quantile(0.9, latency_bucket)", "histogram_quantile(0.5, rate(latency_bucket[5m]))",
          "histogram_quantile(0.5, sum by (le) (rate(latency_bucket[5m])))", "histogram_quantile(2, latency_bucket)",
          "histogram_quantile(NaN, latency_bucket)", "histogram_quantile(0.5, latency_bucket{le!='+Inf'})",
          "histogram_quantile(0.99, {__name__=~'lat.*'})", "histogram_quantile(0.01, latency_bucket)",
          "max_over_time(max_over_time(cpu[2m:30s])[5m:1m])", "sum(sum_over_time((cpu > 50)[10m:1m]))",
          "cpu[5m]", "cpu[2m:30s]", "port == 0 and on(host) cpu > 50", "sum(cpu) / count(cpu)", "avg(cpu) > bool 50",
          "100 * (1 - avg by (site) (port))", "sum by (site) (cpu) / on(site) group_right sum by (site, host) (cpu)",
          "count(port == 0) or vector(0)", "cpu > 80", "port != 1", "changes(port[10m]) > 3",
          "rate(requests_total[5m]) > on(host) group_left avg_over_time(cpu[5m]) / 100",
          "{host='a'} + 1", "{__name__=~'cpu|late'} * 2", "-{__name__=~'cpu|info'}", "rate({__name__=~'cpu|port'}[5m])"]
    q += ["sum(", "cpu{", "rate(cpu)", "nope(cpu)", "cpu[5m] + 1", "1 and 2", "1 == 1", "cpu{host=~'('}", "sum by (cpu", "cpu offset",
          "cpu[5]", "cpu[5m:1]", "cpu @", "topk(cpu)", "cpu > bool", "{}", "a b", "(((", "'abc", "cpu @ Inf", "1e999", "cpu[1m:1m:1m]",
          "sum(cpu) by", "a * on(b) group_left )", "a unless", "offset 5m", "cpu offset 5m offset 5m", "cpu{a='b'", "cpu}", "@ 5", "5m",
          "foo{a=~'*'}", "cpu{host='a',}", "sum(cpu,)", "sum by (host,) (cpu)", "cpu == bool", "rate(cpu[5m)", "\"a\" + 1",
          "sum(port[5m])", "label_replace(cpu)", "cpu / on(host group_left cpu", "cpu[5m:1y2w3d]", "cpu[1h1h]", "cpu{9='a'}", "cpu !", "§"]
    return q


def http_get(url):
    try:
        with urllib.request.urlopen(url, timeout=30) as reply:
            return json.load(reply)
    except urllib.error.HTTPError as error:
        return json.load(error)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def go_float(v):
    return "NaN" if math.isnan(v) else "+Inf" if v == math.inf else "-Inf" if v == -math.inf else repr(float(v))


def start_prometheus(bin_dir, folder, data):
    """Imports the samples and starts a server; gives the process and its address."""
    lines = []
    for name in sorted({n for n, _, _ in data}):
        lines.append(f"# TYPE {name} unknown")
        for n, labels, points in data:
            if n == name:
                lines += [f"{series_text(n, labels)} {go_float(v)} {t / 1000:.3f}" for t, v in points]
    lines.append("# EOF\n")
    with open(f"{folder}/metrics.om", "w") as f:
        f.write("\n".join(lines))
    subprocess.run([f"{bin_dir}/promtool", "tsdb", "create-blocks-from", "openmetrics", f"{folder}/metrics.om",
                    f"{folder}/data"], check=True, stdout=subprocess.DEVNULL)
    with open(f"{folder}/prometheus.yml", "w") as f:
        f.write("global: {evaluation_interval: 1m}\n")
    port = free_port()
    with open(f"{folder}/log", "w") as log:
        server = subprocess.Popen([f"{bin_dir}/prometheus", f"--config.file={folder}/prometheus.yml",
                                   f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}",
                                   "--storage.tsdb.retention.time=100y"], stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    for _ in range(200):
        try:
            urllib.request.urlopen(url + "/-/ready", timeout=1).read()
            return server, url
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    server.terminate()
    raise SystemExit("Prometheus does not start: " + open(f"{folder}/log").read()[-2000:])


def ask(url, case):
    if case[0] == "instant":
        return http_get(url + "/api/v1/query?" + urllib.parse.urlencode({"query": case[2], "time": case[1] / 1000}))
    return http_get(url + "/api/v1/query_range?" + urllib.parse.urlencode(
        {"query": case[4], "start": case[1] / 1000, "end": case[2] / 1000, "step": case[3] / 1000}))


def near(a, b):
    x, y = float(a), float(b)
    if math.isnan(x) or math.isnan(y):
        return math.isnan(x) and math.isnan(y)
    return x == y or abs(x - y) <= 1e-12 * max(abs(x), abs(y))


def points_equal(a, b):
    return len(a) == len(b) and all(abs(p[0] - r[0]) < 1e-6 and near(p[1], r[1]) for p, r in zip(a, b))


def key(series):
    return sorted(series["metric"].items())


def known(query, why):
    """What differs on purpose (docs/promql.md says why)."""
    regex = "error parsing regexp" in why and "parse error" in why
    drifting_window = query.startswith("predict_linear(") and " @ " in query
    return regex or drifting_window


def differs(ours, theirs, ordered):
    """Why the answers are not the same, or None."""
    if theirs["status"] != "success":
        if "error" not in ours:
            return "they fail: " + theirs["error"]
        # The API puts a prefix before the sentence, and lists duplicates in an order of its own.
        mine, yours = ours["error"], theirs["error"]
        if yours.endswith(mine) or ("found duplicate series" in mine and "found duplicate series" in yours):
            return None
        return f"errors: {mine!r} / {yours!r}"
    if "error" in ours:
        return "we fail: " + ours["error"]
    data = theirs["data"]
    if ours["resultType"] != data["resultType"]:
        return f"types {ours['resultType']} / {data['resultType']}"
    a, b = ours["result"], data["result"]
    if data["resultType"] in ("scalar", "string"):
        same = a[1] == b[1] if data["resultType"] == "string" else near(a[1], b[1])
        return None if same else f"{a} / {b}"
    if len(a) != len(b):
        return f"{len(a)} / {len(b)} series"
    if not ordered:
        a, b = sorted(a, key=key), sorted(b, key=key)
    for x, y in zip(a, b):
        if x["metric"] != y["metric"]:
            return f"labels {x['metric']} / {y['metric']}"
        p, r = (x.get("values") or [x["value"]]), (y.get("values") or [y["value"]])
        if not points_equal(p, r):
            at = next((i for i in range(min(len(p), len(r))) if not points_equal([p[i]], [r[i]])), -1)
            return f"{x['metric']}: {len(p)}/{len(r)} points, {p[at]} / {r[at]}"
    return None


def make_cases():
    cases = []
    for query in make_queries():
        for at in (BASE + 20 * MINUTE, BASE + 37 * MINUTE + 7_123):
            cases.append(("instant", at, query))
        cases.append(("range", BASE + 5 * MINUTE, BASE + 45 * MINUTE, 70_000, query))
        cases.append(("range", BASE - 2 * MINUTE, BASE + 66 * MINUTE, 5 * MINUTE, query))
    return cases


def run_ours(program, folder, data, cases):
    with open(f"{folder}/samples", "w") as f:
        for name, labels, points in data:
            f.writelines(f"{series_text(name, labels)}\t{t}\t{go_float(v)}\n" for t, v in points)
    with open(f"{folder}/queries", "w") as f:
        f.writelines("\t".join(str(x) for x in case) + "\n" for case in cases)
    subprocess.run([program, "--gtest_filter=Differential.Drive"], check=True, stdout=subprocess.DEVNULL,
                   env={**os.environ, "RAKSA_DIFFERENTIAL": folder})
    with open(f"{folder}/answers") as f:
        return [json.loads(line) for line in f]


def main():
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    program, bin_dir = os.path.abspath(sys.argv[1]), sys.argv[2]
    data, cases = make_data(), make_cases()
    with tempfile.TemporaryDirectory(prefix="raksa-promql-") as folder:
        ours = run_ours(program, folder, data, cases)
        server, url = start_prometheus(bin_dir, folder, data)
        different = expected = 0
        try:
            for case, mine in itertools.zip_longest(cases, ours):
                why = differs(mine, ask(url, case), case[0] == "instant" and case[-1].startswith("sort"))
                if why and known(case[-1], why):
                    expected += 1
                elif why:
                    different += 1
                    if different <= 60 or "-v" in sys.argv:
                        print(f"{case[0]} {case[-1]}: {why}")
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()
    print(f"{len(cases)} compared, {different} differ, {expected} differ as documented")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
