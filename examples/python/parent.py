#!/usr/bin/env python3
"""A parent of a PMQ agent: verifies, consumes and publishes over ZeroMQ.

    parent.py zmq+ipc:///run/pmq/zmq.ipc weather --verify report --consume printer
"""

import argparse
import itertools
import os
import sys
import time

import zmq

from wire import *

OPEN, LEAVE = b"PMQZ\x01", b"PMQZ\x00"
DEAD = 3.0  # seconds of silence after which the other end is dead
WINDOW = (1024, 16 << 20)  # credit: messages and payload bytes that may wait here
FOR_GOOD = {1, 2, 3, 11, 18}  # refusals that another attempt does not mend: version, role, network, replaced, group


def refuse(what):
    """An argument that cannot work ends the program."""
    print(what, file=sys.stderr)
    raise SystemExit(64)


def name(what, text, shortest, longest):
    """The bytes of a name, which a frame has room for."""
    try:
        name = text.encode()
    except UnicodeEncodeError:
        refuse(f"{what} {text!r} is not UTF-8")
    if not shortest <= len(name) <= longest:
        refuse(f"{what} has {len(name)} bytes, {shortest} to {longest} are possible")
    return name


class Parent:
    """Does what it is told to for one network. A new session, from the cursor on, whenever the agent is gone."""

    def __init__(self, url, network, token=b"", verify=None, consume=None, publish=None):
        host, _, port = url.removeprefix("zmq+tcp://").rpartition(":")  # libzmq takes no host, and any port modulo 65,536
        tcp = url.startswith("zmq+tcp://") and host and port.isascii() and port.isdigit() and 0 < int(port) < 65536
        if not tcp and not url.startswith("zmq+ipc:///"):
            refuse(f"{url!r} is no address: take zmq+ipc:///path or zmq+tcp://ip:port")
        self.endpoint, self.network, self.token = url.removeprefix("zmq+"), name("the network", network, 1, 64), token
        self.verify, self.consume = verify, None if consume is None else name("the consumer's name", consume, 0, 65535)
        self.publish = None if publish is None else name("the topic", publish, 1, 1024)
        self.roles = (verify is not None) | (consume is not None) * 2 | (publish is not None) * 4
        if not self.roles:
            refuse("nothing to do: take --verify, --consume or --publish")
        self.socket, self.cursor, self.requests, self.unanswered, self.pause = None, (0, 0), itertools.count(1), {}, 0.1

    def connect(self):
        self.close()  # a new socket for each session: what is left in the old one must not reach the new agent
        self.socket, self.session, self.index = zmq.Context.instance().socket(zmq.DEALER), 0, None
        try:
            self.socket.connect(self.endpoint)
        except zmq.ZMQError as error:  # of the address: nothing is sent yet
            refuse(f"zmq+{self.endpoint}: {error}")
        self.socket.send_multipart([OPEN, self.token])
        names = [self.network, self.consume or b"", b"", b"parent.py"]  # third: a group of verifiers
        self.heard = self.since = time.monotonic()
        self.send(HELLO, ((1, self.roles, 0, *WINDOW, *WINDOW, *self.cursor, *map(len, names)), names, b""))

    def close(self):
        if self.socket:
            if self.socket.poll(0, zmq.POLLOUT):
                self.socket.send_multipart([LEAVE])
            self.socket.close(linger=500)
            self.socket = None

    def send(self, kind, *items):
        if self.socket.poll(int(DEAD * 1000), zmq.POLLOUT):  # an agent that reads nothing for so long is dead, too
            self.socket.send_multipart(write(kind, self.session, items))

    def run(self, lines=None):
        """Until interrupted; if it only publishes, until `lines` (a file descriptor) have ended and all of them are answered."""
        self.connect()
        rest, whole = b"", []
        while lines is not None or whole or self.unanswered or self.roles != 4:
            poller = zmq.Poller()
            poller.register(self.socket, zmq.POLLIN)
            while whole and self.index is not None and len(self.unanswered) < 512 and self.socket.poll(0, zmq.POLLOUT):
                self.say(whole.pop(0))
            if lines is not None and not whole:
                poller.register(lines, zmq.POLLIN)
            for source, _ in poller.poll(250):
                if source is self.socket:
                    self.receive()
                else:
                    now = os.read(lines, 4096)
                    *whole, rest = (rest + now).split(b"\n")
                    whole, lines = (whole, lines) if now else ([rest] if rest else [], None)
            if time.monotonic() - self.heard > DEAD:
                self.connect()

    def say(self, line):
        request, topic = next(self.requests), self.publish
        self.unanswered[request] = line
        self.send(PUBLISH, ((request, len(line), self.index, len(topic)), [topic], line))

    def receive(self):
        parts = self.socket.recv_multipart()
        self.heard = time.monotonic()
        if parts[0] == LEAVE:
            self.pause = 0.1 if time.monotonic() - self.since > 1 else min(2 * self.pause, 5)
            time.sleep(self.pause)
            return self.connect()
        kind, session, items = read(parts[0], parts[1:])
        if kind == WELCOME:
            (_, self.index, _, *cursor), self.session = items[0][0][:5], session
            self.cursor, again, self.unanswered = cursor, self.unanswered, {}
            print(f"attached to {self.network.decode()}", file=sys.stderr, flush=True)
            for line in again.values():  # a publish is told by its content, so it may be repeated
                self.say(line)
        elif kind == VALIDATE:
            self.send(VERDICT, *(self.judge(*item) for item in items))
        elif kind in (DELIVER, GAP, UNVERIFIED):
            self.consumed(kind, items)
        elif kind == PUBLISHED:
            for (request, _, _, _, status, _), (_, text), _ in items:
                if self.unanswered.pop(request, None) is not None and status > 2:
                    print(f"not published (status {status}): {text.decode()}", file=sys.stderr)
        elif kind == PING:
            self.send(PONG, *items)
        elif kind == REFUSE:
            (about, _, code, _, fatal), (text,), _ = items[0]
            self.unanswered.pop(about, None)
            print(f"refused (code {code}): {text.decode()}", file=sys.stderr)
            if fatal and code in FOR_GOOD:
                raise SystemExit(1)

    def judge(self, head, names, payload):
        verdict, code, text = self.verify(names[0].decode(), bytes(payload))
        return (head[0], head[3], code, verdict, len(text)), [text], b""

    def consumed(self, kind, items):
        for head, names, payload in items:
            if kind == DELIVER:
                print(names[0].decode(), bytes(payload).decode(errors="replace"), flush=True)
            else:
                what = f"gap: {head[2]} messages are missing" if kind == GAP else f"{names[0].decode()}: {head[1]} without a verdict"
                print(f"{what}, reason {head[4]}", flush=True)
            self.cursor = (self.cursor[0], head[1] if kind == GAP else head[0])
        self.send(ACK, ((self.cursor[1], self.index), [], b""))


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("url", help="zmq+ipc:///path or zmq+tcp://ip:port")
    args.add_argument("network")
    args.add_argument("--verify", metavar="PREFIX", help="accept what starts so (an empty one: everything), reject the rest")
    args.add_argument("--consume", metavar="NAME", help="print what is delivered, under that consumer's name")
    args.add_argument("--publish", metavar="TOPIC", help="publish the lines of stdin")
    args.add_argument("--token-file", help="for zmq+tcp", type=argparse.FileType("rb"))
    args = args.parse_args()
    starts = lambda _, payload: (ACCEPT, 0, b"") if payload.startswith(os.fsencode(args.verify)) else (REJECT, 7, b"unknown prefix")
    token, verify = args.token_file.read().strip() if args.token_file else b"", None if args.verify is None else starts
    parent = Parent(args.url, args.network, token, verify, args.consume, args.publish)
    if args.publish and sys.stdin is None:
        refuse("--publish reads stdin, which is closed")
    try:
        parent.run(sys.stdin.fileno() if args.publish else None)
    finally:
        parent.close()


if __name__ == "__main__":
    main()
