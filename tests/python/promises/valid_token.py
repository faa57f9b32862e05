"""valid-token.md: every case, and tokens that really expire."""

import os
import re
import time
from urllib.parse import parse_qsl, urlsplit

import requests

from promises.world import ADELE, ALEX, Sandbox, check, come_back, eventually, free_ports, raises


def after_valid_token(place, names):
    import evergrant_client as client
    import microsoft_pages as pages
    import profile_view

    sandbox, integration = Sandbox(place), names["integration"]

    def view(which=integration, user="alice"):
        return profile_view.profile(user, which, lambda url: ("redirect", url), lambda *page: page)

    def profile(user="alice"):
        return client.evergrant("GET", f"/api/integrations/{integration}/profile/", user)

    # The guide ended with revoked sessions.
    kind, url = view()
    check("a revoked session sends the user to reconnect_url", kind == "redirect" and "/oauth/reconnect/" in url, url)
    # The server's memory may lag a quarter of a second behind the database.
    eventually("the helper gives None", lambda: client.get_valid_microsoft_token("alice") is None, within=2)
    to_microsoft = requests.get(url, allow_redirects=False, timeout=30).headers["Location"]
    hinted = re.sub("&login_hint=[^&]*", "", to_microsoft)
    page = requests.get(f"{hinted}&prompt=none&login_hint={ADELE}", timeout=30)
    check("the link reconnects", page.status_code == 200 and "Connected" in page.text, page.text)
    check("the integration keeps its id, and works", view() == (200, "Adele Vance"), view())

    again = client.begin_connecting("alice", "microsoft_calendar", pages.CALLBACK, integration)
    mismatch = come_back(re.sub("&login_hint=[^&]*", "", again), ALEX)
    raises(client.ConnectFailed, "account_mismatch", client.finish_connecting, "alice", "microsoft_calendar", mismatch)
    again = client.begin_connecting("alice", "microsoft_calendar", pages.CALLBACK, integration)
    back = client.finish_connecting("alice", "microsoft_calendar", come_back(re.sub("&login_hint=[^&]*", "", again)))
    check("reconnecting through one's own page keeps the id", back["id"] == integration, back)

    # A token that Graph refuses.
    old = client.valid_token("alice", integration)
    sandbox.refuse_tokens()
    check("the refused token is still handed out", client.valid_token("alice", integration) == old)
    check("graph_get replaces it", view() == (200, "Adele Vance"), view())
    check("the token is another one", client.valid_token("alice", integration) != old)

    sandbox.refuse_tokens({"aadsts": 7000222})
    trouble = raises(client.OperatorNeeded, "registration_misconfigured", profile)
    check("the reason is the expired secret", trouble.problem["reason"] == "client_secret_expired", trouble.problem)
    sandbox.control("faults", {"where": "microsoft.token", "times": 9, "do": {"aadsts": 7000222}})
    check("the view tells the operator", view()[0] == 503 and "our fault" in view()[1], view())
    listed = client.evergrant("GET", f"/api/integrations/{integration}/", "alice")
    check("the user stays connected", listed["status"] == "active", listed)
    sandbox.calm()
    eventually("a mended registration needs nobody else", lambda: view() == (200, "Adele Vance"))

    # Evergrant sees with its own eyes that the token works: reports alone, one after the other, would be a loop.
    client.evergrant("GET", f"/api/integrations/{integration}/profile/", "alice")
    sandbox.refuse_tokens({"status": 503, "retry_after": 2})
    wait = raises(client.TryLater, "provider_unavailable", profile)
    check("Retry-After is Microsoft's", 1 <= wait.seconds <= 3, wait.problem)
    check("the view asks to wait", view()[0] == 503 and "Try again in" in view()[1], view())
    eventually("after an outage it works again", lambda: view() == (200, "Adele Vance"))

    sandbox.control("faults", {"where": "graph", "do": {"status": 429, "retry_after": 1}})
    check("a short wait is waited out", profile()["name"] == "Adele Vance")
    sandbox.control("faults", {"where": "graph", "do": {"status": 429, "retry_after": 200}})
    wait = raises(client.TryLater, "provider_throttled", profile)
    check("Retry-After is Graph's", 190 <= wait.seconds <= 200, wait.problem)

    # Paused, unknown, somebody else's.
    client.evergrant("PATCH", f"/api/integrations/{integration}/", "alice", json={"paused": True})
    raises(client.Paused, "integration_paused", client.valid_token, "alice", integration)
    check("the view says paused", view()[0] == 409, view())
    client.evergrant("PATCH", f"/api/integrations/{integration}/", "alice", json={"paused": False})
    check("resumed", view() == (200, "Adele Vance"), view())

    place.bash("evergrant users add other")
    for user, unknown in [("alice", "nonsense"), ("alice", "int_" + 32 * "0"), ("other", integration)]:
        raises(client.NotConnected, "integration_not_found", client.valid_token, user, unknown)
        check("the view offers to connect", view(unknown, user) == ("redirect", "/microsoft/connect"))
    raises(client.NotConnected, "integration_not_found", client.find_integration, "other", "microsoft_calendar")

    # Mistakes of the caller.
    mistake = raises(client.CallerMistake, "life_unattainable", client.valid_token, "alice", integration, 10**6)
    longest = mistake.problem["longest_seconds"]
    check("longest_seconds can be asked for", 3000 < longest < 29 * 3600, longest)
    raises(client.CallerMistake, "user_required", client.valid_token, "nobody", integration)
    raises(client.CallerMistake, "redirect_not_allowed", client.begin_connecting, "alice", "microsoft_calendar", "http://localhost:1/x")
    raises(client.CallerMistake, "unknown_provider", client.begin_connecting, "alice", "nonsense", pages.CALLBACK)
    raises(client.ConnectFailed, "invalid_state", pages.callback, "alice", {}, {"state": "nonsense", "code": "x"})
    raises(client.ConnectFailed, "invalid_state", pages.callback, "alice", {}, {})
    for user, code, kind in [("alice", "connect_refused", client.ConnectFailed), ("other", "invalid_state", client.ConnectFailed)]:
        session = {}
        state = dict(parse_qsl(urlsplit(pages.connect("alice", session)).query))["state"]
        raises(kind, code, pages.callback, user, session, {"state": state, "error": "access_denied"})

    good = client.KEY
    for key in ["nonsense", "", good[:-1] + ("0" if good[-1] != "0" else "1")]:
        client.KEY = key
        raises(client.CallerMistake, "unauthenticated", client.valid_token, "alice", integration)
    check("the view blames the program", view()[0] == 500, view())
    client.KEY = place.bash("evergrant keys create --service reader --allow integrations:read").split()[-1]
    lacking = raises(client.CallerMistake, "forbidden", client.valid_token, "alice", integration)
    check("it names the permission", lacking.problem["permission"] == "tokens:read", lacking.problem)
    place.bash("evergrant keys revoke $(evergrant keys | grep 'service reader' | grep -o 'key_[0-9a-f]*')")
    time.sleep(1.5)
    raises(client.CallerMistake, "unauthenticated", client.find_integration, "alice", "microsoft_calendar")
    client.KEY = good

    client.evergrant("DELETE", f"/api/integrations/{integration}/", "alice")
    raises(client.NotConnected, "integration_not_found", client.valid_token, "alice", integration)

    url, client.EVERGRANT = client.EVERGRANT, f"http://127.0.0.1:{free_ports(1)[0]}"
    raises(client.TryLater, "evergrant_unreachable", client.valid_token, "alice", integration)
    client.EVERGRANT = url


def expiring_tokens(place, modules):
    """The helper when tokens really expire, which takes the sandbox's short ones: all callers, every failure."""
    for name, code in modules.items():
        (place.path / name).write_text(place.here(code))
    place.bash("""
        evergrant sandbox --access-ttl 4 > sandbox.log 2>&1 &
        until curl -sf http://127.0.0.1:8410/_sandbox/world > world.json; do sleep 0.1; done
        export EVG_URL=http://127.0.0.1:8400 GRAPH_URL=http://localhost:8410
        export MICROSOFT_CLIENT_ID=sandbox-client MICROSOFT_CLIENT_SECRET=sandbox-secret
        export EVERGRANT_MICROSOFT_LOGIN_URL=$GRAPH_URL EVERGRANT_MICROSOFT_GRAPH_URL=$GRAPH_URL
        export EVERGRANT_SERVER_REDIRECT_URIS=http://localhost:5000/microsoft/callback
        for user in one two three four; do evergrant users add $user; done
        export EVG_KEY=$(evergrant keys create --service shop --allow all)
        evergrant serve > evergrant.log 2>&1 &
        export SERVER=$!
        until curl -sf http://127.0.0.1:8400/health/ready; do sleep 0.1; done
    """)
    os.environ.update(place.env)
    import evergrant_client as client
    import microsoft_pages as pages

    sandbox = Sandbox(place)

    def connected(user):
        session = {}
        return pages.callback(user, session, come_back(pages.connect(user, session)))

    def token(user, integration):
        return client.valid_token(user, integration, min_seconds=0)

    one = connected("one")
    before = token("one", one)
    time.sleep(5)
    after = token("one", one)
    check("an expired token is replaced", after != before)
    works = requests.get(f"{client.GRAPH}/me", headers={"Authorization": f"Bearer {after}"}, timeout=30)
    check("Graph takes the new one", works.status_code == 200, works.text)

    for user, fault, kind, code in [
        ("two", {"status": 503, "retry_after": 1}, client.TryLater, "provider_unavailable"),
        ("three", {"aadsts": 7000222}, client.OperatorNeeded, "registration_misconfigured"),
    ]:
        integration = connected(user)
        sandbox.control("faults", {"where": "microsoft.token", "times": 1000, "do": fault})
        good = token(user, integration)
        time.sleep(5)
        raises(kind, code, token, user, integration)
        sandbox.calm()

        def again():
            try:
                return token(user, integration) != good
            except kind:
                return False

        eventually("and it recovers by itself", again)

    four = connected("four")
    sandbox.change("revoke-sessions")
    time.sleep(5)
    needed = raises(client.ReconnectRequired, "reconnect_required", token, "four", four)
    check("with a link", "/oauth/reconnect/" in needed.url, needed.problem)

    # Another encryption key: the stored grants do not open.
    sandbox.control("reset")
    one = client.finish_connecting("one", "microsoft_outlook", come_back(client.begin_connecting("one", "microsoft_outlook", pages.CALLBACK)))["id"]
    restart = """
        kill -TERM $SERVER; while kill -0 $SERVER 2>/dev/null; do sleep 0.1; done
        export EVERGRANT_ENCRYPTION_KEYS={keys}
        evergrant serve >> evergrant.log 2>&1 &
        export SERVER=$!
        until curl -sf http://127.0.0.1:8400/health/ready; do sleep 0.1; done
    """
    new, old = place.bash("head -c 32 /dev/urandom | base64 | tr '+/' '-_'; cat evergrant.key").split()
    place.bash(restart.format(keys=new))
    raises(client.OperatorNeeded, "encryption_key_missing", token, "one", one)
    place.bash(restart.format(keys=f"{new},{old}"))
    check("with both keys the grant opens", token("one", one))
    time.sleep(5)
    check("a refreshed grant", token("one", one))
    place.bash(restart.format(keys=new))
    check("needs the new key alone", token("one", one))
