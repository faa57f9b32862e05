"""ig.md: the table of errors, sessions of every kind, and tokens that really expire."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import requests

from promises.world import Sandbox, check, raises

FTSE, OPEN = "IX.D.FTSE.IFM.IP", {"epic": "IX.D.FTSE.IFM.IP", "direction": "buy", "size": 1}


class Ig(Sandbox):
    """The sandbox's IG: what changes there, and what was asked of it."""

    def turn(self, change, **body):
        self.control(f"world/ig/{change}", body)

    def fail(self, code, where="ig", times=1, **match):
        self.control("faults", {"where": where, "match": match, "times": times, "do": {"ig_error": code}})

    def asked(self, where, path=""):
        """How often something was asked for: `ig.session` are logins, `ig.refresh` refreshes, `ig` the rest."""
        seen = requests.get(f"{self.base}/_sandbox/ledger", timeout=30).json()["requests"]
        return len([each for each in seen if each["where"] == where and each["path"].endswith(path)])


class Desk:
    """An account of `user`, connected with a form that says so."""

    def __init__(self, user, integration=None, **form):
        import evergrant_client as client

        self.client, self.user = client, user
        ask = {"provider": "ig"} | ({"integration": integration} if integration else {})
        begun = self.post("oauth/initiate/", **ask)
        filled = {"identifier": "trader", "password": "sandbox"} | form
        self.id = self.post("oauth/callback/", provider="ig", state=begun["state"], fields=filled)["id"]

    def post(self, path, **body):
        return self.client.evergrant("POST", f"/api/integrations/{path}", self.user, json=body)

    def __call__(self, method, path, key=None, **options):
        headers = {"Idempotency-Key": key} if key else {}
        path = f"/api/integrations/{self.id}/{path}"
        return self.client.evergrant(method, path, self.user, headers=headers, **options)

    def works(self):
        return len(self("GET", "markets/navigation/")["nodes"]) > 0


def after_ig(place, names):
    import evergrant_client as client

    sandbox, ours = Ig(place), names["connected"]["id"]
    check("the guide's faults have struck", not sandbox.faults(), sandbox.faults())
    for user in ["bob", "carol", "dave", "erin"]:
        place.bash(f"evergrant users add {user}")
    kept_or_not(sandbox, client)
    # The weekends ended this session, too, whose kept login has just been used: once a minute is all.
    alice = Desk("alice", integration=ours, keep_login="yes")
    one_refresh(sandbox, alice)
    deals(sandbox, client, alice)
    blame(sandbox, client, alice)
    # Last: after three refusals the name rests for a quarter of an hour.
    refused_logins(sandbox, client)


def refused_logins(sandbox, client):
    def refused(what, **form):
        before = sandbox.asked("ig.session")
        error = raises(client.ConnectFailed, "connect_refused", Desk, "bob", **form)
        return error, sandbox.asked("ig.session") - before

    wrong, attempts = refused("a wrong password", password="wrong")
    check("a wrong password is tried once", attempts == 1, attempts)
    check("and said to be it", "password" in wrong.problem["detail"], wrong.problem)
    _, attempts = refused("an e-mail address", identifier="trader@example.com")
    check("what cannot be a name is not tried at all", attempts == 0, attempts)
    for code in ["too-many-failed-attempts", "account-suspended"]:
        sandbox.fail(f"error.security.{code}", "ig.session")
        error, attempts = refused(code)
        check(f"{code} is the user's, and tried once", attempts == 1 and error.problem["remedy"], error.problem)
    held, attempts = refused("one too many")
    check("after three none is sent", attempts == 0 and "too_many_attempts" in str(held.problem), held.problem)


def one_refresh(sandbox, alice):
    sandbox.turn("expire")
    before = sandbox.asked("ig.refresh"), sandbox.asked("ig.session")
    with ThreadPoolExecutor(20) as callers:
        answers = list(callers.map(lambda _: alice("GET", "markets/navigation/"), range(20)))
    check("twenty callers of an ended token all get their answer", all(each["nodes"] for each in answers))
    refreshes, logins = sandbox.asked("ig.refresh") - before[0], sandbox.asked("ig.session") - before[1]
    check("by one refresh and no login", (refreshes, logins) == (1, 0), (refreshes, logins))


def kept_or_not(sandbox, client):
    bob = Desk("bob", keep_login="no")
    sandbox.turn("expire")
    check("without a kept login a refresh does", bob.works())
    sandbox.turn("weekend")
    needed = raises(client.ReconnectRequired, "reconnect_required", bob, "GET", "accounts/")
    check("after the weekend the user is asked", "session_ended" in str(needed.problem), needed.problem)
    again = Desk("bob", integration=bob.id)
    check("and is connected as before", again.id == bob.id and again.works())

    carol = Desk("carol", keep_login="yes")
    before = sandbox.asked("ig.session")
    sandbox.control("clock", {"advance_seconds": 12 * 60})
    check("with a kept login nobody notices eleven silent minutes", carol.works())
    check("which took one login", sandbox.asked("ig.session") - before == 1)

    dave = Desk("dave", keep_login="yes")
    sandbox.turn("password", identifier="trader", password="another")
    sandbox.turn("weekend")
    before = sandbox.asked("ig.session")
    needed = raises(client.ReconnectRequired, "reconnect_required", dave, "GET", "accounts/")
    raises(client.ReconnectRequired, "reconnect_required", dave, "GET", "accounts/")
    check("a changed password is tried once and never again", sandbox.asked("ig.session") - before == 1, needed.problem)
    sandbox.turn("password", identifier="trader", password="sandbox")
    check("the new one connects", Desk("dave", integration=dave.id).works())

    erin = Desk("erin", session_version="2", account_id="XYZ987", keep_login="yes")
    check("a pair of tokens works as well", erin.works())
    told = raises(client.CallerMistake, "invalid_request", erin, "GET", "positions/", params={"account": "ABC123"})
    check("in its own account alone", told.problem)
    sandbox.turn("expire")
    check("and is replaced", erin.works())
    for user, desk in [("bob", again), ("carol", carol), ("dave", dave), ("erin", erin)]:
        client.evergrant("DELETE", f"/api/integrations/{desk.id}/", user)


def deals(sandbox, client, alice):
    def sent():
        return sandbox.asked("ig", "/positions/otc")

    for left in alice("GET", "positions/")["results"]:
        alice("DELETE", f"positions/{left['id']}/")

    raises(client.CallerMistake, "idempotency_key_reused", alice, "POST", "positions/", key="order-1", json=OPEN)
    before = sent()
    for wrong in [{"size": -1}, {"level": 1.0}, {"stop_level": 1.0, "stop_distance": 1.0}, {"epic": "no epic"}]:
        error = raises(client.CallerMistake, "invalid_request", alice, "POST", "positions/", json=OPEN | wrong)
        check(f"{wrong} is pointed at", error.problem["errors"], error.problem)
    check("and never sent", sent() == before)
    raises(client.Gone, "item_not_found", alice, "GET", "positions/DIAAAANOTHING/")
    raises(client.Gone, "item_not_found", alice, "GET", "markets/IX.D.NOTHING.IP/")

    sandbox.turn("market", epic=FTSE, status="CLOSED")
    rejected = alice("POST", "positions/", json=OPEN)
    check("what IG rejects is an answer", (rejected["outcome"], rejected["reason"]) == ("rejected", "MARKET_CLOSED"), rejected)
    check("with a sentence", rejected["message"], rejected)
    sandbox.turn("market", epic=FTSE, status="TRADEABLE")

    # Whatever IG answers, a deal is sent once.
    for what, do in [
        ("a token that has ended", {"ig_error": "error.security.oauth-token-invalid"}),
        ("a fault at IG", {"ig_error": "system.error"}),
        ("a page of a proxy", {"status": 502, "body": "<html>Bad gateway</html>"}),
    ]:
        before = sent()
        sandbox.control("faults", {"where": "ig", "match": {"method": "POST", "path": "/gateway/deal/positions/otc"}, "do": do})
        try:
            ended = alice("POST", "positions/", json=OPEN)["outcome"]
        except client.GrantError as error:
            ended = error.code
        check(f"{what}: not sent again", sent() - before == 1 and ended in ("unknown", "provider_unavailable"), ended)
    check("and nothing was done", not alice("GET", "positions/")["results"])

    place = place_lost(sandbox, alice)
    again = alice("POST", "positions/", key="lost-1", json=OPEN)
    check("the same key finds the deal that was lost", again["outcome"] == "done" and again["reference"] == place["reference"], again)
    check("there is one position", len(alice("GET", "positions/")["results"]) == 1)
    alice("DELETE", f"positions/{again['deal_id']}/")


def place_lost(sandbox, alice):
    match = {"method": "POST", "path": "/gateway/deal/positions/otc"}
    sandbox.control("faults", {"where": "ig", "match": match, "do": {"drop_after_commit": True}})
    lost = alice("POST", "positions/", key="lost-1", json=OPEN)
    check("a lost answer is said to be lost", lost["outcome"] == "unknown" and lost["reference"], lost)
    return lost


def blame(sandbox, client, alice):
    path = "markets/sentiment/"

    def ask():
        return alice("GET", path, params={"markets": "FT100"})

    sandbox.fail("error.security.oauth-token-invalid")
    check("a refused token is replaced, and the call repeated", ask()["results"])
    sandbox.fail("system.error")
    check("a fault that passes is waited out", ask()["results"])
    sandbox.fail("unauthorised.access.to.equity.exception")
    denied = raises(client.NotAllowed, "access_denied", ask)
    check("IG's own code is told", "equity.exception" in str(denied.problem), denied.problem)

    sandbox.fail("error.public-api.exceeded-account-historical-data-allowance")
    prices = (f"markets/{FTSE}/prices/",)
    wait = raises(client.TryLater, "provider_throttled", alice, "GET", *prices)
    check("past prices are used up for longer than a minute", wait.seconds > 60 and wait.problem["until"], wait.problem)
    before = sandbox.asked("ig", "/prices/" + FTSE)
    raises(client.TryLater, "provider_throttled", alice, "GET", *prices)
    check("and not asked for meanwhile", sandbox.asked("ig", "/prices/" + FTSE) == before)
    check("everything else goes on", ask()["results"])
    lists = alice("GET", "watchlists/")["results"]
    read = [alice("GET", f"watchlists/{quote(each['id'], safe='')}/")["results"] for each in lists]
    check("each list of markets can be read, whatever its id", lists and all(read), lists)

    sandbox.fail("error.security.api-key-disabled", times=9)
    sandbox.fail("error.security.api-key-disabled", "ig.refresh", times=9)
    raises(client.OperatorNeeded, "registration_misconfigured", ask)
    listed = alice("GET", "")
    check("the user stays connected", listed["status"] == "active", listed)
    sandbox.calm()


def expiring_sessions(place, modules):
    """Tokens that live four seconds: what requirement 4 asks to be tested, for as long as they end a few times."""
    for name, code in modules.items():
        (place.path / name).write_text(place.here(code))
    place.bash("""
        evergrant sandbox --access-ttl 4 > sandbox.log 2>&1 &
        until curl -sf http://127.0.0.1:8410/_sandbox/world > world.json; do sleep 0.1; done
        export EVG_URL=http://127.0.0.1:8400
        export IG_API_KEY=sandbox-key EVERGRANT_IG_URL=http://localhost:8410/gateway/deal
        evergrant users add alice
        export EVG_KEY=$(evergrant keys create --service desk --allow integrations:read,integrations:write,markets:read)
        evergrant serve > evergrant.log 2>&1 &
        until curl -sf http://127.0.0.1:8400/health/ready; do sleep 0.1; done
    """)
    os.environ.update(place.env)
    sandbox, alice = Ig(place), Desk("alice", keep_login="yes")
    end = time.monotonic() + 15
    calls = 0
    while time.monotonic() < end:
        check("navigation answers", alice.works()) if calls == 0 else alice.works()
        calls += 1
        time.sleep(0.2)
    refreshes, logins = sandbox.asked("ig.refresh"), sandbox.asked("ig.session")
    check(f"{calls} calls, {refreshes} refreshes, one login", refreshes >= 3 and logins == 1, (refreshes, logins))
    log = (place.path / "evergrant.log").read_text()
    check("the log says so", log.count("Token refreshed successfully") == refreshes, log[-2000:])
    check("and no 401 was met", "oauth-token-invalid" not in log)
