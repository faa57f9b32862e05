"""Calendars and events."""

from copy import deepcopy
from datetime import date, timedelta
from uuid import uuid4

from graph_checks.world import ALEX, check, every, get, is_error, models, refused

from msgraph.generated.users.item.calendar.get_schedule.get_schedule_post_request_body import (
    GetSchedulePostRequestBody,
)
from msgraph.generated.users.item.events.item.accept.accept_post_request_body import AcceptPostRequestBody
from msgraph.generated.users.item.events.item.cancel.cancel_post_request_body import CancelPostRequestBody
from msgraph.generated.users.item.events.item.decline.decline_post_request_body import DeclinePostRequestBody
from msgraph.generated.users.item.events.item.tentatively_accept.tentatively_accept_post_request_body import (
    TentativelyAcceptPostRequestBody,
)
from msgraph.generated.users.item.find_meeting_times.find_meeting_times_post_request_body import (
    FindMeetingTimesPostRequestBody,
)

BERLIN = "Europe/Berlin"


def at(when, zone=BERLIN):
    return models.DateTimeTimeZone(date_time=when, time_zone=zone)


def event(subject, start, end, **more):
    return models.Event(subject=subject, start=at(start), end=at(end), **more)


def invitation(subject, start, end, **more):
    alex = models.EmailAddress(address=ALEX, name="Alex Wilber")
    attendee = models.Attendee(email_address=alex, type=models.AttendeeType.Required)
    return event(subject, start, end, attendees=[attendee], **more)


def between(builder, start, end, prefer='outlook.timezone="UTC"', **query):
    return get(builder, prefer, start_date_time=start, end_date_time=end, **query)


async def run(adele, alex):
    await calendars(adele)
    await views(adele)
    await one_event(adele)
    await answers(adele, alex)
    await series(adele)
    await free_and_busy(adele)


async def calendars(adele):
    found = (await adele.me.calendars.get()).value
    [default] = [calendar for calendar in found if calendar.is_default_calendar]
    check("calendars are listed", default.can_edit and default.owner.address == adele.email, default)
    teams = models.OnlineMeetingProviderType.TeamsForBusiness
    check("the default one has Teams", teams in default.allowed_online_meeting_providers, default)


async def views(adele):
    for hour in range(8, 20):
        await adele.me.events.post(event(f"Hour {hour}", f"2031-02-03T{hour:02}:00:00", f"2031-02-03T{hour:02}:30:00"))
    view = adele.me.calendar_view
    first = await between(view, "2031-02-03T00:00:00+01:00", "2031-02-04T00:00:00+01:00", top=5, select=["subject", "start"])
    check("a view's page has as many as asked for", len(first.value) == 5 and first.odata_next_link, first)
    found = [each.subject for each in await every(adele, first)]
    hours = [each for each in found if each.startswith("Hour ")]
    check("the pages have every event once", sorted(hours) == sorted(f"Hour {hour}" for hour in range(8, 20)), found)
    error = await refused(get(view))
    check("a view without a window is refused", is_error(error, 400, "ErrorInvalidParameter"), error)


async def one_event(adele):
    key = str(uuid4())
    plan = invitation(
        "Planning", "2031-03-03T09:00:00", "2031-03-03T10:00:00",
        body=models.ItemBody(content_type=models.BodyType.Html, content="<p>With <b>slides</b>.</p>"),
        location=models.Location(display_name="Room 4"), is_online_meeting=True, transaction_id=key,
        online_meeting_provider=models.OnlineMeetingProviderType.TeamsForBusiness,
    )
    made = await adele.me.events.post(deepcopy(plan))
    check("an event is created", made.id and made.change_key and "slides" in made.body.content, made)
    check("with a Teams link", made.online_meeting.join_url.startswith("https://"), made.online_meeting)
    again = await adele.me.events.post(deepcopy(plan))
    check("the same transactionId gives the same event", again.id == made.id, again.id)
    plan.subject = "Something else"
    error = await refused(adele.me.events.post(plan))
    check("another event with it is refused", is_error(error, 400, "ErrorDuplicateTransactionId"), error)

    read = await get(adele.event(made.id), 'outlook.timezone="UTC", outlook.body-content-type="text"')
    check("times come in the zone asked for", read.start.date_time.startswith("2031-03-03T08:00:00"), read.start)
    check("the text is plain", read.body.content_type == models.BodyType.Text and "<" not in read.body.content, read.body)
    check("the zone it was made in is kept", read.original_start_time_zone in (BERLIN, "W. Europe Standard Time"), read)
    changed = await adele.event(made.id).patch(models.Event(subject="Planning, again"))
    check("PATCH changes it", changed.subject == "Planning, again" and changed.change_key != made.change_key, changed)
    check("and nothing else", changed.location.display_name == "Room 4" and changed.online_meeting.join_url, changed)
    await adele.event(made.id).delete()
    error = await refused(adele.event(made.id).get())
    check("a deleted event is not found", is_error(error, 404, "ErrorItemNotFound"), error)


async def invited(alex, subject):
    found = await get(alex.me.events, filter=f"subject eq '{subject}'")
    check(f"alex is invited: {subject}", len(found.value) == 1, found.value)
    return found.value[0]


async def answers(adele, alex):
    word = models.ResponseType
    for subject, action, body, expected in [
        ("Accept", "accept", AcceptPostRequestBody(comment="Yes", send_response=True), word.Accepted),
        ("Perhaps", "tentatively_accept", TentativelyAcceptPostRequestBody(send_response=True), word.TentativelyAccepted),
        ("Decline", "decline", DeclinePostRequestBody(comment="No", send_response=True), word.Declined),
    ]:
        made = await adele.me.events.post(invitation(subject, "2031-03-04T09:00:00", "2031-03-04T10:00:00"))
        copy = await invited(alex, subject)
        check("under the same iCalUId", copy.i_cal_u_id == made.i_cal_u_id and not copy.is_organizer, copy)
        await getattr(alex.event(copy.id), action).post(body)
        [attendee] = (await adele.event(made.id).get()).attendees
        check(f"{action} reaches the organizer", attendee.status.response == expected, attendee.status)
    error = await refused(adele.event(made.id).accept.post(AcceptPostRequestBody(send_response=True)))
    check("one's own event cannot be accepted", is_error(error, 400, "ErrorInvalidRequest"), error)

    made = await adele.me.events.post(invitation("Called off", "2031-03-05T09:00:00", "2031-03-05T10:00:00"))
    copy = await invited(alex, "Called off")
    error = await refused(alex.event(copy.id).cancel.post(CancelPostRequestBody(comment="No")))
    check("an attendee cannot cancel", getattr(error, "response_status_code", None) == 400, error)
    await adele.event(made.id).cancel.post(CancelPostRequestBody(comment="Sorry"))
    check("a cancelled event is cancelled for attendees", (await alex.event(copy.id).get()).is_cancelled, copy.id)


def patterns():
    """All six, each three times from its first day; worked out by hand."""
    pattern, kind, day = models.RecurrencePattern, models.RecurrencePatternType, models.DayOfWeek
    yield pattern(type=kind.Daily, interval=2), ["2031-03-28", "2031-03-30", "2031-04-01"]
    yield pattern(type=kind.Weekly, interval=1, days_of_week=[day.Tuesday, day.Thursday]), ["2031-03-04", "2031-03-06", "2031-03-11"]
    yield pattern(type=kind.AbsoluteMonthly, interval=1, day_of_month=15), ["2031-03-15", "2031-04-15", "2031-05-15"]
    yield (
        pattern(type=kind.RelativeMonthly, interval=1, days_of_week=[day.Friday], index=models.WeekIndex.Last),
        ["2031-03-28", "2031-04-25", "2031-05-30"],
    )
    yield pattern(type=kind.AbsoluteYearly, interval=1, month=3, day_of_month=8), ["2031-03-08", "2032-03-08", "2033-03-08"]
    yield (
        pattern(type=kind.RelativeYearly, interval=1, month=3, days_of_week=[day.Monday], index=models.WeekIndex.Second),
        ["2031-03-10", "2032-03-08", "2033-03-14"],
    )


async def series(adele):
    for pattern, days in patterns():
        repeats = models.RecurrenceRange(
            type=models.RecurrenceRangeType.Numbered, start_date=date.fromisoformat(days[0]), number_of_occurrences=3
        )
        recurrence = models.PatternedRecurrence(pattern=pattern, range=repeats)
        plan = event(pattern.type.value, f"{days[0]}T09:00:00", f"{days[0]}T10:00:00", recurrence=recurrence)
        master = await adele.me.events.post(plan)
        check(f"{pattern.type.value} makes a series", master.type == models.EventType.SeriesMaster, master.type)
        instances = adele.event(master.id).instances
        berlin = f'outlook.timezone="{BERLIN}"'
        found = (await between(instances, "2031-01-01T00:00:00", "2034-12-31T00:00:00", berlin)).value
        starts = sorted(each.start.date_time[:16] for each in found)
        check("on the right days at the same time of day", starts == [f"{day}T09:00" for day in days], starts)

    first, second, third = sorted(found, key=lambda each: each.start.date_time)
    changed = await adele.event(second.id).patch(models.Event(subject="Only this one"))
    check("a changed occurrence is an exception", changed.type == models.EventType.Exception, changed.type)
    await adele.event(third.id).delete()
    left = (await between(instances, "2031-01-01T00:00:00", "2034-12-31T00:00:00")).value
    check("a deleted occurrence is gone", {each.id for each in left} == {first.id, changed.id}, left)


async def free_and_busy(adele):
    await adele.me.events.post(event("Busy", "2031-05-05T10:00:00", "2031-05-05T11:00:00"))
    ask = GetSchedulePostRequestBody(
        schedules=[adele.email, "nobody@contoso.example"], availability_view_interval=30,
        start_time=at("2031-05-05T09:00:00"), end_time=at("2031-05-05T12:00:00"),
    )
    own, nobody = (await adele.me.calendar.get_schedule.post(ask)).value
    check("getSchedule shows what is busy", own.availability_view == "002200", own.availability_view)
    check("and says who is unknown", nobody.error and nobody.error.response_code == "5016", nobody)

    slot = models.TimeSlot(start=at("2031-05-05T09:00:00"), end=at("2031-05-05T12:00:00"))
    attendee = models.AttendeeBase(
        email_address=models.EmailAddress(address=ALEX), type=models.AttendeeType.Required
    )
    ask = FindMeetingTimesPostRequestBody(
        attendees=[attendee], meeting_duration=timedelta(hours=1), return_suggestion_reasons=True,
        time_constraint=models.TimeConstraint(activity_domain=models.ActivityDomain.Unrestricted, time_slots=[slot]),
    )
    found = await adele.me.find_meeting_times.post(ask)
    free = [each for each in found.meeting_time_suggestions if each.confidence == 100]
    check("findMeetingTimes suggests", free, found.empty_suggestions_reason)
    starts = {each.meeting_time_slot.start.date_time[11:16] for each in free}
    check("only times at which nobody is busy", starts and starts <= {"07:00", "09:00"}, starts)
