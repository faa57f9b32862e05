"""calendar.md: the table of errors."""

from promises.world import Sandbox, raises


def after_calendar(place, names):
    import evergrant_client as client

    sandbox, calendar, at, series = Sandbox(place), names["calendar"], names["at"], names["series"]
    raises(client.GrantError, "item_conflict", calendar, "POST", at(series) + "respond/", json={"response": "accepted"})
    calendar("DELETE", at(names["holiday"]))
    raises(client.Gone, "item_not_found", calendar, "GET", at(names["holiday"]))
    spring = {"subject": "Skipped", "start_time": "2031-03-30T02:30:00", "end_time": "2031-03-30T03:30:00", "time_zone": "Europe/Berlin"}
    raises(client.CallerMistake, "invalid_request", calendar, "POST", "calendar-events/", json=spring)
    calendar("DELETE", at(series))
    raises(client.Gone, "item_not_found", calendar, "GET", at(names["moved"]))

    sandbox.change("teams", {"licensed": False})
    online = {"subject": "Online", "start_time": "2031-06-02T09:00:00Z", "end_time": "2031-06-02T10:00:00Z", "online_meeting": True}
    raises(client.NotAllowed, "license_missing", calendar, "POST", "calendar-events/", json=online)
    sandbox.change("teams", {"licensed": True})
