#!/usr/bin/env python3
"""What scraping a page costs: Raksa beside Prometheus, the same page of N series every few seconds, at the same time. Prints CPU-seconds an
hour, CPU a sample and resident memory, and the ratios. `--series 1000 --interval 10` is an exporter of a fleet, `--series 100000
--interval 5` is a large one."""
import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/system"))
from raksa_daemon import PROMETHEUS, Daemon, free_port  # noqa: E402
from watching import Processes, figures  # noqa: E402


def start_prometheus(processes, port, interval):
    (processes.dir / "prometheus.yml").write_text(
        f"global: {{scrape_interval: {interval}s, scrape_timeout: {interval}s}}\n"
        f"scrape_configs: [{{job_name: feed, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]\n")
    return processes.start([PROMETHEUS, f"--config.file={processes.dir}/prometheus.yml", f"--storage.tsdb.path={processes.dir}/tsdb",
                            f"--web.listen-address=127.0.0.1:{free_port()}"])


def start_raksa(port, interval):
    return Daemon(f"""
listen: 127.0.0.1:{{port}}
data_dir: {{dir}}/data
rules: []
defaults: {{interval: {interval}s, timeout: {interval}s}}
targets:
  - {{name: feed, address: 127.0.0.1, ping: false, probes: [{{prometheus: {{url: 'http://127.0.0.1:{port}/metrics', job: feed}}}}]}}
""")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=1000)
    parser.add_argument("--interval", type=int, default=10)
    parser.add_argument("--settle", type=int, default=30, help="seconds before the measurement")
    parser.add_argument("--seconds", type=int, default=120, help="length of the measurement")
    args = parser.parse_args()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="raksa-bench-"))
    processes = Processes(directory)
    feed = subprocess.Popen([sys.executable, str(ROOT / "bench/feed.py"), "--series", str(args.series), "--interval", str(args.interval)],
                            stdout=subprocess.PIPE, text=True)
    processes.running.append(feed)
    try:
        port = int(feed.stdout.readline())
        prometheus = start_prometheus(processes, port, args.interval)
        with start_raksa(port, args.interval) as raksa:
            pids = {"raksa": raksa.process.pid, "prometheus": prometheus.pid}
            time.sleep(args.settle)
            before = {name: figures(pid) for name, pid in pids.items()}
            begin = time.monotonic()
            time.sleep(args.seconds)
            after = {name: figures(pid) for name, pid in pids.items()}
            span = time.monotonic() - begin
            stored = raksa.query("scrape_samples_scraped")
        samples = args.series * span / args.interval
        print(f"{args.series} series every {args.interval} s, {span:.0f} s measured after {args.settle} s; Raksa saw {stored} samples a page")
        print(f"{'':12} {'CPU-s an hour':>14} {'CPU a sample':>14} {'resident':>10}")
        cost = {}
        for name in pids:
            cpu = after[name][0] - before[name][0]
            cost[name] = (cpu, after[name][1])
            print(f"{name:12} {cpu * 3600 / span:14.2f} {cpu * 1e6 / samples:11.3f} us {after[name][1] / 2**20:7.1f} MiB")
        print(f"ratio        {cost['raksa'][0] / max(cost['prometheus'][0], 1e-9):14.3f} {'':14} {cost['raksa'][1] / cost['prometheus'][1]:10.3f}")
    finally:
        processes.end()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
