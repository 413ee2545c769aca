"""docs/vectors.txt, which the Rust tests write and compare: read, checked, and written again byte for byte."""

import pathlib
import unittest

import wire

VECTORS = pathlib.Path(__file__).parents[2] / "docs" / "vectors.txt"
SESSION = 0x0807060504030201


def vectors():
    for line in VECTORS.read_text().splitlines():
        if not line.startswith("#"):
            name, text = line.split()
            yield name, bytes.fromhex(text)


def parse(frame):
    _, _, _, _, archive, names, _, _ = wire.PREFIX.unpack_from(frame)
    head = wire.PREFIX.size + archive + names
    return wire.read(frame[:head], [frame[head:]])


class Vectors(unittest.TestCase):
    def test_every_kind_is_read_and_written_again(self):
        kinds = []
        for name, frame in vectors():
            with self.subTest(name):
                kind, session, items = parse(frame)
                kinds.append(kind)
                self.assertEqual(session, SESSION)
                if kind == wire.VALIDATE:  # written by agents alone, which leave a repeated topic out
                    (head, (_, id), payload), index = items[1], 1
                    items[index] = (head, [b"", id], payload)
                if kind == wire.DELIVER:
                    (head, (_, id), payload), index = items[1], 1
                    items[index] = (head, [b"", id], payload)
                self.assertEqual(b"".join(wire.write(kind, session, items)), frame)
        self.assertEqual(kinds, list(wire.LAYOUT))

    def test_values_are_those_of_the_rust_tests(self):
        of = {name: parse(frame)[2] for name, frame in vectors()}
        (ticket, deadline_us, _, network, *_), (topic, id), payload = of["Validate"][0]
        self.assertEqual((ticket, deadline_us, network, topic, id, bytes(payload)), (0x200000007, 3_500_000, 1, b"a/b", b"\xde\xad", b"first"))
        self.assertEqual([names[0] for _, names, _ in of["Validate"]], [b"a/b", b"a/b", b"c"])
        self.assertEqual([(head[0], head[1], head[2], head[3]) for head, _, _ in of["Verdict"]][0], (0x200000007, 1, 0, wire.ACCEPT))
        self.assertEqual([head[3] for head, _, _ in of["Verdict"]], [wire.ACCEPT, wire.IGNORE, wire.REJECT])
        self.assertEqual([(head[0], bytes(payload)) for head, _, payload in of["Deliver"]], [(42, b"one"), (43, b"two")])
        self.assertEqual(of["Gap"][0][0], (44, 50, 6, 3, 3))
        (counter, count, network, _, cause), (topic,), _ = of["Unverified"][0]
        self.assertEqual((counter, count, network, topic, cause), (51, 9, 3, b"a/b", 42))
        (request, peers, _, _, status, _), (id, text), _ = of["Published"][0]
        self.assertEqual((request, peers, status, id, text), (77, 5, 6, b"\xab\xcd", b"all full"))

    def test_what_is_no_frame_is_refused(self):
        frame = dict(vectors())["Ping"]
        for bad in (b"PMQ2" + frame[4:], frame[:4] + b"\x63" + frame[5:], frame + b"x", frame[:-1]):
            with self.assertRaises(ValueError):
                wire.read(bad, [])


if __name__ == "__main__":
    unittest.main()
