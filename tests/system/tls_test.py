#!/usr/bin/env python3
"""The API and the page over TLS: the program's own, and nginx's in front of it as docs/configuration.md has it."""
import http.client
import json
import os
import re
import signal
import ssl
import subprocess
import unittest

from chromium import BrowserTest, drive
from raksa_daemon import ROOT, TOOLS, Daemon, free_port, wait_for

CONFIG = """
listen: 127.0.0.1:{port}
data_dir: {dir}/data
auth: {token_file: "{dir}/tokens", always: true}
TLS
targets:
  - {name: web1, address: 127.0.0.1, interval: 1s}
rules: []
"""
NGINX = TOOLS / "nginx/usr/sbin/nginx"


def make_certificate(folder):
    """A key and a certificate for 127.0.0.1 that nobody signed."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=raksa",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True)
    (folder / "key.pem").chmod(0o600)


class TlsDaemon(Daemon):
    """Speaks TLS itself."""

    def request(self, method, path, body=None, headers=None, limit=20):
        status, text, _ = ask(self.port, self.dir / "cert.pem", method, path, body, headers)
        return status, text


def ask(port, certificate, method, path, body=None, headers=None):
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=20, context=ssl.create_default_context(cafile=certificate))
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace"), answer.headers
    finally:
        connection.close()


def make(kind, tls):
    daemon = kind(CONFIG.replace("TLS", tls))
    make_certificate(daemon.dir)
    made = daemon.cli("token", "--append", daemon.dir / "tokens", "--json", "malee", "operate")
    assert made.returncode == 0, made.stdout + made.stderr
    return daemon, json.loads(made.stdout)["token"]


class Tls(BrowserTest):
    def test_its_own(self):
        daemon, token = make(TlsDaemon, 'tls: {cert_file: "{dir}/cert.pem", key_file: "{dir}/key.pem"}')
        with daemon:
            certificate = daemon.dir / "cert.pem"
            for path, wanted in (("/", 200), ("/api/v1/fleet", 401), ("/-/ready", 200), ("/no/such.file", 404)):
                status, _, headers = ask(daemon.port, certificate, "GET", path)
                self.assertEqual(status, wanted, path)
                self.assertEqual(headers["Strict-Transport-Security"], "max-age=31536000", path)
            _, _, headers = ask(daemon.port, certificate, "POST", "/api/v1/login", json.dumps({"name": "malee", "token": token}),
                                {"Content-Type": "application/json"})
            self.assertRegex(headers["Set-Cookie"], r"^__Host-raksa=[^;]{20,};")
            self.assertLessEqual({"Path=/", "Secure", "HttpOnly", "SameSite=Strict"}, set(headers["Set-Cookie"].split("; ")))
            self.assertNotIn("Domain", headers["Set-Cookie"])
            self.refuses_old(daemon.port)
            checks, said = drive("tls.mjs", [f"https://127.0.0.1:{daemon.port}", token], {}, 100)
        self.judge(checks, said, 4)

    def refuses_old(self, port):
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=old)
        with self.assertRaises((ssl.SSLError, OSError)):
            connection.request("GET", "/-/ready")
        plain = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        with self.assertRaises((http.client.HTTPException, OSError)):
            plain.request("GET", "/-/ready")
            plain.getresponse()

    @unittest.skipUnless(NGINX.exists(), "nginx is not unpacked")
    def test_nginx_in_front(self):
        daemon, token = make(Daemon, "")
        port = free_port()
        with daemon:
            page = (ROOT / "docs/configuration.md").read_text()
            server = re.search(r"```nginx\n(.*?)```", page, re.S).group(1)
            for what, ours in (("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"), ("server_name raksa.example", "server_name 127.0.0.1"),
                               ("/etc/ssl/raksa.pem", daemon.dir / "cert.pem"), ("/etc/ssl/raksa.key", daemon.dir / "key.pem"),
                               ("127.0.0.1:8001", f"127.0.0.1:{daemon.port}")):
                self.assertIn(what, server)
                server = server.replace(what, str(ours))
            temp = "".join(f"{kind}_temp_path {daemon.dir}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
            settings = daemon.write("nginx.conf", f"daemon off; pid {daemon.dir}/nginx.pid; error_log {daemon.dir}/nginx.log;\nevents {{}}\n"
                                                  f"http {{ access_log off; {temp}\n{server}\n}}\n")
            with subprocess.Popen([str(NGINX), "-p", str(daemon.dir), "-e", str(daemon.dir / "nginx.log"), "-c", str(settings)]) as nginx:
                try:
                    self.assertTrue(wait_for(lambda: ask(port, daemon.dir / "cert.pem", "GET", "/-/ready")[0] == 200, 10),
                                    (daemon.dir / "nginx.log").read_text())
                    self.assertEqual(ask(port, daemon.dir / "cert.pem", "GET", "/")[2]["Strict-Transport-Security"], "max-age=31536000")
                    checks, said = drive("tls.mjs", [f"https://127.0.0.1:{port}", token], {}, 100)
                finally:
                    os.kill(nginx.pid, signal.SIGQUIT)
        self.judge(checks, said, 4)


if __name__ == "__main__":
    unittest.main()
