#!/usr/bin/env python3
"""Records what the kernel does under random rulesets of nftables: each ruleset as `nft -j list ruleset` prints it, and for real
connections whether they came through. `diagnosis_test` holds the walk over nft's JSON against it: what it calls dropped was dropped.

    python3 tests/record_nft.py src/diagnosis/testdata/nft_kernel.txt [--rulesets N] [--seed N]

As root, with nft and ip. Makes two network namespaces without a name, which go with it."""
import argparse
import os
import pathlib
import random
import re
import socket
import subprocess
import sys
import time

PORTS = (80, 81, 443, 8050)
SOURCES = ("10.99.0.1", "10.99.0.7", "fd99::1")
WAIT = 0.15  # seconds in which a connection over a cable in memory is made, or is not


class Maker:
    """Random tables: valid more often than not."""

    def __init__(self, seed):
        self.r = random.Random(seed)

    def one(self, *choices):
        return self.r.choice(choices)

    def ports(self):
        single = str(self.one(*PORTS, 22, 9999))
        several = "{ " + ", ".join(dict.fromkeys(self.one(single, "8000-8040", "600-700") for _ in range(3))) + " }"
        return self.one(single, single, "80-90", "8000-8100", "400-500", several, "@web", "< 100", ">= 443", "<= 80", "> 8000")

    def match(self, family):
        no = self.one("", "", "", "!= ")
        ports = self.ports()
        source = self.one("10.99.0.1", "10.99.0.0/24", "10.0.0.0/8", "10.99.0.5-10.99.0.9", "{ 10.99.0.1, 192.0.2.0/24 }", "@bad", "0.0.0.0/0")
        both = ["tcp dport " + (no if ports[0] not in "<>" else "") + ports] * 6 + [f"ip saddr {no}{source}"] * 3 + [
            f"iifname {no}" + self.one('"lo"', '"vb"', '"docker0"', '"eth*"', '{ "lo", "vb" }'),
            "ct state " + self.one("new", "established,related", "invalid", "!= new", "{ new, established }", "!= { established, related }", "untracked"),
            f"meta l4proto {no}" + self.one("tcp", "udp", "{ tcp, udp }", "icmp"), f"udp dport {no}80", "ip saddr . tcp dport @pairs",
            "meta mark " + self.one("0", "1", "!= 0"), "ip daddr 10.99.0.2", "ip ttl 64", "fib daddr type local", "tcp flags & (syn|ack) == syn",
            "limit rate 1000/second", "ip protocol " + self.one("tcp", "udp")]
        inet = [f"ip6 saddr {no}" + self.one("fd99::/64", "fd99::1", "2001:db8::/32", "@bad6"), "meta nfproto " + self.one("ipv4", "ipv6")]
        return self.one(*both, *(inet if family == "inet" else []))

    def verdict(self, chains):
        jumps = [f"{word} {chain}" for word in ("jump", "goto") for chain in chains]
        plain = self.one("accept", "accept", "drop", "drop", "reject", "return", "counter", "continue", 'log prefix "x" drop', "meta mark set 1", *jumps)
        if self.r.random() > 0.15:
            return plain
        to = [self.one("accept", "drop", "return", "continue", *(f"jump {chain}" for chain in chains)) for _ in range(4)]
        keys = self.r.sample(("80", "81", "443", "8000-8100", "22"), 3)
        some = ", ".join(f"{key} : {verdict}" for key, verdict in zip(keys, to)) + self.one("", f", * : {to[3]}")
        return self.one(f"tcp dport vmap {{ {some} }}", f"ct state vmap {{ new : {to[0]}, established : accept, invalid : drop }}",
                        f'iifname vmap {{ "lo" : accept, "vb" : {to[0]} }}', "tcp dport vmap @verdicts")

    def rule(self, chains, family):
        return "  " + " ".join([self.match(family) for _ in range(self.one(0, 1, 1, 1, 2, 2, 3))] + [self.verdict(chains)]) + "\n"

    def table(self, number, family):
        out = f"table {family} t{number} {{\n"

        def named(kind, name, head, elements):
            return f" {kind} {name} {{ {head}; elements = {{ {', '.join(elements)} }}\n }}\n"

        out += named("set", "web", "type inet_service; flags interval", self.r.sample(("80", "443", "8000-8100", "90-99"), 2))
        out += named("set", "bad", "type ipv4_addr; flags interval", self.r.sample(("10.99.0.1", "192.0.2.0/24", "10.99.0.6-10.99.0.20"), 2))
        out += named("set", "bad6", "type ipv6_addr", [self.one("fd99::1", "fd99::9")])
        out += named("set", "pairs", "type ipv4_addr . inet_service; flags interval",
                     self.r.sample(("10.99.0.0/24 . 80", "10.99.0.7 . 80-90", "10.99.0.1 . 443"), 2))
        for name, later in (("c", ""), ("b", "c"), ("a", "bc")):
            out += f" chain {name} {{\n{''.join(self.rule(later, family) for _ in range(self.one(0, 1, 2, 3)))} }}\n"
        out += named("map", "verdicts", "type inet_service : verdict; flags interval",
                     ["80 : " + self.one("drop", "jump b", "accept", "goto c"), "443 : accept", "8000-8100 : jump a"])
        for base in range(self.one(1, 1, 2)):
            if self.r.random() < 0.15:
                out += f" chain n{base} {{ type nat hook prerouting priority {self.one('dstnat', '-90', '-110')}; policy accept;\n"
                out += f"  tcp dport {self.one(*PORTS)} redirect to :{self.one(*PORTS)}\n }}\n"
                continue
            hook, policy = self.one("input", "input", "input", "prerouting", "forward"), self.one("accept", "accept", "drop")
            out += f" chain base{base} {{ type filter hook {hook} priority {self.one(-310, -300, -201, -199, -150, -10, 0, 0, 5)}; policy {policy};\n"
            out += "".join(self.rule("abc", family) for _ in range(self.one(1, 2, 3, 4, 5, 6))) + " }\n"
        return out + "}\n"

    def ruleset(self):
        return "".join(self.table(number, self.one("inet", "inet", "ip")) for number in range(self.one(1, 1, 2)))


def came_through():
    """{(source, port): whether a connection was made}, all at the same time."""
    tries = {}
    for source in SOURCES:
        six = ":" in source
        for port in PORTS:
            s = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_STREAM)
            s.setblocking(False)
            s.bind((source, 0))
            s.connect_ex(("fd99::2" if six else "10.99.0.2", port))
            tries[source, port] = s
    time.sleep(WAIT)
    out = {}
    for key, s in tries.items():
        try:
            s.getpeername()
            out[key] = True
        except OSError:
            out[key] = False
        s.close()
    return out


SERVER = """
import select, socket
all = [socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=512) for port in PORTS]
while True:
    for s in select.select(all, [], [])[0]:
        s.accept()[0].close()
"""


def sh(*argv, at=None, text=None):
    """Runs a command, in the network namespace of process `at`."""
    enter = ["nsenter", f"--net=/proc/{at}/ns/net"] if at else []
    return subprocess.run([*enter, *argv], input=text, capture_output=True, text=True, check=False)


def must(*argv, at=None):
    done = sh(*argv, at=at)
    if done.returncode:
        sys.exit(f"{' '.join(argv)}: {done.stderr.strip()}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--rulesets", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if "RECORD_NFT_INSIDE" not in os.environ:
        os.environ["RECORD_NFT_INSIDE"] = "1"
        os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv])
    server = subprocess.Popen(["unshare", "--net", sys.executable, "-c", SERVER.replace("PORTS", repr(PORTS))])
    try:
        time.sleep(1)
        must("ip", "link", "add", "va", "type", "veth", "peer", "name", "vb", "netns", str(server.pid))
        for at, device, addresses in ((None, "va", ("10.99.0.1/24", "10.99.0.7/24", "fd99::1/64")), (server.pid, "vb", ("10.99.0.2/24", "fd99::2/64"))):
            for address in addresses:
                must("ip", "address", "add", address, "dev", device, *(["nodad"] if ":" in address else []), at=at)
            must("ip", "link", "set", device, "up", at=at)
        must("ip", "link", "set", "lo", "up", at=server.pid)
        end = time.monotonic() + 10
        while not all(came_through().values()):
            if time.monotonic() > end:
                sys.exit("no connection even without a rule")
        maker, lines, kept = Maker(arguments.seed), [], 0
        while kept < arguments.rulesets:
            must("nft", "flush", "ruleset", at=server.pid)
            if sh("nft", "-f", "-", at=server.pid, text=maker.ruleset()).returncode:
                continue  # rules that nft does not take
            listed = sh("nft", "-j", "list", "ruleset", at=server.pid).stdout.strip()
            lines.append(re.sub(r"(?<=[:,]) ", "", listed))
            lines += [f"{source} {port} {'through' if through else 'dropped'}" for (source, port), through in came_through().items()]
            kept += 1
        arguments.out.write_text("\n".join(lines) + "\n")
    finally:
        server.kill()


if __name__ == "__main__":
    main()
