#!/usr/bin/python3
# Tests of lab/fake-line, the stand-in for the LINE Messaging API: its refusals, its retry keys, its faults.
"""Tests of lab/fake-line."""

import base64
import hashlib
import hmac
import http.client
import json
import pathlib
import subprocess
import tempfile
import unittest
import uuid

PROGRAM = pathlib.Path(__file__).resolve().parents[2] / "lab" / "fake-line"
PUSH = "/v2/bot/message/push"


def text(value="hello"):
    return {"type": "text", "text": value}


class FakeLine(unittest.TestCase):
    """One server for all tests, reset before each."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        folder = pathlib.Path(cls.folder.name)
        (folder / "token").write_text("sesame\n", encoding="utf-8")
        (folder / "secret").write_text("salt\n", encoding="utf-8")
        cls.record = folder / "messages.jsonl"
        cls.server = subprocess.Popen(
            [PROGRAM, "--port", "0", "--record", cls.record, "--token-file", folder / "token",
             "--hook-secret-file", folder / "secret"], stdout=subprocess.PIPE, text=True)
        cls.port = int(cls.server.stdout.readline().removeprefix("port "))

    @classmethod
    def tearDownClass(cls):
        cls.server.terminate()
        cls.server.wait(timeout=5)
        cls.server.stdout.close()
        cls.folder.cleanup()

    def setUp(self):
        self.call("POST", "/control/reset", {})

    def call(self, method, path, body=None, headers=None, raw=None, seconds=5):
        """(status, headers, decoded answer) of one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            data = raw if raw is not None else (None if body is None else json.dumps(body).encode())
            sent = {"Authorization": "Bearer sesame", "Content-Type": "application/json", **(headers or {})}
            connection.request(method, path, data, {k: v for k, v in sent.items() if v is not None})
            answer = connection.getresponse()
            return answer.status, answer.headers, json.loads(answer.read())
        finally:
            connection.close()

    def push(self, messages, headers=None, to="C0123"):
        return self.call("POST", PUSH, {"to": to, "messages": messages}, headers)

    def control(self, **settings):
        self.assertEqual(self.call("POST", "/control", settings)[0], 200)

    def state(self):
        return self.call("GET", "/control")[2]

    def kept(self):
        return self.call("GET", "/control/messages")[2]

    def test_accepts_and_records_a_push(self):
        status, headers, answer = self.push([text("สวัสดี"), text("two")])
        self.assertEqual(status, 200)
        self.assertEqual(len(answer["sentMessages"]), 2)
        self.assertTrue(headers["x-line-request-id"])
        self.assertEqual(self.kept()[0]["messages"][0]["text"], "สวัสดี")
        last = self.record.read_text(encoding="utf-8").splitlines()[-1]
        self.assertEqual(json.loads(last)["to"], "C0123")

    def test_refuses_what_line_refuses(self):
        bubble = {"type": "bubble", "body": {"type": "box", "layout": "vertical", "contents": []}}
        wrong = {
            "messages": [[], [text()] * 6, "text"],
            "messages[0].text": [[text("")], [text("x" * 5001)], [text("🍎" * 2501)], [{"type": "text"}]],
            "messages[0].type": [[{"type": "telegram"}], [{}]],
            "messages[1].altText": [[text(), {"type": "flex", "contents": bubble}]],
            "messages[0].altText": [[{"type": "flex", "altText": "x" * 1501, "contents": bubble}]],
            "messages[0].contents.type": [[{"type": "flex", "altText": "a", "contents": {"type": "box"}}]],
            "messages[0].contents": [[{"type": "flex", "altText": "a", "contents": {**bubble, "x": "y" * 31000}}]],
            "messages[0].contents.contents": [
                [{"type": "flex", "altText": "a", "contents": {"type": "carousel", "contents": [bubble] * 13}}]],
        }
        for where, bodies in wrong.items():
            for messages in bodies:
                with self.subTest(where=where, messages=str(messages)[:60]):
                    status, _, answer = self.push(messages)
                    self.assertEqual(status, 400)
                    self.assertEqual(answer["message"], "The request body has 1 error(s)")
                    self.assertEqual(answer["details"][0]["property"], where)
        self.assertEqual(self.push([text()], to="somebody")[0], 400)
        self.assertEqual(self.kept(), [])

    def test_counts_text_in_utf16_units(self):
        self.assertEqual(self.push([text("🍎" * 2500)])[0], 200)
        self.assertEqual(self.push([text("x" * 5000)])[0], 200)

    def test_refuses_bodies_that_are_no_json(self):
        for raw in (b"", b"{", b"\xff\xfe", b"[" * 100000, b"[]", b"null"):
            with self.subTest(raw=raw[:10]):
                self.assertEqual(self.call("POST", PUSH, raw=raw)[0], 400)
        self.assertEqual(self.call("POST", PUSH, raw=b"{}", headers={"Content-Type": "text/plain"})[0], 415)

    def test_refuses_a_wrong_token(self):
        for header in ("Bearer wrong", "Bearer ", "Basic sesame", None):
            self.assertEqual(self.push([text()], {"Authorization": header})[0], 401)

    def test_a_repeated_retry_key_counts_once(self):
        key = {"X-Line-Retry-Key": str(uuid.uuid4())}
        _, first, _ = self.push([text()], key)
        status, second, _ = self.push([text()], key)
        self.assertEqual(status, 409)
        self.assertEqual(second["x-line-accepted-request-id"], first["x-line-request-id"])
        self.assertEqual(len(self.kept()), 1)
        self.assertEqual(self.push([text()], {"X-Line-Retry-Key": "not-a-uuid"})[0], 400)

    def test_a_retry_key_on_reply_is_refused(self):
        body = {"replyToken": "t", "messages": [text()]}
        path = "/v2/bot/message/reply"
        self.assertEqual(self.call("POST", path, body, {"X-Line-Retry-Key": str(uuid.uuid4())})[0], 400)
        self.assertEqual(self.call("POST", path, body)[0], 200)
        self.assertEqual(self.state()["used"], 0)

    def test_lost_answer_then_conflict(self):
        key = {"X-Line-Retry-Key": str(uuid.uuid4())}
        self.control(fault="lost_answer", count=1)
        with self.assertRaises((http.client.HTTPException, OSError)):
            self.push([text()], key)
        self.assertEqual(self.push([text()], key)[0], 409)
        self.assertEqual(len(self.kept()), 1)

    def test_both_kinds_of_429(self):
        self.control(fault="rate_limit", count=1)
        status, _, answer = self.push([text()])
        self.assertEqual((status, answer["message"]), (429, "The API rate limit has been exceeded. Try again later."))
        self.control(quota=2, recipients=2)
        self.assertEqual(self.push([text()])[0], 200)
        status, _, answer = self.push([text()])
        self.assertEqual((status, answer["message"]), (429, "You have reached your monthly limit."))

    def test_faults_end_after_their_count(self):
        self.control(fault="server_error", count=2)
        self.assertEqual([self.push([text()])[0] for _ in range(3)], [500, 500, 200])
        self.control(fault="timeout", seconds=0.1, count=1)
        with self.assertRaises((http.client.HTTPException, OSError)):
            self.push([text()])
        self.control(fault="garbage", count=1)
        with self.assertRaises((http.client.HTTPException, OSError)):
            self.push([text()])
        self.assertEqual(self.push([text()])[0], 200)

    def test_quota(self):
        self.push([text()])
        self.assertEqual(self.call("GET", "/v2/bot/message/quota")[2], {"type": "limited", "value": 1000})
        self.assertEqual(self.call("GET", "/v2/bot/message/quota/consumption")[2], {"totalUsage": 1})
        self.control(quota=None)
        self.assertEqual(self.call("GET", "/v2/bot/message/quota")[2], {"type": "none"})

    def test_validate_records_nothing(self):
        self.assertEqual(self.call("POST", "/v2/bot/message/validate/push", {"to": "U1", "messages": [text()]})[0], 200)
        self.assertEqual(self.call("POST", "/v2/bot/message/validate/push", {"to": "U1", "messages": []})[0], 400)
        self.assertEqual(self.kept(), [])

    def test_webhook_signature(self):
        raw = b'{"incident": 1}'
        mac = hmac.new(b"salt", raw, hashlib.sha256)
        stamped = hmac.new(b"salt", b"17." + raw, hashlib.sha256).hexdigest()
        cases = [({"X-Signature": "sha256=" + mac.hexdigest()}, "valid"),
                 ({"X-Signature": base64.b64encode(mac.digest()).decode()}, "valid"),
                 ({"X-Signature": "t=17,v1=" + stamped}, "valid"),
                 ({"X-Signature": "sha256=" + "0" * 64}, "wrong"), ({}, "absent")]
        for headers, wanted in cases:
            self.assertEqual(self.call("POST", "/hook", raw=raw, headers=headers)[0], 200)
            self.assertEqual(self.kept()[-1]["signature"], wanted)
        self.assertEqual(self.kept()[-1]["body"], raw.decode())

    def test_bad_control_requests(self):
        for body in ({"fault": "flood"}, {"faults": 1}, {"count": -1}, {"seconds": "long"}, [], {"used": True}):
            with self.subTest(body=body):
                self.assertEqual(self.call("POST", "/control", body)[0], 400)
        self.assertEqual(self.call("POST", "/control", raw=b"{")[0], 400)

    def test_bodies_are_bounded(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        connection.putrequest("POST", PUSH)
        connection.putheader("Content-Length", str(3 << 20))
        connection.endheaders()
        self.assertEqual(connection.getresponse().status, 413)
        connection.close()
        self.assertEqual(self.call("GET", "/v2/nothing")[0], 404)
        self.assertEqual(self.call("POST", "/v2/bot/message/shout", {})[0], 404)


if __name__ == "__main__":
    unittest.main()
