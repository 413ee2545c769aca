"""A parent over gRPC: verifies, consumes, and outlives its agent.  grpc_parent.py HOST:PORT|unix:/path [TOKEN_FILE]"""

import pathlib
import queue
import sys
import time

import grpc

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "proto"))
attach, services = grpc.protos_and_services("pmq/v1/attach.proto")  # or generate them once, with grpc_tools.protoc

USAGE = "usage: grpc_parent.py HOST:PORT|unix:/path [TOKEN_FILE]"
# Another attempt ends in the same way. RESOURCE_EXHAUSTED is this library's word for a message above its limit (4 MiB, see docs/attach.md), OUT_OF_RANGE the agent's.
FINAL = ("INVALID_ARGUMENT", "UNAUTHENTICATED", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "OUT_OF_RANGE", "FAILED_PRECONDITION", "UNIMPLEMENTED")
WINDOW = attach.Window(messages=1024, bytes=16 << 20)  # what may wait here without an answer


def verify(payload):
    if payload.startswith(b"report"):
        return dict(result=attach.Verdict.ACCEPT)
    return dict(result=attach.Verdict.REJECT, reason=7, text="unknown prefix")


def session(channel, token, cursor):
    """One session; moves the cursor, from which the next one goes on."""
    wanted = attach.Wanted(network="weather", roles=1 | 2, verify=WINDOW, consume=WINDOW, consumer="printer", cursor=cursor)
    out, number = queue.SimpleQueue(), 0
    out.put(attach.Frame(hello=attach.Hello(version=1, software="grpc_parent.py", networks=[wanted])))
    for frame in services.AttachStub(channel).Session(iter(out.get, None), metadata=[("authorization", f"Bearer {token}")] if token else []):
        kind = frame.WhichOneof("body")
        if kind == "welcome":
            number, index = frame.session, frame.welcome.networks[0].index
            cursor.CopyFrom(frame.welcome.networks[0].cursor)
            print("attached to weather", file=sys.stderr, flush=True)
        elif kind == "validate":
            verdicts = [attach.Verdict(network=o.network, ticket=o.ticket, **verify(o.payload)) for o in frame.validate.offers]
            out.put(attach.Frame(session=number, verdicts=attach.Verdicts(verdicts=verdicts)))
        elif kind in ("deliver", "gaps", "unverified"):
            for message in frame.deliver.messages:
                print(message.topic, message.payload.decode(errors="replace"), flush=True)
                cursor.counter = message.counter
            for gap in frame.gaps.gaps:
                print(f"gap: {gap.count} messages are missing, reason {gap.reason}", flush=True)
                cursor.counter = gap.to
            for record in frame.unverified.records:
                print(f"{record.topic}: {record.count} without a verdict, reason {record.cause}", flush=True)
                cursor.counter = record.counter
            out.put(attach.Frame(session=number, acks=attach.Acks(acks=[attach.Ack(network=index, counter=cursor.counter)])))
        elif kind == "ping":
            out.put(attach.Frame(session=number, pong=frame.ping))
        elif kind == "refuse":
            for refuse in frame.refuse.refusals:
                print(f"refused (code {refuse.code}): {refuse.text}", file=sys.stderr, flush=True)
                if refuse.fatal and refuse.code in (1, 2, 3, 11, 18):  # version, role, network, replaced, group: another attempt does not mend it
                    raise SystemExit(1)


def outlive(address, token):
    options = [("grpc.keepalive_time_ms", 10_000)]
    if address.startswith("unix:"):
        options.append(("grpc.default_authority", "localhost"))  # otherwise the path, which is no name in HTTP/2
    cursor = attach.Cursor()
    while True:
        try:
            with grpc.insecure_channel(address, options=options) as channel:
                session(channel, token, cursor)
        except grpc.RpcError as error:
            said = f"{error.code().name}: {error.details()}"
            if error.code().name in FINAL:
                sys.exit(f"refused: {said}")
            print(f"again, since: {said}", file=sys.stderr, flush=True)
        time.sleep(0.2)


def refuse(what):
    """An argument that cannot work ends the program."""
    print(what, file=sys.stderr)
    raise SystemExit(64)


def place(address):
    """What grpcio calls that address."""
    address = address.removeprefix("grpc://")
    host, _, port = address.rpartition(":")
    tcp = host and "/" not in host and port.isascii() and port.isdigit() and 0 < int(port) < 65536
    unix = address.startswith("unix:/") and len(address.encode(errors="replace")) <= len("unix:") + 107  # the system's bound
    if not (tcp or unix) or not address.isprintable():
        refuse(f"{address!r} is no address of an agent; {USAGE}")
    return address


def read(token_file):
    """A token, as it fits into a call's metadata."""
    try:
        token = pathlib.Path(token_file).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        refuse(f"{token_file!r} cannot be read: {error}")
    if not (token and token.isascii() and token.isprintable()):
        refuse(f"{token_file!r} holds no token of printable ASCII")
    return token


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        refuse(USAGE)
    outlive(place(sys.argv[1]), read(sys.argv[2]) if len(sys.argv) > 2 else "")
