"""Every argument of the parents works or is refused, in words and with exit code 64 (argparse's: 2)."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).parent
URL = "zmq+ipc:///nowhere/zmq.ipc"


class Arguments(unittest.TestCase):
    def refused(self, program, *args, says, code=64, **options):
        with self.subTest(program=program, args=[str(arg)[:100] for arg in args]):
            options = dict(capture_output=True, timeout=30, stdin=subprocess.DEVNULL) | options
            ended = subprocess.run([sys.executable, HERE / program, *args], **options)
            said = ended.stderr.decode()
            self.assertNotIn("Traceback", said)
            self.assertIn(says, said)
            self.assertEqual(ended.returncode, code, said)

    def test_addresses(self):
        for url in ("", "weather", "unix:///run/pmq/agent.sock", "zmq+ipc://", "zmq+ipc://relative", "zmq+http://127.0.0.1:1", "ipc:///run/pmq/zmq.ipc"):
            self.refused("parent.py", url, "weather", "--consume", "printer", says="is no address: take zmq+ipc:///path or zmq+tcp://ip:port")
            self.refused("small_parent.py", url, says="is no address")
        for url in ("zmq+tcp://", "zmq+tcp://:1", "zmq+tcp://127.0.0.1", "zmq+tcp://127.0.0.1:0", "zmq+tcp://127.0.0.1:70000", "zmq+tcp://127.0.0.1:port", "zmq+ipc:///" + "x" * 200):
            self.refused("parent.py", url, "weather", "--verify", "", says=url)
            self.refused("small_parent.py", url, says=url)
        for address in ("", "nowhere", ":8001", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:port", "http://127.0.0.1:8001", "unix:relative", "unix:/" + "x" * 107):
            self.refused("grpc_parent.py", address, says="is no address of an agent; usage: ")

    def test_names(self):
        self.refused("parent.py", URL, "", "--verify", "report", says="the network has 0 bytes, 1 to 64 are possible")
        self.refused("parent.py", URL, "w" * 65, "--verify", "report", says="the network has 65 bytes")
        self.refused("parent.py", URL, b"\xff", "--verify", "report", says="is not UTF-8")
        self.refused("parent.py", URL, "weather", "--publish", "", says="the topic has 0 bytes, 1 to 1024 are possible")
        self.refused("parent.py", URL, "weather", "--publish", "t" * 1025, says="the topic has 1025 bytes")
        self.refused("parent.py", URL, "weather", "--consume", "c" * 65536, says="the consumer's name has 65536 bytes")
        self.refused("parent.py", URL, "weather", says="nothing to do: take --verify, --consume or --publish")
        self.refused("parent.py", URL, "weather", "--publish", "t", says="stdin, which is closed", stdin=None, preexec_fn=lambda: os.close(0))

    def test_what_is_missing_or_too_much(self):
        self.refused("parent.py", says="usage: ", code=2)
        self.refused("parent.py", URL, "weather", "--token-file", "/nowhere/token", says="/nowhere/token", code=2)
        for program in ("small_parent.py", "grpc_parent.py"):
            self.refused(program, says=f"usage: {program} ")
            self.refused(program, "one", "two", "three", says=f"usage: {program} ")

    def test_tokens(self):
        with tempfile.TemporaryDirectory() as dir:
            for content in (b"", b"\n", b"\xff\xfe", "tök".encode(), b"two\nlines"):
                path = pathlib.Path(dir, "token")
                path.write_bytes(content)
                self.refused("grpc_parent.py", "127.0.0.1:8001", path, says=str(path))
            self.refused("grpc_parent.py", "127.0.0.1:8001", pathlib.Path(dir), says="cannot be read")
            self.refused("grpc_parent.py", "127.0.0.1:8001", pathlib.Path(dir, "none"), says="cannot be read")


if __name__ == "__main__":
    unittest.main()
