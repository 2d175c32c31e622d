#!/usr/bin/env python3
"""What is rare and must go right on a real server: a service that comes back while it is looked at, an account whose start-up files
print, a container's engine on the port, a dead host that is switched off and on from outside."""
import json
import subprocess
import time
import unittest

import danger
from danger import inside
from lab_world import LAB, RAKSA, ROOT, STATE, LabTest, lab, wait_for
from scenario import line_messages, texts

# Bytes that a careless reader would take for an answer, a hold, a colour, another title.
NOISE = '{"state":{"Status":"running","Running":true}}\\nhold /etc/raksa.hold nobody\\nActiveState=failed\\n\\033[31m\\033]0;owned\\007 <script>x</script>'


class Rare(LabTest):
    def setUp(self):
        danger.healthy("web1")
        self.addCleanup(lab, "heal", "web1")

    def watching(self, name, **kinds):
        raksa = danger.watching(name, "web1", **kinds)
        self.addCleanup(raksa.stop)
        return raksa

    def closed(self, raksa, begun):
        incident = danger.closed(raksa, "web1", begun)
        self.assertIsNotNone(incident, raksa.log_text())
        self.assertEqual(danger.true_timeline(incident), [])
        return incident

    def test_a_service_that_comes_back_while_it_is_looked_at(self):
        # Every command takes a second longer, so that an examination lasts.
        inside("web1", "sh", "-c", "echo 'sleep 1' >/home/ops/.ssh/rc")
        self.addCleanup(inside, "web1", "rm", "-f", "/home/ops/.ssh/rc")
        raksa, begun = self.watching("rare-heals"), time.time()
        lab("break", "web1", "nginx-stopped")
        self.assertTrue(wait_for(lambda: any(i["state"] == "diagnosing" for i in raksa.incidents("web1", begun)), 30, 0.02), raksa.log_text())
        inside("web1", "systemctl", "start", "nginx")
        incident = self.closed(raksa, begun)
        self.assertEqual(incident["outcome"], "healed by itself", incident["timeline"])
        self.assertEqual([s for s in incident["steps"] if s["done"]], [])
        self.assertTrue(wait_for(lambda: line_messages(begun, "web1"), 10, 0.2))
        told = [texts(m) for m in line_messages(begun, "web1")]
        self.assertEqual(len(told), 1, told)
        self.assertIn("[HEALED]", told[0])
        self.assertIn("changed nothing", told[0])

    def test_what_start_up_files_and_banners_print_confuses_nobody(self):
        inside("web1", "sh", "-c", f"printf '{NOISE}\\n' | tee /etc/motd /etc/issue.noise >/home/ops/noise; "
               "printf 'cat ~/noise; cat ~/noise >&2\\n' >/home/ops/.bashrc.new; cat /home/ops/.bashrc >>/home/ops/.bashrc.new 2>/dev/null; "
               "cp -p /home/ops/.bashrc /home/ops/.bashrc.old 2>/dev/null; mv /home/ops/.bashrc.new /home/ops/.bashrc; "
               "printf 'Banner /etc/issue.noise\\nPrintMotd yes\\n' >/etc/ssh/sshd_config.d/noise.conf; systemctl reload ssh")
        self.addCleanup(inside, "web1", "sh", "-c", "mv -f /home/ops/.bashrc.old /home/ops/.bashrc 2>/dev/null || rm -f /home/ops/.bashrc; "
                        ": >/etc/motd; rm -f /etc/ssh/sshd_config.d/noise.conf; systemctl reload ssh")
        noisy = subprocess.run([str(ROOT / "lab/mon"), "ssh", "-F", "none", "-i", str(STATE / "id_ed25519"), "-o", "BatchMode=yes", "-o",
                                f"UserKnownHostsFile={STATE / 'true_known_hosts'}", "-o", "GlobalKnownHostsFile=/dev/null", "ops@10.77.0.11", "true"],
                               capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
        self.assertIn("raksa.hold", noisy.stdout)
        self.assertIn("raksa.hold", noisy.stderr)
        raksa, begun = self.watching("rare-noise"), time.time()
        lab("break", "web1", "db-killed")
        incident = self.closed(raksa, begun)
        self.assertEqual((incident["cause"], incident["component"], incident["outcome"]), ("container-killed", "container:web-database", "fixed"))
        text = json.dumps(incident)
        self.assertNotIn("owned", text)
        self.assertNotIn("raksa.hold nobody", text)
        # Such bytes in a command's own output are shown as text, never as they are.
        raksa.stop()
        inside("web1", "sh", "-c", "docker rm -f web-application >/dev/null; docker create --name web-application --network web --publish 127.0.0.1:8080:80 "
               f"web-application:1 sh -c \"printf '%b' '{NOISE.replace(chr(34), '')}' >&2; exit 3\" >/dev/null; docker start web-application >/dev/null; sleep 1")
        done = subprocess.run([str(ROOT / "lab/mon"), str(RAKSA), "diagnose", "web1", "-c", str(LAB / "raksa.yaml")], capture_output=True, text=True,
                              timeout=60, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("owned", done.stdout)
        self.assertNotIn("\x1b", done.stdout)
        self.assertNotIn("\x07", done.stdout)

    def test_the_engine_on_the_port_is_named_and_lives(self):
        self.assertEqual(danger.holder_lives("web1", "nginx-port-taken-by-container", "docker-proxy", ("squatter", "left alone")), [])

    def test_a_dead_host_is_switched_off_and_on_from_outside(self):
        # A stand-in for the hypervisor's CLI: notes what it was asked, and then really plugs the cable in again.
        record = LAB / "state/hypervisor.jsonl"
        record.unlink(missing_ok=True)
        script = LAB / "state/hypervisor"
        script.write_text("#!/usr/bin/env python3\nimport json, subprocess, sys\n"
                          f"open({str(record)!r}, 'a').write(json.dumps(sys.argv[1:]) + '\\n')\n"
                          f"subprocess.run([{str(ROOT / 'lab/heal')!r}, 'web1'], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
                          "print('Domain web1 was reset')\n")
        script.chmod(0o755)
        power = "{host: {power_cycle: [" + str(script) + ', reset, "web1; touch /tmp/x"]}}'
        raksa = self.watching("rare-power", edit=lambda text: text.replace("application: [firewall", f"application: [{power}, firewall", 1))
        begun = time.time()
        lab("break", "web1", "network-cut")
        incident = self.closed(raksa, begun)
        asked = [json.loads(line) for line in record.read_text().splitlines()]
        self.assertEqual(asked, [["reset", "web1; touch /tmp/x"]])
        self.assertEqual((incident["cause"], incident["outcome"]), ("host-down", "fixed"), incident["timeline"])
        self.assertEqual([(s["step"], s["done"]) for s in incident["steps"]], [("power-cycle", True)])
        told = [texts(m) for m in line_messages(begun, "web1")]
        self.assertTrue(told and "power-cycle" in told[-1], told)


if __name__ == "__main__":
    unittest.main()
