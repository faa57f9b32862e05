"""teams-meetings.md: the table of errors."""

import re

import requests

from promises.world import ADELE, ALEX, Sandbox, check, raises


def after_teams_meetings(place, names):
    import evergrant_client as client
    import teams

    sandbox, integration, nine, ten = Sandbox(place), names["integration"], names["nine"], names["ten"]

    def create(key, **more):
        body = {"subject": "More", "start_time": nine, "end_time": ten} | more
        path = f"/api/integrations/{integration}/meetings/"
        return client.evergrant("POST", path, "alice", headers={"Idempotency-Key": key}, json=body)

    raises(client.NotAllowed, "license_missing", sandbox_without_license, sandbox, create)
    raises(client.CallerMistake, "idempotency_key_reused", create, "order-1026")
    raises(client.CallerMistake, "invalid_request", create, "more-1", start_time="tomorrow")
    raises(client.CallerMistake, "invalid_request", create, "more-2", start_time=ten, end_time=nine)
    raises(client.Gone, "item_not_found", teams.delete_teams_meeting, "alice", integration, names["meeting"]["id"])

    first = create("more-3", calendar_event=True)
    lost = {"where": "graph", "match": {"method": "POST", "account": ADELE}, "do": {"drop_after_commit": True}}
    sandbox.control("faults", lost)
    check("a lost answer is found again", create("more-4", calendar_event=True)["event_id"] != first["event_id"])
    check("it was lost", not sandbox.faults(), sandbox.faults())

    def refused(kind, code, key, do, **more):
        sandbox.control("faults", {"where": "graph", "match": {"method": "POST", "account": ADELE}, "times": 9, "do": do})
        raises(kind, code, create, key, **more)
        sandbox.calm()

    policy = {"status": 403, "code": "Forbidden", "message": "No application access policy found for this app."}
    refused(client.NotAllowed, "access_denied", "more-6", policy)
    # What Graph answered with 503 it may have done all the same.
    refused(client.TryLater, "outcome_unknown", "more-8", {"status": 503})
    refused(client.TryLater, "outcome_unknown", "more-9", {"drop_after_commit": True}, passcode_required=True)
    check("the same key settles it", create("more-9", passcode_required=True)["passcode"])

    place.bash("evergrant users add lean")
    begun = client.evergrant("POST", "/api/integrations/oauth/initiate/", "lean", json={
        "provider": "microsoft_teams", "scopes": ["OnlineMeetings.ReadWrite", "User.Read"],
    })
    requests.get(f"{begun['authorization_url']}&prompt=none&login_hint={ALEX}", timeout=30)
    lean = client.find_integration("lean", "microsoft_teams")
    made = teams.create_teams_meeting("lean", lean, "lean-1", "Lean", nine, ten)
    options = {"calendar_event": True}
    lacking = raises(client.ReconnectRequired, "missing_scope", teams.create_teams_meeting, "lean", lean, "lean-2", "Lean", nine, ten, **options)
    check("it names the scope", "Calendars.ReadWrite" in lacking.problem["scopes"], lacking.problem)
    page = requests.get(lacking.url, allow_redirects=False, timeout=30).headers["Location"]
    page = re.sub("&login_hint=[^&]*", "", page)
    requests.get(f"{page}&prompt=none&login_hint={ALEX}", timeout=30)
    planned = teams.create_teams_meeting("lean", lean, "lean-4", "Lean", nine, ten, **options)
    check("its link asks for the scope", planned["event_id"], planned)

    begun = client.evergrant("POST", "/api/integrations/oauth/initiate/", "lean", json={"provider": "microsoft_outlook"})
    requests.get(f"{begun['authorization_url']}&prompt=none&login_hint={ALEX}", timeout=30)
    outlook = client.find_integration("lean", "microsoft_outlook")
    raises(client.CallerMistake, "not_offered", teams.create_teams_meeting, "lean", outlook, "lean-3", "Lean", nine, ten)

    throttle = {"where": "graph", "match": {"account": ALEX}, "do": {"status": 429, "retry_after": 200}}
    sandbox.control("faults", throttle)
    path = f"/api/integrations/{lean}/meetings/{made['id']}/"
    wait = raises(client.TryLater, "provider_throttled", client.evergrant, "GET", path, "lean")
    check("it says how long to wait", 190 <= wait.seconds <= 200, wait.problem)

    sandbox.change("revoke-sessions")
    sandbox.change("revoke-access-tokens")
    needed = raises(client.ReconnectRequired, "reconnect_required", create, "more-5")
    check("with a link", "/oauth/reconnect/" in needed.url, needed.problem)


def sandbox_without_license(sandbox, create):
    sandbox.change("teams", {"licensed": False})
    try:
        return create("no-license")
    finally:
        sandbox.change("teams", {"licensed": True})
