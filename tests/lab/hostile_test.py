#!/usr/bin/env python3
"""Hostile input, where it would do harm: 200 messages with commands, markup, queries, log lines and paths in every field, sent to
a Raksa that may log in to a real server and repair it. Every command in them would leave a mark."""
import glob
import json
import re
import secrets
import subprocess
import time
import unittest
import urllib.parse

from lab_world import RAKSA, ROOT, STATE, LabTest, Raksa, lab, messages, wait_for

TARGET = "web1"
MARK = f"raksa-mark-{secrets.token_hex(4)}"
IP = "10.77.0.11"


def payloads(number):
    """One hostile text of each sort; a command of it would make the file /tmp/MARK-number."""
    touch = f"touch /tmp/{MARK}-{number}"
    return [
        f"; {touch} ;", f"$({touch})", f"`{touch}`", f"| {touch}", f"' ; {touch} #", f'" && {touch} "', f"\n{touch}\n", f"-oProxyCommand={touch}",
        f"--eval={touch}", "x\x00" + touch, f"<script>fetch('/{MARK}')</script>", f'"><img src=x onerror="{MARK}()">', f"</script><svg/onload={MARK}()>",
        "'); DROP TABLE incidents; --", '" OR 1=1 --', f'\r\n2026-11-25T00:00:00.000Z error forged {MARK} err="x"', "\x1b[2J\x1b]0;owned\x07\x9b31m",
        "x\r\nSet-Cookie: owned=1\r\n\r\n<html>", '"} or vector(1) or up{x="', "../../../../etc/passwd", "/etc/shadow", "%s%n%x{}{0}{:>9999999}",
        "\u202egnp.exe\u2066", "\ud800 broken", "A" * 3000 + f"$({touch})",
    ]


def spread(value, text, keep):
    """The same JSON with the text added to every string, but where the message would no longer be one (`keep`)."""
    if isinstance(value, dict):
        out = {name: item if name in keep else spread(item, text, keep) for name, item in value.items()}
        out[text[:40]] = text  # names are input too
        return out
    if isinstance(value, list):
        return [spread(item, text, keep) for item in value]
    return value + text if isinstance(value, str) else value


KEEP = ("status", "state", "version", "startsAt", "endsAt", "event_value", "event_source", "type", "time", "notification_reason",
        "target", "metric", "port", "value", "__name__", "ip", "groupKey")


def senders(number):
    """A message of every sender that names the target, and what decides how far it goes: the metric."""
    metric = ["http_code", "port", "cpu_percent", "disk_percent"][number % 4]
    value = {"http_code": 500, "port": 0}.get(metric, 95)
    labels = {"alertname": "Alarm", "target": TARGET, "metric": metric, "port": "80", "instance": IP, "job": "node", "severity": "critical"}
    one = {"status": "firing", "labels": labels, "annotations": {"summary": "it is broken", "value": str(value)}, "startsAt": "2026-01-01T00:00:00Z",
           "generatorURL": "http://prom.test/graph", "fingerprint": f"{number:016x}"}
    zabbix = {"event_source": "0", "event_id": str(number), "event_value": "1", "event_nseverity": "4", "event_severity": "High", "event_name": "trouble",
              "event_tags": json.dumps([{"tag": "metric", "value": metric}]), "host_host": "web", "host_ip": IP, "trigger_id": str(number),
              "item_value": str(value), "alert_subject": "Problem", "alert_message": "Problem started", "target": TARGET}
    kuma = {"heartbeat": {"monitorID": number, "status": 0, "time": "2026-03-03 22:00:00.125", "msg": f"Request failed with status code {value}"},
            "monitor": {"id": number, "name": "web", "url": f"http://{IP}/", "type": "http", "tags": [{"name": "target", "value": TARGET}]}, "msg": "[web] Down"}
    grafana = {"receiver": "raksa", "status": "firing", "orgId": 1, "version": "1", "groupKey": "{}", "state": "alerting", "title": "[FIRING]",
               "alerts": [{**one, "values": {"A": value}, "valueString": "[ var='A' ]"}]}
    return [
        ("/shs", {"evalMatches": [{"value": value, "metric": metric, "tags": {"__name__": metric, "ip": IP, "url": IP, "port": "80"}}], "ruleId": number,
                  "ruleName": "Alarm", "ruleUrl": "http://grafana.test/", "message": "Monitoring", "orgId": 1, "state": "alerting", "tags": {"team": "web"}}),
        ("/api/v1/webhook/grafana", grafana),
        ("/api/v1/webhook/alertmanager", {"version": "4", "groupKey": "{}", "status": "firing", "receiver": "raksa", "groupLabels": {}, "alerts": [one]}),
        ("/api/v2/alerts", [{name: one[name] for name in ("labels", "annotations", "startsAt", "generatorURL")}]),
        ("/api/v1/webhook/zabbix", zabbix),
        ("/api/v1/webhook/kuma", kuma),
        ("/api/v1/webhook/kuma", kuma),  # as a form
        ("/api/v1/webhook", grafana),
    ]


# Programs that the catalogue runs as root (docs/recovery.md).
PROGRAMS = {"systemctl", "docker", "nginx", "ufw", "ss", "stat", "cat", "du", "sysctl", "sh", "journalctl", "iptables", "ip6tables", "nft", "lsof",
            "namei", "ls", "find", "openssl", "dmesg", "top", "head", "tail", "readlink", "test", "timeout"}
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class Hostile(LabTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Only what comes from outside raises an alarm, so that every step goes through its words.
        cls.raksa = Raksa("hostile", edit=lambda text: re.sub(r"(?m)^rules:.*$", "rules: []", text)).start()
        if not wait_for(lambda: cls.raksa.well(TARGET), 60, 0.2):
            raise AssertionError("not well:\n" + cls.raksa.log_text())
        cls.begun = time.time()
        cls.answers = []
        lab("break", TARGET, "nginx-stopped")  # something to repair on their word
        cls.send_everything()
        cls.repaired = wait_for(lambda: any(i["verified"] for i in cls.raksa.incidents(TARGET)), 60, 0.2)
        wait_for(lambda: not [i for i in cls.raksa.incidents(TARGET) if i["state"] in ("open", "confirming", "diagnosing", "planned", "acting")], 20, 0.2)

    @classmethod
    def tearDownClass(cls):
        try:
            lab("heal", TARGET)
            cls.raksa.stop()
        finally:
            super().tearDownClass()

    @classmethod
    def send_everything(cls):
        number = 0
        for index in range(25):
            for kind, (path, body) in enumerate(senders(index)):
                text = payloads(number)[index]
                data = json.dumps(spread(body, text, KEEP))
                headers = {"Content-Type": "application/json"}
                if kind == 6:
                    data = "data=" + urllib.parse.quote(data)
                    border = "X" + secrets.token_hex(8)
                    data = f'--{border}\r\nContent-Disposition: form-data; name="data"\r\n\r\n{json.dumps(spread(body, text, KEEP))}\r\n--{border}--\r\n'
                    headers = {"Content-Type": f"multipart/form-data; boundary={border}"}
                cls.answers.append(cls.raksa.request("POST", path, data.encode("utf-8", "surrogatepass"), headers))
                number += 1
        # And names: what stands in the address itself.
        for text in payloads(number):
            cls.answers.append(cls.raksa.request("POST", "/api/v1/webhook/" + urllib.parse.quote(text.encode("utf-8", "replace")), "{}"))

    def test_messages_were_taken_and_something_was_repaired_on_their_word(self):
        taken = [json.loads(text) for status, text in self.answers[:200] if status == 200]
        self.assertGreater(sum(answer["accepted"] for answer in taken), 100, self.answers[:5])
        self.assertTrue({status for status, _ in self.answers} <= {200, 400, 404, 405}, {status for status, _ in self.answers})
        self.assertTrue(self.repaired, self.raksa.log_text()[-3000:])

    def test_no_command_ran_anywhere(self):
        self.assertEqual(glob.glob(f"/tmp/{MARK}*") + glob.glob(f"{self.raksa.dir}/**/{MARK}*", recursive=True), [], "on the monitor")
        for server in ("web1", "web2"):
            found = lab("sh", server, "find", "/tmp", "/var/tmp", "/home", "/root", "/run", "/etc", "-xdev", "-name", f"*{MARK}*")
            self.assertEqual(found.strip(), "", server)

    def test_the_server_saw_only_commands_of_the_catalogue(self):
        journal = lab("sh", TARGET, "journalctl", "--since", f"@{int(self.begun)}", "-o", "cat", "--no-pager", "_COMM=sudo")
        commands = re.findall(r"COMMAND=(\S+)(.*)", journal)
        self.assertTrue(commands, "sudo logged nothing")
        programs = {command.rsplit("/", 1)[-1] for command, _ in commands}
        self.assertTrue(programs <= PROGRAMS, programs - PROGRAMS)
        everything = lab("sh", TARGET, "journalctl", "--since", f"@{int(self.begun)}", "--no-pager")
        self.assertNotIn(MARK, everything)

    def test_the_log_has_only_lines_of_ours(self):
        raw = (self.raksa.dir / "log").read_bytes()
        text = raw.decode("utf-8")  # strict
        for line in text.rstrip("\n").split("\n"):
            self.assertRegex(line, r"^\d{4}-\d\d-\d\dT[\d:.]+Z (debug|info|warn|error)\b")
            self.assertIsNone(CONTROL.search(line), line.encode())

    def strings(self, value):
        if isinstance(value, dict):
            for name, item in value.items():
                yield name
                yield from self.strings(item)
        elif isinstance(value, list):
            for item in value:
                yield from self.strings(item)
        elif isinstance(value, str):
            yield value

    def test_nothing_unescaped_in_the_api(self):
        paths = ["/api/v1/fleet", "/api/v1/incidents?limit=200", "/api/v1/alerts", "/api/v1/alerts/active", "/api/v1/silences", "/api/v1/targets/" + TARGET]
        paths += ["/api/v1/incidents/" + incident["id"] for incident in self.raksa.incidents()]
        for path in paths:
            status, text = self.raksa.request("GET", path)
            self.assertEqual(status, 200, path)
            self.assertIsNone(re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text), path)
            for one in self.strings(json.loads(text)):
                self.assertIsNone(re.search(r"[\x00-\x08\x0b-\x1f\x7f]", one), f"{path}: {one.encode('utf-8', 'replace')[:200]}")
        for incident in self.raksa.incidents():
            _, report = self.raksa.request("GET", f"/api/v1/incidents/{incident['id']}?format=markdown")
            outside_code = re.sub(r"(?s)(`{3,})text\n.*?\n\1|`[^`\n]*`", "", report)
            self.assertNotRegex(outside_code, r"<|\x1b|\r", incident["id"])

    def test_nothing_unescaped_in_metrics_and_page(self):
        _, text = self.raksa.request("GET", "/metrics")
        for line in text.splitlines():
            self.assertRegex(line, r'^(#.*|[a-zA-Z_:][\w:]*(\{([a-zA-Z_]\w*="([^"\\\n]|\\[\\n"])*",?)*\})? \S+( \d+)?)$')
        _, page = self.raksa.request("GET", "/")
        self.assertNotIn(MARK, page)
        status, page = self.raksa.request("GET", "/" + urllib.parse.quote(f"<script>{MARK}</script>"))
        self.assertNotIn(f"<script>{MARK}", page, status)

    def test_messages_to_people_are_plain(self):
        sent = messages(self.begun)
        self.assertTrue(sent, "nobody was told")
        for one in self.strings(sent):
            self.assertIsNone(CONTROL.search(one.replace("\n", "")), one.encode("utf-8", "replace")[:300])

    def test_hostile_names_in_the_configuration_are_refused(self):
        for name in ("web; touch /tmp/x", "$(reboot)", "-rf", "a b", "a'b", "../x", "`id`", "x\ny", "--privileged"):
            path = STATE / "hostile-name.yaml"
            path.write_text("data_dir: data\nrules: []\ncredentials: {ops: {ssh: {user: ops}}}\ntargets:\n  - {name: w, address: 192.0.2.1, ssh: ops, "
                            f"application: [{json.dumps('container:' + name)}]}}\n")
            done = subprocess.run([str(RAKSA), "check", str(path)], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 1, f"{name!r}: {done.stdout}{done.stderr}")

    def test_what_a_server_says_of_itself_is_only_text(self):
        interface, folder = "<b>$(x)'\"&", f"/mnt/<img src=x>$(touch {MARK})\""
        lab("sh", TARGET, "ip", "link", "add", "name", interface, "type", "veth", "peer", "name", "hostile1")
        lab("sh", TARGET, "mkdir", "-p", folder)
        lab("sh", TARGET, "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder)
        lab("sh", TARGET, "sh", "-c", "printf 'sysName <script>x</script>$(id)\\nincludeAllDisks 5%%\\n' > /etc/snmp/snmpd.conf.d/hostile.conf; "
            "printf '<script>%s</script>\\033[2J\\n' x > /var/www/web/index.html; systemctl restart snmpd")
        try:
            raksa = self.raksa

            def interfaces():
                return {series["metric"]["interface"] for series in raksa.query(f'bits_received{{target="{TARGET}"}}')}
            wait_for(lambda: interface in interfaces(), 30, 0.5)
            self.assertIn(interface, interfaces(), "the name is not told as it is")
            _, text = raksa.request("GET", "/metrics")
            for line in text.splitlines():
                self.assertRegex(line, r'^(#.*|[a-zA-Z_:][\w:]*(\{([a-zA-Z_]\w*="([^"\\\n]|\\[\\n"])*",?)*\})? \S+( \d+)?)$')
            done = subprocess.run([str(ROOT / "lab/mon"), str(RAKSA), "probe", TARGET, "-c", str(raksa.config)], capture_output=True, check=False)
            self.assertIsNone(re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", done.stdout), done.stdout)
        finally:
            lab("sh", TARGET, "sh", "-c", f"rm -f /etc/snmp/snmpd.conf.d/hostile.conf; umount '{folder}'; rm -rf '/mnt/<img src=x>'*", check=False)
            lab("sh", TARGET, "ip", "link", "del", interface, check=False)
            lab("heal", TARGET)
            lab("sh", TARGET, "systemctl", "restart", "snmpd")
        self.assertEqual(glob.glob(f"/tmp/{MARK}*") + glob.glob(f"{ROOT}/{MARK}*"), [])


if __name__ == "__main__":
    unittest.main()
