"""A parent over gRPC: verifies, consumes, and outlives its agent.  grpc_parent.py HOST:PORT|unix:/path [TOKEN_FILE]"""

import pathlib
import queue
import sys
import time

import grpc

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "proto"))
attach, services = grpc.protos_and_services("pmq/v1/attach.proto")  # or generate them once, with grpc_tools.protoc

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


def main(address, token):
    cursor = attach.Cursor()
    while True:
        try:
            with grpc.insecure_channel(address, options=[("grpc.keepalive_time_ms", 10_000)]) as channel:
                session(channel, token, cursor)
        except grpc.RpcError as error:
            if error.code() in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED):
                sys.exit(f"refused: {error.details()}")
        time.sleep(0.2)


if __name__ == "__main__":
    main(sys.argv[1], pathlib.Path(sys.argv[2]).read_text().strip() if len(sys.argv) > 2 else "")
