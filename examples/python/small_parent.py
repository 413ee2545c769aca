import sys

from parent import ACCEPT, REJECT, Parent


def verify(topic, payload):
    return (ACCEPT, 0, b"") if payload.startswith(b"report") else (REJECT, 7, b"unknown prefix")


Parent(sys.argv[1], "weather", verify=verify, consume="printer").run()
