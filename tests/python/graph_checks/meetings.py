"""Online meetings."""

from datetime import datetime, timedelta, timezone

from graph_checks.calendar import event
from graph_checks.world import check, get, models, refused

from msgraph.generated.users.item.online_meetings.create_or_get.create_or_get_post_request_body import (
    CreateOrGetPostRequestBody,
)

START = datetime(2031, 3, 3, 9, tzinfo=timezone.utc)


async def run(adele, alex):
    meetings = adele.me.online_meetings
    settings = models.JoinMeetingIdSettings(is_passcode_required=True)
    made = await meetings.post(models.OnlineMeeting(
        subject="Teams", start_date_time=START, end_date_time=START + timedelta(hours=1), join_meeting_id_settings=settings,
    ))
    check("a meeting is created", made.join_web_url.startswith("https://teams.microsoft.com/"), made.join_web_url)
    settings = made.join_meeting_id_settings
    check("with the id to join by", settings.join_meeting_id.isdigit() and settings.passcode, settings)
    check("at its time", made.start_date_time == START, made.start_date_time)
    plain = await meetings.post(models.OnlineMeeting(subject="No passcode"))
    check("without being asked for there is no passcode", plain.join_meeting_id_settings.passcode is None, plain)

    found = await get(meetings, filter=f"JoinWebUrl eq '{made.join_web_url}'")
    check("it is found by its link", [each.id for each in found.value] == [made.id], found.value)
    error = await refused(get(meetings, filter="JoinWebUrl eq 'https://teams.microsoft.com/l/meetup-join/none'"))
    check("another link finds nothing", error.response_status_code == 400 and error.error.message.startswith("1026"), error)
    item = meetings.by_online_meeting_id(made.id)
    lobby = models.LobbyBypassSettings(scope=models.LobbyBypassScope.Everyone)
    changed = await item.patch(models.OnlineMeeting(subject="Changed", lobby_bypass_settings=lobby))
    check("it can be changed", changed.subject == "Changed" and changed.join_web_url == made.join_web_url, changed)
    check("and read", (await item.get()).lobby_bypass_settings.scope == models.LobbyBypassScope.Everyone)
    await item.delete()
    error = await refused(item.get())
    check("a deleted one is not found", error.response_status_code == 404, error)

    ask = CreateOrGetPostRequestBody(external_id="room-1", subject="Room 1", start_date_time=START, end_date_time=START + timedelta(hours=1))
    first, second = await meetings.create_or_get.post(ask), await meetings.create_or_get.post(ask)
    check("createOrGet creates once", first.id == second.id and first.external_id == "room-1", (first, second))

    planned = await adele.me.events.post(event(
        "With Teams", "2031-03-06T09:00:00", "2031-03-06T10:00:00", is_online_meeting=True,
        online_meeting_provider=models.OnlineMeetingProviderType.TeamsForBusiness,
    ))
    found = await get(meetings, filter=f"JoinWebUrl eq '{planned.online_meeting.join_url}'")
    check("an event's meeting is found by its link", found.value[0].join_meeting_id_settings.join_meeting_id.isdigit(), found.value)
