"""The programs that Raksa is measured beside, unpacked by `tools/install bench`: how each is started on a loopback port with a folder of
its own, what it has cost, and how all of it ends."""
import http.client
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/system"))
from raksa_daemon import PROMETHEUS, PROMTOOL, RAKSA, TOOLS, free_port, wait_for  # noqa: E402, F401

VICTORIA = TOOLS / "victoria-metrics/usr/bin/victoria-metrics"
INFLUX = TOOLS / "influxdb/usr/bin/influxd"
CARBON = TOOLS / "graphite-carbon/usr/bin/carbon-cache"


def cpu_seconds(pid):
    """CPU seconds so far of a process, ended threads too, to the nanosecond (/proc/PID/stat counts in hundredths of a second)."""
    return time.clock_gettime((~pid << 3) | 2)  # the clock that clock_getcpuclockid(3) gives


def resident_bytes(pid):
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def figures(pid):
    """CPU seconds so far and resident bytes of one process."""
    return cpu_seconds(pid), resident_bytes(pid)


def folder_bytes(path):
    return sum(p.stat().st_size for p in pathlib.Path(path).rglob("*") if p.is_file())


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def table(head, rows):
    """Prints a Markdown table."""
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")
    sys.stdout.flush()


class Processes:
    """Starts what is measured and what it is measured against; ends all of it."""

    def __init__(self, directory):
        self.dir, self.running = pathlib.Path(directory), []

    def start(self, argv, env=None):
        with open(self.dir / (pathlib.Path(argv[0]).name + ".log"), "ab") as log:
            process = subprocess.Popen([str(a) for a in argv], stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.dir,
                                       env=dict(os.environ, **(env or {})))
        self.running.append(process)
        return process

    def end(self):
        for process in self.running:
            if process.poll() is None:
                process.terminate()
        for process in self.running:
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.running.clear()


class Server:
    """One HTTP server in the race: `argv` starts it; `probe` is what it answers with 200 when it serves."""

    def __init__(self, name, port, argv, probe, env=None, suffix=""):
        self.name, self.port, self.argv, self.probe, self.env, self.suffix = name, port, argv, probe, env, suffix
        self.process, self.connection = None, None

    def launch(self, processes):
        self.connection = None
        self.process = processes.start(self.argv, self.env)
        return self

    def start(self, processes, limit=60):
        self.launch(processes)
        if not wait_for(lambda: self.get(self.probe)[0] < 300, limit, 0.02):
            raise SystemExit(f"{self.name} does not start; see {processes.dir}")
        return self

    def request(self, method, path, body=None, limit=600):
        """Status and body over one kept connection, which is made anew when the server has closed it meanwhile."""
        for kept in (self.connection is not None, False):
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=limit)
            try:
                self.connection.request(method, path, body)
                answer = self.connection.getresponse()
                return answer.status, answer.read()
            except (OSError, http.client.HTTPException):
                self.connection.close()
                self.connection = None
                if not kept:
                    raise

    def get(self, path):
        return self.request("GET", path)

    def cpu(self):
        return cpu_seconds(self.process.pid)


def prometheus(directory, data, scrape="", retention="60d"):
    """`scrape`: the scrape_configs part of its configuration."""
    port = free_port()
    config = pathlib.Path(directory) / "prometheus.yml"
    config.write_text("global: {scrape_interval: 1m}\n" + scrape)
    return Server("Prometheus", port, [PROMETHEUS, f"--config.file={config}", f"--storage.tsdb.path={data}", "--log.level=warn",
                                       f"--web.listen-address=127.0.0.1:{port}", f"--storage.tsdb.retention.time={retention}"], "/-/ready")


def victoria(directory, data, scrape=""):
    port = free_port()
    argv = [VICTORIA, "-storageDataPath", data, "-httpListenAddr", f"127.0.0.1:{port}", "-retentionPeriod", "12", "-loggerLevel", "WARN",
            "-search.latencyOffset=0s"]
    if scrape:
        config = pathlib.Path(directory) / "victoria.yml"
        config.write_text(scrape)
        argv += ["-promscrape.config", config, "-promscrape.maxScrapeSize", "64MB"]
    return Server("VictoriaMetrics", port, argv, "/health", suffix="&nocache=1")


def influx(data):
    port, rpc = free_port(), free_port()
    return Server("InfluxDB", port, [INFLUX, "-config", "/dev/null"], "/ping", env={
        "INFLUXDB_META_DIR": f"{data}/meta", "INFLUXDB_DATA_DIR": f"{data}/data", "INFLUXDB_DATA_WAL_DIR": f"{data}/wal",
        "INFLUXDB_BIND_ADDRESS": f"127.0.0.1:{rpc}", "INFLUXDB_HTTP_BIND_ADDRESS": f"127.0.0.1:{port}", "INFLUXDB_REPORTING_DISABLED": "true",
        "INFLUXDB_HTTP_LOG_ENABLED": "false", "INFLUXDB_MONITOR_STORE_ENABLED": "false", "INFLUXDB_LOGGING_LEVEL": "warn"})


def raksa(directory, data, targets):
    """Raksa on `data`; `targets` is the YAML below `targets:`."""
    port = free_port()
    config = pathlib.Path(directory) / "raksa.yaml"
    config.write_text(f"listen: 127.0.0.1:{port}\ndata_dir: {data}\nrules: []\nretention: {{age: 60d}}\nlog: {{level: warn}}\ntargets:\n{targets}\n")
    return Server("Raksa", port, [RAKSA, "run", config], "/-/ready")


def carbon(directory, data, interval):
    """carbon-cache with the defaults of its package but no limit on creating files; the port is that of its line protocol."""
    directory, data = pathlib.Path(directory), pathlib.Path(data)
    port, pickle, query = free_port(), free_port(), free_port()
    data.mkdir(parents=True)
    (directory / "carbon.conf").write_text(f"""[cache]
STORAGE_DIR = {data}/
LOCAL_DATA_DIR = {data}/whisper/
CONF_DIR = {directory}/
LOG_DIR = {data}/
PID_DIR = {data}/
DATABASE = whisper
ENABLE_LOGROTATION = False
USER =
MAX_CACHE_SIZE = inf
MAX_UPDATES_PER_SECOND = 500
MAX_CREATES_PER_MINUTE = inf
LINE_RECEIVER_INTERFACE = 127.0.0.1
LINE_RECEIVER_PORT = {port}
PICKLE_RECEIVER_INTERFACE = 127.0.0.1
PICKLE_RECEIVER_PORT = {pickle}
CACHE_QUERY_INTERFACE = 127.0.0.1
CACHE_QUERY_PORT = {query}
ENABLE_TAGS = False
WHISPER_FALLOCATE_CREATE = True
""")
    (directory / "storage-schemas.conf").write_text(f"[default]\npattern = .*\nretentions = {interval}s:1d,60s:7d\n")
    path = ":".join(f"{TOOLS}/{package}/usr/lib/python3/dist-packages" for package in ("graphite-carbon", "python3-whisper"))
    return Server("carbon", port, ["/usr/bin/python3", CARBON, "--config", directory / "carbon.conf", "--nodaemon", "start"], "",
                  env={"PYTHONPATH": path})
