"""Parents over gRPC: grpc_parent.py, and a client generated from the Go predecessor's own proto."""

import pathlib
import queue
import sys
import tempfile
import unittest

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from test_agent import SOON, Agent, Parent, free_ports

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "proto"))
p2pmq, p2pmq_services = grpc.protos_and_services("p2pmq/p2pmq.proto")

GRPC = """
[attach.grpc]
bind = ["grpc://127.0.0.1:{port}", "grpc+unix://{dir}/run/grpc.sock"]
trust_loopback = {trust}
[[attach.grpc.token]]
name = "self"
file = "{dir}/token"
"""


class Agents(unittest.TestCase):
    trust = False

    def setUp(self):
        dir = tempfile.TemporaryDirectory()
        self.addCleanup(dir.cleanup)
        self.near = self.agent(pathlib.Path(dir.name) / "near")
        self.far = self.agent(pathlib.Path(dir.name) / "far", [self.near.listen])

    def agent(self, *args):
        agent = Agent(*args)
        self.addCleanup(agent.kill)
        (agent.grpc,) = free_ports(1)
        with open(agent.dir / "pmq.toml", "a") as file:
            file.write(GRPC.format(port=agent.grpc, dir=agent.dir, trust=str(self.trust).lower()))
        network = agent.dir / "weather.toml"
        network.write_text(network.read_text().replace('name = "weather"', 'name = "weather"\nmax_message = "6MiB"'))
        agent.start()
        return agent

    def channel(self, agent):
        # grpcio calls a Unix socket's agent by its path, which is no name in HTTP/2.
        channel = grpc.insecure_channel(f"unix:{agent.dir}/run/grpc.sock", options=[("grpc.default_authority", "localhost")])
        self.addCleanup(channel.close)
        return channel

    def publish(self, *payloads):
        control = p2pmq_services.ControlServiceStub(self.channel(self.near))
        requests = (p2pmq.PublishRequest(topic="weather.reports", data=payload) for payload in payloads)
        return [control.Publish(request, timeout=SOON).message_id for request in requests]


class Grpc(Agents):
    def parent(self, *args):
        parent = Parent(*args, program="grpc_parent.py")
        self.addCleanup(parent.stop)
        return parent

    def test_the_parent_over_grpc(self):
        node = self.parent(f"127.0.0.1:{self.far.grpc}", self.far.dir / "token")
        node.until("attached to weather")
        self.publish(b"report 1", b"forged", b"report 2")
        self.assertEqual(node.until("report 2"), ["weather.reports report 1", "weather.reports report 2"])
        # The agent is killed and comes back: so does the parent, by itself.
        self.far.kill()
        self.far.start()
        node.until("attached to weather")
        self.publish(b"report 3")
        self.assertIn("weather.reports report 3", node.until("report 3"))

    def test_a_parent_without_a_token_is_refused(self):
        parent = self.parent(f"127.0.0.1:{self.far.grpc}")
        parent.until("refused: UNAUTHENTICATED: ")
        self.assertEqual(parent.process.wait(timeout=SOON), 1)

    def test_the_parent_at_a_unix_socket_until_another_one_takes_its_place(self):
        first = self.parent(f"unix:{self.far.dir}/run/grpc.sock")
        first.until("attached to weather")
        self.parent(f"unix:{self.far.dir}/run/grpc.sock").until("attached to weather")
        first.until("refused (code 11)")
        self.assertEqual(first.process.wait(timeout=SOON), 1)

    def test_many_large_messages_at_once_are_read_and_a_single_larger_one_ends_the_parent(self):
        node = self.parent(f"127.0.0.1:{self.far.grpc}", self.far.dir / "token")
        node.until("attached to weather")
        self.publish(b"report 0")
        node.until("report 0")
        node.stop()
        # Another verifier accepts them meanwhile; the consumer finds all of them when it comes back.
        verdicts = queue.SimpleQueue()
        messages = p2pmq_services.ValidationRouterStub(self.channel(self.far)).Handle(iter(verdicts.get, None), timeout=SOON)
        large = [b"report %d " % number + bytes([number]) * 1_000_000 for number in range(1, 7)]
        for _ in self.publish(*large):
            verdicts.put(p2pmq.ValidatedMessage(result=p2pmq.ACCEPT, msg=p2pmq.Message(message_id=next(messages).message_id)))
        self.far.health_when(lambda health: health["subsystems"]["networks"]["detail"][0]["verified"]["accept"] == 7)
        back = self.parent(f"127.0.0.1:{self.far.grpc}", self.far.dir / "token")
        got = [line[:24] for line in back.until("report 6 ") if line.startswith("weather.reports")]
        self.assertEqual(got, [f"weather.reports report {number}" for number in range(1, 7)])
        # Above the library's limit by itself, so the same would come again. It is the only verifier now.
        verdicts.put(None)
        self.far.health_when(lambda health: health["subsystems"]["networks"]["detail"][0]["verifiers"] == 1)
        self.publish(b"report 7 " + bytes(5_000_000))
        self.assertIn("4194304", back.until("refused: RESOURCE_EXHAUSTED: ")[-1])
        self.assertEqual(back.process.wait(timeout=SOON), 1)

    def test_the_services_describe_themselves_and_are_healthy(self):
        channel = self.channel(self.far)
        names = set(ProtoReflectionDescriptorDatabase(channel).get_services())
        self.assertLessEqual({"pmq.v1.Attach", "proto.ControlService", "proto.MsgRouter", "proto.ValidationRouter"}, names)
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service="pmq.v1.Attach"), timeout=SOON)
        self.assertEqual(answer.status, health_pb2.HealthCheckResponse.SERVING)


class Predecessor(Agents):
    """As p2pmq's clients come: over TCP, without a token."""

    trust = True

    def test_a_client_of_the_predecessor(self):
        channel = grpc.insecure_channel(f"127.0.0.1:{self.far.grpc}")
        self.addCleanup(channel.close)
        verdicts = queue.SimpleQueue()
        messages = p2pmq_services.ValidationRouterStub(channel).Handle(iter(verdicts.get, None), timeout=SOON)
        listener = p2pmq_services.MsgRouterStub(channel).Listen(p2pmq.ListenRequest(topics=["weather.reports"]), timeout=SOON)
        ids = self.publish(b"report 1", b"forged", b"report 2")
        for expected, payload in zip(ids, (b"report 1", b"forged", b"report 2")):
            message = next(messages)
            self.assertEqual((message.message_id, message.data), (expected, payload))
            result = p2pmq.ACCEPT if payload.startswith(b"report") else p2pmq.REJECT
            verdicts.put(p2pmq.ValidatedMessage(result=result, msg=message))
        self.assertEqual([next(listener).data for _ in range(2)], [b"report 1", b"report 2"])
        verdicts.put(None)


if __name__ == "__main__":
    unittest.main()
