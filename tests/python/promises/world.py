"""The sandbox at a guide's ports, its users, and checks."""

import socket
import sys
import time
from urllib.parse import parse_qsl, urlsplit

import requests

ADELE, ALEX = "adele@contoso.example", "alex@contoso.example"


def check(what, passed, seen=None):
    print(("ok    " if passed else "FAIL  ") + what, flush=True)
    if not passed:
        print(f"      saw: {seen!r}", flush=True)
        sys.exit(1)


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Sandbox:
    def __init__(self, place):
        self.base = place.here("http://localhost:8410")

    def control(self, path, body=None):
        answer = requests.post(f"{self.base}/_sandbox/{path}", json=body or {}, timeout=30)
        answer.raise_for_status()

    def faults(self):
        return requests.get(f"{self.base}/_sandbox/faults", timeout=30).json()

    def calm(self):
        requests.delete(f"{self.base}/_sandbox/faults", timeout=30)

    def change(self, change, body=None, user=ADELE):
        self.control(f"world/microsoft/users/{user}/{change}", body)

    def refuse_tokens(self, fault=None):
        """Graph refuses the tokens there are; the refresh that follows meets the fault."""
        if fault:
            self.control("faults", {"where": "microsoft.token", "do": fault})
        self.change("revoke-access-tokens")


def come_back(url, account=ADELE):
    """What a user does on the sign-in page. Gives the parameters of the way back."""
    answer = requests.get(f"{url}&prompt=none&login_hint={account}", allow_redirects=False, timeout=30)
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


def raises(kind, code, call, *arguments, **options):
    """The GrantError of this kind and code that the call raises."""
    try:
        answer = call(*arguments, **options)
    except Exception as error:
        check(f"{code} is {kind.__name__}", type(error) is kind and error.code == code, error)
        return error
    check(f"{code} is {kind.__name__}", False, answer)


def eventually(what, passed, within=90):
    end = time.monotonic() + within
    while not passed() and time.monotonic() < end:
        time.sleep(0.5)
    check(what, passed())
