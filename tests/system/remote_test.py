#!/usr/bin/env python3
"""Remote write in and remote read, with a real Prometheus at the other end."""
import time
import unittest

from raksa_daemon import ROOT, Daemon, free_port, wait_for
from remote_peers import Prometheus, samples

CONFIG = """
listen: 127.0.0.1:{port}
data_dir: {dir}/data
defaults: {interval: 1s, timeout: 500ms}
targets:
  - name: here
    address: 127.0.0.1
    ports: [{port}]
rules: []
remote_write_receiver: true
"""


class Receiver(unittest.TestCase):
    def test_a_real_prometheus_pushes_into_raksa_and_reads_back(self):
        with Daemon(CONFIG) as raksa:
            url = f"http://127.0.0.1:{raksa.port}"
            port = free_port()
            config = f"""
global: {{scrape_interval: 1s, external_labels: {{site: bangkok}}}}
scrape_configs:
  - job_name: itself
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
remote_write:
  - {{url: "{url}/api/v1/write", queue_config: {{batch_send_deadline: 500ms}}, metadata_config: {{send_interval: 1s}}}}
remote_read:
  - {{url: "{url}/api/v1/read", read_recent: true, filter_external_labels: false}}
"""
            peer = Prometheus(config)
            peer.port, peer.url = port, f"http://127.0.0.1:{port}"
            with peer:
                selector = '{job="itself",__name__!~"ALERTS.*"}'
                self.assertTrue(wait_for(lambda: raksa.query('up{job="itself"}'), 20), raksa.log_text())
                came = wait_for(lambda: (lambda found: found if len(found) > 4 else None)(samples(raksa.query, 'up{job="itself"}', *self.span(10))), 15)
                self.assertTrue(came, raksa.log_text())
                # Of a span that ends with a scrape that has come, and does not move: the rest of it follows.
                end = max(t for _, t in came) / 1000
                here = wait_for(lambda: self.both(peer, raksa, selector, end - 3, end), 15)
                self.assertTrue(here, f"what both have differs: {self.differs}")
                self.assertGreater(len({labels for labels, _ in here}), 300, "the series of Prometheus itself")
                # Its metadata came too.
                known = wait_for(lambda: raksa.json("/api/v1/metadata", metric="prometheus_build_info")["data"], 10)
                self.assertEqual(known["prometheus_build_info"][0]["type"], "gauge")
                # Prometheus reads Raksa's own series, with each kind of matcher.
                for matcher in ('target="here"', 'target=~"h.*"', 'target!="there"', 'target!~"t.*"'):
                    found = wait_for(lambda m=matcher: peer.query(f'ping{{{m}}}'), 10)
                    self.assertEqual([one["metric"]["target"] for one in found or []], ["here"], matcher)
                    self.assertEqual(found[0]["value"][1], "1")
                self.assertEqual(peer.query("nothing_of_that_name"), [])

    differs = None

    def span(self, seconds):
        now = time.time()
        return now - seconds, now

    def both(self, peer, raksa, selector, start, end):
        """What Raksa has, when Prometheus itself (its remote read switched off by a matcher on what only it has) has the
        same but for the external label."""
        there = {k: repr(float(v)) for k, v in samples(peer.query, selector.replace("{", '{site="",'), start, end).items()}
        here = {(tuple(p for p in labels if p[0] != "site"), t): repr(float(v))
                for (labels, t), v in samples(raksa.query, selector, start, end).items()}
        self.differs = list(set(there.items()) ^ set(here.items()))[:5]
        return here if here and there == here else None

    def test_what_is_refused_and_how(self):
        with Daemon(CONFIG) as raksa:
            def post(body, **headers):
                return raksa.request("POST", "/api/v1/write", body, {"Content-Encoding": "snappy", **headers})
            status, text = post(b"no snappy")
            self.assertEqual((status, text.split(":")[0]), (400, "write request"))
            self.assertEqual(post(b"\xff\xff\xff\xff\x0f\x00")[0], 413, "4 GiB declared")
            self.assertEqual(post(b"\x00", **{"Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"})[0],
                             415)
            self.assertEqual(post(b"\x00")[0], 204, "nothing is nothing")
            self.assertEqual(raksa.request("POST", "/api/v1/read", b"x", {"Content-Encoding": "snappy"})[0], 400)
            self.assertEqual(raksa.request("POST", "/api/v1/query", "query=1", {"Content-Encoding": "snappy"})[0], 415)
        with Daemon(CONFIG.replace("remote_write_receiver: true", "")) as raksa:
            self.assertEqual(raksa.request("POST", "/api/v1/write", b"\x00", {"Content-Encoding": "snappy"})[0], 404)


if __name__ == "__main__":
    unittest.main()
