#!/usr/bin/env python3
"""What watching N hosts costs: Raksa beside Prometheus with blackbox_exporter, the same checks (ping, two ports, HTTP) every 5 s of
the same loopback addresses, at the same time. Prints CPU-seconds an hour and resident memory, and the ratio."""
import argparse
import pathlib
import shutil
import tempfile
import time

from peers import ROOT, PROMETHEUS, TOOLS, Processes, figures, free_port, wait_for
from raksa_daemon import SNMPD, Daemon

BLACKBOX = TOOLS / "prometheus-blackbox-exporter/usr/bin/prometheus-blackbox-exporter"
NGINX = TOOLS / "nginx/usr/sbin/nginx"


def addresses(count):
    return [f"127.0.{1 + i // 200}.{1 + i % 200}" for i in range(count)]


def web_server(processes, port):
    conf = processes.dir / "nginx.conf"
    conf.write_text(f"""
daemon off; pid {processes.dir}/nginx.pid; error_log {processes.dir}/error.log; worker_processes 1;
events {{ worker_connections 4096; }}
http {{ access_log off; client_body_temp_path {processes.dir}/b; proxy_temp_path {processes.dir}/p; fastcgi_temp_path {processes.dir}/f;
  uwsgi_temp_path {processes.dir}/u; scgi_temp_path {processes.dir}/s;
  server {{ listen {port}; listen {port + 1}; location / {{ return 200 "hello"; }} }} }}
""")
    return processes.start([NGINX, "-c", conf, "-p", processes.dir])


def raksa(hosts, port, snmp_port):
    snmp = f", snmp: agent" if snmp_port else ""
    credentials = f"credentials: {{agent: {{snmp: {{version: 2c, community: public, port: {snmp_port}}}}}}}\n" if snmp_port else ""
    rows = "".join(f"  - {{name: h{i}, address: {a}, url: 'http://{a}:{port}/', ports: [{port}, {port + 1}]{snmp}}}\n" for i, a in enumerate(hosts))
    return Daemon(f"listen: 127.0.0.1:{{port}}\ndata_dir: {{dir}}/data\ndefaults: {{interval: 5s, timeout: 1s}}\n{credentials}targets:\n{rows}rules: [{ROOT}/rules/default.yaml]\n")


def peers(processes, hosts, port):
    blackbox = free_port()
    (processes.dir / "blackbox.yml").write_text("""
modules:
  icmp: {prober: icmp, timeout: 1s, icmp: {preferred_ip_protocol: ip4}}
  tcp: {prober: tcp, timeout: 1s}
  http: {prober: http, timeout: 1s, http: {preferred_ip_protocol: ip4}}
""")
    jobs = ""
    for name, targets in (("icmp", hosts), ("tcp", [f"{a}:{p}" for a in hosts for p in (port, port + 1)]), ("http", [f"http://{a}:{port}/" for a in hosts])):
        jobs += f"""
  - job_name: {name}
    metrics_path: /probe
    params: {{module: [{name}]}}
    static_configs: [{{targets: {targets!r}}}]
    relabel_configs:
      - {{source_labels: [__address__], target_label: __param_target}}
      - {{source_labels: [__param_target], target_label: instance}}
      - {{target_label: __address__, replacement: '127.0.0.1:{blackbox}'}}
"""
    (processes.dir / "prometheus.yml").write_text(f"global: {{scrape_interval: 5s, scrape_timeout: 2s}}\nscrape_configs:{jobs}")
    return [processes.start([BLACKBOX, f"--config.file={processes.dir}/blackbox.yml", f"--web.listen-address=127.0.0.1:{blackbox}"]),
            processes.start([PROMETHEUS, f"--config.file={processes.dir}/prometheus.yml", f"--storage.tsdb.path={processes.dir}/tsdb",
                             f"--web.listen-address=127.0.0.1:{free_port()}"])]


def measure(pids, seconds):
    before = {name: [figures(p) for p in group] for name, group in pids.items()}
    time.sleep(seconds)
    out = {}
    for name, group in pids.items():
        after = [figures(p) for p in group]
        cpu = sum(a[0] - b[0] for a, b in zip(after, before[name]))
        out[name] = (cpu * 3600 / seconds, sum(a[1] for a in after) / 2**20)
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--targets", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=60, help="length of the measurement, after 20 s to settle")
    args = parser.parse_args()
    hosts = addresses(args.targets)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="raksa-bench-"))
    processes = Processes(directory)
    port = free_port()
    snmp_port = free_port()
    (directory / "snmpd.conf").write_text(f"agentaddress udp:0.0.0.0:{snmp_port}\nrocommunity public\ndisk / 5%\n")
    daemons = []
    try:
        web_server(processes, port)
        processes.start([SNMPD, "-f", "-Lo", "-C", "-c", directory / "snmpd.conf", "-p", directory / "snmpd.pid"])
        groups = {"Prometheus + blackbox_exporter": [p.pid for p in peers(processes, hosts, port)]}
        for name, snmp in (("Raksa, the same checks", 0), ("Raksa, with SNMP too", snmp_port)):
            daemons.append(raksa(hosts, port, snmp).start())
            groups[name] = [daemons[-1].process.pid]
        wait_for(lambda: len(daemons[0].query("http_code == 200")) == len(hosts), 30, 1)
        time.sleep(20)
        good = [len(d.query("http_code == 200")) for d in daemons]
        with_memory = len(daemons[1].query("mem_percent"))
        results = measure(groups, args.seconds)
        print(f"{args.targets} hosts every 5 s: ping, 2 ports, HTTP; {args.seconds} s; hosts answering {good}, by SNMP {with_memory}")
        base = results["Prometheus + blackbox_exporter"]
        print(f"{'':34}{'CPU-s/h':>10}{'MiB':>8}{'CPU ratio':>12}{'memory ratio':>14}")
        for name, (cpu, mib) in results.items():
            print(f"{name:34}{cpu:10.1f}{mib:8.1f}{cpu / base[0]:12.3f}{mib / base[1]:14.3f}")
    finally:
        for daemon in daemons:
            daemon.close()
        processes.end()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
