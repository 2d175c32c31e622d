#!/usr/bin/env python3
"""The source design's Grafana as a webhook sees it: reads a Prometheus page every second, holds one alert a metric and server
against it, and posts Grafana's legacy JSON when an alert changes its state.

    lab/mon python3 tests/lab/grafana.py METRICS_URL HOOK_URL RECORD [LOADED_IP METRIC]

Load is that of the whole machine, so that every server of the lab would raise an alarm about it: only LOADED_IP's METRIC counts."""
import json
import re
import sys
import time
import urllib.error
import urllib.request

# metric, the panel's words, and when the alert is on.
ALERTS = (
    ("ping", "Ping : no response", lambda value: value != 1),
    ("http_code", "HTTP Code Status : Error", lambda value: value != 200),
    ("port", "Port : no response", lambda value: value != 1),
    ("cpu_percent", "CPU : above 80 %", lambda value: value > 80),
    ("mem_percent", "Memory : above 80 %", lambda value: value > 80),
    ("disk_percent", "Disk : above 80 %", lambda value: value > 80),
)
LINE = re.compile(r"^([a-z_]+)\{(.*)\} (\S+)(?: \d+)?$")
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


def read(url):
    """The page's samples: (metric, labels, value)."""
    with urllib.request.urlopen(url, timeout=2) as answer:
        for line in answer.read().decode().splitlines():
            found = LINE.match(line)
            if found and found[1] in [alert[0] for alert in ALERTS]:
                yield found[1], dict(LABEL.findall(found[2])), float(found[3])


def match(metric, labels, value):
    """One of evalMatches, with the labels that the source's Prometheus had."""
    tags = {"__name__": metric, "instance": "localhost:8001", "ip": labels["ip"], "job": "prometheus", "url": labels["ip"]}
    if metric == "port":
        tags["port"] = labels["port"]
    legend = ", ".join(f'{name}="{text}"' for name, text in sorted(tags.items()) if name != "__name__")
    return {"value": value, "metric": f"{metric}{{{legend}}}", "tags": tags}


def body(rule, metric, words, matches):
    state = "alerting" if matches else "ok"
    title = f"{metric} alert {rule}"
    return {"dashboardId": 1, "evalMatches": matches, "message": f"Monitoring: {words}", "orgId": 1, "panelId": rule, "ruleId": rule,
            "ruleName": title, "ruleUrl": f"http://localhost:3000/d/abc/board?tab=alert&viewPanel={rule}&orgId=1", "state": state,
            "tags": {}, "title": f"[{'Alerting' if matches else 'OK'}] {title}"}


def post(url, message, record):
    data = json.dumps(message).encode()
    asked = time.time()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, {"Content-Type": "application/json"}), timeout=2) as answer:
            status, text = answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read().decode(errors="replace")
    record.write(json.dumps({"time": asked, "took": time.time() - asked, "status": status, "answer": text, "message": message}) + "\n")
    record.flush()


def main():
    metrics, hook, path = sys.argv[1:4]
    loaded = tuple(sys.argv[4:6])
    firing = {}
    with open(path, "a", encoding="utf-8") as record:
        while True:
            time.sleep(1)
            try:
                samples = list(read(metrics))
                for ip in sorted({labels["ip"] for _, labels, _ in samples}):
                    for number, (metric, words, on) in enumerate(ALERTS, 1):
                        rule = int(ip.split(".")[-1]) * 10 + number
                        own = [(labels, value) for name, labels, value in samples if name == metric and labels["ip"] == ip]
                        if not own or (metric in ("cpu_percent", "mem_percent") and (ip, metric) != loaded):
                            continue  # no data: keep the last state
                        matches = [match(metric, labels, value) for labels, value in own if on(value)]
                        if bool(matches) != firing.get(rule, False):
                            post(hook, body(rule, metric, words, matches), record)
                            firing[rule] = bool(matches)
            except OSError as error:
                print(error, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
