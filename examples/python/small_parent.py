import sys

from parent import ACCEPT, REJECT, Parent, refuse


def verify(topic, payload):
    return (ACCEPT, 0, b"") if payload.startswith(b"report") else (REJECT, 7, b"unknown prefix")


if len(sys.argv) != 2:
    refuse("usage: small_parent.py URL")
Parent(sys.argv[1], "weather", verify=verify, consume="printer").run()
