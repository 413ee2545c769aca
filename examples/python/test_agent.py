"""Two real agents, and parent.py as the parent of both: one publishes, the other one verifies and consumes, and outlives its agent.

The program is $PMQ, or target/debug/pmq.
"""

import json
import os
import pathlib
import queue
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).parent
PMQ = pathlib.Path(os.environ.get("PMQ", HERE.parents[1] / "target" / "debug" / "pmq")).resolve()
SOON = 30  # seconds within which anything must come

NETWORK = """
version = 1
name = "weather"
topics = ["weather.*"]
subscribe = ["weather.reports"]
[[stage]]
use = "validation-queue"
[[stage]]
use = "delivery"
"""

AGENT = """
version = 1
networks = ["weather.toml"]
[gossip]
listen = ["/ip4/127.0.0.1/tcp/{gossip}"]
peers = {peers}
publish_wait = "5s"
[attach.unix]
path = "{dir}/run/agent.sock"
[attach.zeromq]
bind = ["zmq+ipc://{dir}/run/zmq.ipc", "zmq+tcp://127.0.0.1:{attach}"]
[[attach.zeromq.token]]
name = "python"
file = "{dir}/token"
[[attach.grant]]
uid = "self"
[[attach.grant]]
token = "python"
roles = ["verify", "consume"]
[ops]
listen = "127.0.0.1:{ops}"
"""


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Agent:
    process = None

    def __init__(self, dir, peers=()):
        self.dir = dir
        (dir / "run").mkdir(mode=0o700, parents=True)
        self.gossip, self.attach, self.ops = free_ports(3)
        (dir / "weather.toml").write_text(NETWORK)
        (dir / "pmq.toml").write_text(AGENT.format(gossip=self.gossip, attach=self.attach, ops=self.ops, dir=dir, peers=json.dumps(list(peers))))
        (dir / "token").touch(mode=0o600)
        (dir / "token").write_text(secrets.token_hex(32))

    def start(self):
        self.log = open(self.dir / "log", "ab")
        self.process = subprocess.Popen([PMQ, "run", "-c", "pmq.toml"], cwd=self.dir, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.log)
        health = self.health_when(lambda health: health["subsystems"]["attach"]["ready"])
        self.listen = health["subsystems"]["gossip"]["detail"]["listen"][0]

    def ask(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ops}{path}", timeout=SOON) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as not_ready:
            return not_ready.read().decode()

    def health_when(self, when):
        deadline = time.monotonic() + SOON
        while True:
            try:
                health = json.loads(self.ask("/health"))
                if when(health):
                    return health
            except (OSError, KeyError):
                pass  # not up yet
            assert self.process.poll() is None, (self.dir / "log").read_text()
            assert time.monotonic() < deadline, (self.dir / "log").read_text()
            time.sleep(0.05)

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.log.close()


class Parent:
    """parent.py in a process of its own."""

    def __init__(self, *args, program="parent.py"):
        pipe = subprocess.PIPE
        command = [sys.executable, HERE / program, *args]
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        self.lines = queue.Queue()
        self.readers = [threading.Thread(target=self.read, args=(stream,)) for stream in (self.process.stdout, self.process.stderr)]
        for reader in self.readers:
            reader.start()

    def read(self, stream):
        with stream:
            for line in stream:
                self.lines.put(line.rstrip("\n"))

    def until(self, expected):
        """The lines up to the expected one."""
        seen = []
        while not seen or expected not in seen[-1]:
            try:
                seen.append(self.lines.get(timeout=SOON))
            except queue.Empty:
                raise AssertionError(f"{expected!r} did not come: {seen}") from None
        return seen

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        for reader in self.readers:
            reader.join()


class RealAgents(unittest.TestCase):
    def setUp(self):
        dir = tempfile.TemporaryDirectory()
        self.addCleanup(dir.cleanup)
        self.near = self.agent(pathlib.Path(dir.name) / "near")
        self.far = self.agent(pathlib.Path(dir.name) / "far", [self.near.listen])

    def agent(self, *args):
        agent = Agent(*args)
        self.addCleanup(agent.kill)
        agent.start()
        return agent

    def parent(self, *args, **options):
        parent = Parent(*args, **options)
        self.addCleanup(parent.stop)
        return parent

    def publish(self, *lines):
        parent = self.parent(f"zmq+ipc://{self.near.dir}/run/zmq.ipc", "weather", "--publish", "weather.reports")
        parent.process.stdin.write("\n".join(lines))
        parent.process.stdin.close()
        self.assertEqual(parent.process.wait(timeout=SOON), 0)

    def test_verifies_consumes_and_publishes(self):
        url, token = f"zmq+tcp://127.0.0.1:{self.far.attach}", self.far.dir / "token"
        node = self.parent(url, "weather", "--token-file", token, "--verify", "report", "--consume", "printer")
        node.until("attached to weather")
        self.publish("report 1", "forged", "report 2", "report 3")
        got = node.until("report 3")
        self.assertEqual(got, [f"weather.reports report {number}" for number in (1, 2, 3)])
        metrics = self.far.ask("/metrics")
        reasons = [line for line in metrics.splitlines() if line.startswith("pmq_parent_reasons_total") and 'code="7"' in line]
        self.assertEqual([line.split()[-1] for line in reasons], ["1"], metrics)

        # The agent is killed and comes back: so does the parent, by itself.
        self.far.kill()
        self.far.start()
        node.until("attached to weather")
        self.publish("report 4")
        self.assertIn("weather.reports report 4", node.until("report 4"))

    def test_the_small_parent_of_the_docs(self):
        node = self.parent(f"zmq+ipc://{self.far.dir}/run/zmq.ipc", program="small_parent.py")
        node.until("attached to weather")
        self.publish("forged", "report 1")
        self.assertEqual(node.until("report 1"), ["weather.reports report 1"])

    def test_an_empty_prefix_accepts_everything_and_an_empty_name_is_a_consumer_without_one(self):
        node = self.parent(f"zmq+ipc://{self.far.dir}/run/zmq.ipc", "weather", "--verify", "", "--consume", "")
        node.until("attached to weather")
        self.publish("anything")
        self.assertEqual(node.until("anything"), ["weather.reports anything"])

    def test_a_parent_whose_place_another_one_takes_ends(self):
        url = f"zmq+ipc://{self.far.dir}/run/zmq.ipc"
        first = self.parent(url, "weather", "--consume", "printer")
        first.until("attached to weather")
        self.parent(url, "weather", "--consume", "printer").until("attached to weather")
        first.until("refused (code 11)")
        self.assertEqual(first.process.wait(timeout=SOON), 1)

    def test_a_parent_without_the_token_or_the_role_is_refused(self):
        url = f"zmq+tcp://127.0.0.1:{self.far.attach}"
        self.parent(url, "weather", "--verify", "report").until("refused")
        producer = self.parent(url, "weather", "--token-file", self.far.dir / "token", "--publish", "weather.reports")
        self.assertIn("produce", producer.until("refused")[-1])


if __name__ == "__main__":
    unittest.main()
