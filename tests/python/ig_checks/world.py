"""Somebody who uses the library as its documentation says, but for the sandbox's address."""

from datetime import datetime, timezone

import requests
import trading_ig.rest
from msal_check import Sandbox as Control
from msal_check import check
from trading_ig import IGService

__all__ = ["KEY", "LOGIN", "PASSWORD", "Sandbox", "check", "is_frame", "logged_in", "now", "raises", "service"]

KEY, LOGIN, PASSWORD = "sandbox-key", "trader", "sandbox"


class Sandbox(Control):
    """The control interface, and what the ledger has seen."""

    def change(self, path, **body):
        self.control(f"world/ig/{path}", body)

    def advance(self, seconds):
        self.control("clock", {"advance_seconds": seconds})

    def sent(self, method, path):
        """The statuses of the requests to a path below `/gateway/deal`."""
        requests = self.get("/_sandbox/ledger").json()["requests"]
        return [
            seen["status"] for seen in requests
            if (seen["method"], seen["path"]) == (method, f"/gateway/deal{path}")
        ]


def service(sandbox, account="ABC123", password=PASSWORD, key=KEY, login=LOGIN, **options):
    """The library's service, which has not logged in."""
    trading_ig.rest.D_BASE_URL["demo"] = f"{sandbox.base}/gateway/deal"
    session = requests.Session()
    session.trust_env = False
    session.verify = sandbox.session.verify
    return IGService(login, password, key, "demo", acc_number=account, session=session, **options)


def logged_in(sandbox, version, **options):
    ig = service(sandbox, **options)
    ig.create_session(version=version)
    return ig


def raises(what, kind, text, call, *arguments, **options):
    """The error of this kind, with this text in it, that the call raises."""
    try:
        answer = call(*arguments, **options)
    except Exception as error:
        check(what, type(error) is kind and text in str(error), error)
        return error
    check(what, False, answer)


def is_frame(what, frame, *columns, rows=None):
    """Whether it is a data frame with these columns, and so many rows."""
    missing = set(columns) - set(frame.columns)
    check(what, not missing and rows in (None, len(frame)), frame)


def now(sandbox):
    """The sandbox's time, as the library takes times."""
    told = datetime.fromisoformat(sandbox.get("/_sandbox/clock").json()["now"].replace("Z", "+00:00"))
    return told.astimezone(timezone.utc).replace(microsecond=0)
