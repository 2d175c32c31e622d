#!/usr/bin/env python3
"""The page in a real Chromium against the real daemon (web/tests/page.mjs drives it); pictures of failures in build/test/pictures."""
import json
import unittest

from chromium import BrowserTest, drive
from raksa_daemon import ROOT, Daemon, free_port

CONFIG = """
listen: 127.0.0.1:{port}
data_dir: {dir}/data
defaults: {interval: 1s, timeout: 500ms}
targets:
  - name: web1
    address: 127.0.0.1
    url: http://127.0.0.1:WEB/
    ports: [WEB]
    labels: {note: "<img src=x onerror=alert(1)>"}
  - {name: here, address: 127.0.0.1}
rules: [RULES]
recovery: {mode: auto, hold: 2s}
""".replace("RULES", str(ROOT / "rules/default.yaml"))
LOGIN = """
listen: 127.0.0.1:{port}
data_dir: {dir}/data
auth: {token_file: "{dir}/tokens", always: true}
credentials:
  public: {snmp: {version: 2c, community_file: "{dir}/community"}}
targets:
  - {name: web1, address: 127.0.0.1, interval: 1s, ports: [1]}
rules: [RULES]
status_page:
  title: Our shop
  applications:
    - {name: "Shop & Co", targets: [web1]}
""".replace("RULES", str(ROOT / "rules/default.yaml"))


class Page(BrowserTest):
    def test_in_chromium(self):
        web = free_port()
        with Daemon(CONFIG.replace("WEB", str(web))) as daemon:
            def stop():
                daemon.stop()
                daemon.log.close()

            def load(text):
                daemon.set_config(text)
                return daemon.request("POST", "/-/reload")[0]

            good = CONFIG.replace("WEB", str(web))
            checks, said = drive("page.mjs", [f"http://127.0.0.1:{daemon.port}", str(web)], {
                "stop": stop, "start": daemon.start, "mend": lambda: self.assertEqual(load(good), 200),
                "spoil": lambda: self.assertEqual(load(good + "no-such-key: 1\n"), 400)}, 280)
        self.judge(checks, said, 19)

    def test_login_roles_and_the_status_page(self):
        daemon = Daemon(LOGIN, {"community": "hush-hush"})
        tokens = {}
        for name, role in (("somchai", "read"), ("malee", "operate")):
            made = daemon.cli("token", "--append", daemon.dir / "tokens", "--json", name, role)
            self.assertEqual(made.returncode, 0, made.stdout + made.stderr)
            tokens[role] = json.loads(made.stdout)["token"]
        with daemon:
            checks, said = drive("login.mjs", [f"http://127.0.0.1:{daemon.port}", tokens["read"], tokens["operate"]], {}, 200)
        self.judge(checks, said, 7)


if __name__ == "__main__":
    unittest.main()
