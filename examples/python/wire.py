"""The frames of docs/wire.md, read and written with `struct` alone."""

import struct

PREFIX = struct.Struct("<4sBBHIIIQ")  # magic, kind, flags, count, archive, names, payloads, session
ROOT = struct.Struct("<iI")  # back to the first head, count

HELLO, WELCOME, VALIDATE, VERDICT, DELIVER, GAP, UNVERIFIED, ACK, CREDIT, PUBLISH, PUBLISHED = range(1, 12)
SUBSCRIBE, UNSUBSCRIBE, THRESHOLDS, MARK, ALLOW_LIST, PAUSE, RESUME, PING, PONG, REFUSE, DONE = range(12, 23)
ACCEPT, IGNORE, REJECT = 1, 2, 3

# kind: the head, which of its fields are the lengths of names (in the names' order), which is the payload's length
LAYOUT = {kind: (struct.Struct(head), names, payload) for kind, head, names, payload in (
    (HELLO, "<HBBIQIQQQHHHH", (9, 10, 11, 12), None), (WELCOME, "<HHBQQQIIQH", (9,), None),
    (VALIDATE, "<QIIHHB", (4, 5), 2), (VERDICT, "<QHHBB", (4,), None),
    (DELIVER, "<QIHHB", (3, 4), 1), (GAP, "<QQQHB", (), None), (UNVERIFIED, "<QQHHB", (3,), None),
    (ACK, "<QH", (), None), (CREDIT, "<QIHB", (), None),
    (PUBLISH, "<QIHH", (3,), 1), (PUBLISHED, "<QIHHBB", (5, 3), None),
    (SUBSCRIBE, "<QHH", (2,), None), (UNSUBSCRIBE, "<QHH", (2,), None),
    (THRESHOLDS, "<QQQHH", (4,), None), (MARK, "<QQQ32sHHB", (5,), None), (ALLOW_LIST, "<QHHB", (2,), None),
    (PAUSE, "<H", (), None), (RESUME, "<H", (), None), (PING, "<Q", (), None), (PONG, "<Q", (), None),
    (REFUSE, "<QHHHB", (3,), None), (DONE, "<QH", (), None),
)}


def read(first, payloads):
    """Reads a frame: prefix, archive and names in one piece, then the payloads. Answers kind, session and [(head, names, payload)]."""
    magic, kind, flags, count, archive, names_len, payloads_len, session = PREFIX.unpack_from(first)
    if magic != b"PMQ1" or flags or kind not in LAYOUT:
        raise ValueError(f"no frame of version 1: {first[:8].hex(' ')}")
    head, name_fields, payload_field = LAYOUT[kind]
    if not count or archive != count * head.size + ROOT.size or len(first) != PREFIX.size + archive + names_len:
        raise ValueError(f"frame of kind {kind}: its lengths do not add up")
    at, at_payload, items, payloads = PREFIX.size + archive, 0, [], memoryview(b"".join(payloads))
    for index in range(count):
        fields, names = head.unpack_from(first, PREFIX.size + index * head.size), []
        for field in name_fields:
            names.append(bytes(first[at : at + fields[field]]))
            at += fields[field]
        if kind in (VALIDATE, DELIVER) and items and not names[0]:
            names[0] = items[-1][1][0]  # an empty topic repeats the one before
        size = fields[payload_field] if payload_field is not None else 0
        items.append((fields, names, payloads[at_payload : at_payload + size]))
        at_payload += size
    if at != len(first) or at_payload != len(payloads) or at_payload != payloads_len:
        raise ValueError(f"frame of kind {kind}: names or payloads are left over")
    return kind, session, items


def write(kind, session, items):
    """The parts of a frame with these items: [prefix, archive and names in one, payload, payload, ...]."""
    head, _, payload_field = LAYOUT[kind]
    heads = b"".join(head.pack(*fields) for fields, _, _ in items)
    names = b"".join(name for _, texts, _ in items for name in texts)
    payloads = [payload for _, _, payload in items] if payload_field is not None else []
    lengths = (len(heads) + ROOT.size, len(names), sum(map(len, payloads)))
    return [PREFIX.pack(b"PMQ1", kind, 0, len(items), *lengths, session) + heads + ROOT.pack(-len(heads), len(items)) + names, *payloads]
