#!/usr/bin/env python3
"""What Raksa's account may do on the lab's servers: exactly what `raksa sudoers` says, and sudo itself agrees."""
import json
import subprocess
import unittest

from lab_world import RAKSA, ROOT, LabTest, lab

CONFIG = ROOT / "lab/lib/sudoers.yaml"


def sudoers(*argv):
    return subprocess.run([str(RAKSA), "sudoers", "web", "-c", str(CONFIG), *argv], capture_output=True, text=True, timeout=30)


class Sudoers(LabTest):
    def ops(self, *words):
        """Runs a command on the server as the account, as Raksa does; gives exit status and output."""
        from shlex import quote
        state = ROOT / "lab"
        line = " ".join(quote(word) for word in words)
        done = subprocess.run([str(state / "sh"), "web1", "runuser", "-u", "ops", "--", "sh", "-c", line], capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout + done.stderr

    def test_every_line_is_a_fixed_command(self):
        done = sudoers()
        self.assertEqual(done.returncode, 0, done.stderr)
        as_json = json.loads(sudoers("--json").stdout)
        self.assertEqual(as_json["file"], done.stdout)
        self.assertEqual(as_json["user"], "ops")
        self.assertEqual((ROOT / "lab/image/files/etc/sudoers.d/ops").read_text(), done.stdout,
                         "make it anew: raksa sudoers web -c lab/lib/sudoers.yaml >lab/image/files/etc/sudoers.d/ops")
        self.assertEqual(lab("sh", "web1", "cat", "/etc/sudoers.d/ops"), done.stdout)
        for line in done.stdout.splitlines():
            self.assertTrue(not line or line.startswith("# ") or line.startswith("ops ALL=(root) NOPASSWD: /usr/"), line)
            if line.startswith("ops"):
                self.assertNotIn("*", line.replace("\\*", ""))

    def test_sudo_understands_it_and_allows_what_is_run(self):
        self.assertIn("parsed OK", lab("sh", "web1", "visudo", "-c", "-f", "/etc/sudoers.d/ops"))
        for words in (["nginx", "-t"], ["ufw", "status", "verbose"], ["ss", "-ltnpH"], ["readlink", "/proc/1/exe"],
                      ["docker", "ps", "--filter", "publish=5432", "--format", "{{.Names}}"],
                      ["docker", "logs", "--tail", "3", "--", "web-database"],
                      ["timeout", "5", "du", "-xk", "--max-depth=3", "--", "/var/log"]):
            status, output = self.ops("sudo", "-n", "--", *words)
            self.assertEqual(status, 0, f"{words}: {output}")

    def test_nothing_else_gets_in(self):
        for words in (["cat", "/etc/shadow"], ["sh", "-c", "id"], ["nginx", "-t", "-c", "/tmp/x"], ["nginx", "-T", "-g", "user root;"],
                      ["readlink", "/proc/1/exe", "/etc/shadow"], ["readlink", "/proc/1 /exe"], ["readlink", "/proc/self/exe"],
                      ["docker", "ps", "--filter", "publish=5432", "--format", "{{.Names}}", "-a"], ["docker", "ps"],
                      ["docker", "start", "--", "web-database", "other"], ["docker", "start", "--", "other"], ["docker", "run", "x"],
                      ["docker", "exec", "web-database", "sh"], ["docker", "container", "inspect", "--", "web-database"],
                      ["kill", "-TERM", "1", "2"], ["kill", "-TERM", "-1"], ["kill", "-HUP", "1"], ["kill", "-9", "1"],
                      ["systemctl", "restart", "--", "ssh.service"], ["systemctl", "restart", "--", "nginx.service", "ssh.service"],
                      ["systemctl", "stop", "--", "nginx.service"], ["timeout", "5", "du", "-xk", "--max-depth=3", "--", "/root"],
                      ["sysctl", "-w", "vm.drop_caches=1"], ["setsid", "-f", "/bin/sh"]):
            status, output = self.ops("sudo", "-n", "--", *words)
            self.assertEqual(status, 1, f"{words} was allowed: {output}")
            self.assertRegex(output, r"password is required|not allowed|may not run", f"{words}")


if __name__ == "__main__":
    unittest.main()
