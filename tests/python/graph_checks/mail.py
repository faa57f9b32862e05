"""Folders, messages and the mailbox's settings."""

from graph_checks.world import ALEX, check, every, get, is_error, models, refused

from msgraph.generated.users.item.messages.item.forward.forward_post_request_body import ForwardPostRequestBody
from msgraph.generated.users.item.messages.item.move.move_post_request_body import MovePostRequestBody
from msgraph.generated.users.item.messages.item.reply.reply_post_request_body import ReplyPostRequestBody
from msgraph.generated.users.item.messages.item.reply_all.reply_all_post_request_body import ReplyAllPostRequestBody
from msgraph.generated.users.item.send_mail.send_mail_post_request_body import SendMailPostRequestBody


def to(*addresses):
    return [models.Recipient(email_address=models.EmailAddress(address=address)) for address in addresses]


def message(subject, *addresses, text="<p>Hello</p>", **more):
    body = models.ItemBody(content_type=models.BodyType.Html, content=text)
    return models.Message(subject=subject, body=body, to_recipients=to(*addresses), **more)


async def arrived(account, subject, folder="inbox"):
    """The one message of this subject in the folder."""
    found = await get(account.folder(folder).messages, filter=f"subject eq '{subject}'")
    check(f"{account.email} has {subject!r} in {folder}", len(found.value) == 1, found.value)
    return found.value[0]


async def run(adele, alex):
    await folders(adele)
    await lists(adele)
    await drafts(adele, alex)
    await answers(adele, alex)
    await changes(adele)
    await settings(adele)


async def folders(adele):
    found = (await get(adele.me.mail_folders, top=100)).value
    names = {folder.display_name for folder in found}
    check("the usual folders are there", {"Inbox", "Drafts", "Sent Items", "Deleted Items"} <= names, names)
    made = await adele.folder("inbox").child_folders.post(models.MailFolder(display_name="Ideas"))
    children = (await get(adele.folder("INBOX").child_folders, top=100)).value
    check("a child folder is made and listed", made.id in {folder.id for folder in children}, children)
    check("below its parent", made.parent_folder_id == (await adele.folder("inbox").get()).id, made)
    error = await refused(adele.folder("inbox").child_folders.post(models.MailFolder(display_name="Ideas")))
    check("its name is taken then", is_error(error, 409, "ErrorFolderExists"), error)
    await adele.folder(made.id).delete()


async def lists(adele):
    first = await get(adele.me.messages, top=500, select=["id", "receivedDateTime"], count=True)
    # The SDK takes some milliseconds for a message, so not all of them.
    found = await every(adele, first, most=2000)
    check("the mailbox has thousands", first.odata_count > 2000, first.odata_count)
    check("the page iterator gives each once", len({each.id for each in found}) == 2000, len(found))
    inbox = adele.folder("inbox").messages
    since = "receivedDateTime ge 2020-01-01T00:00:00Z"
    page = await get(inbox, filter=f"{since} and isRead eq false", orderby=["receivedDateTime desc"], top=20)
    times = [each.received_date_time for each in page.value]
    check("unread ones, newest first", times and times == sorted(times, reverse=True), times)
    check("and no others", not any(each.is_read for each in page.value), page.value)
    error = await refused(get(inbox, filter="isRead eq false", orderby=["receivedDateTime desc"]))
    check("an order that the filter lacks is refused", is_error(error, 400, "InefficientFilter"), error)

    word = next(word for each in page.value for word in each.subject.split() if word.isalpha() and len(word) > 4)
    hits = (await get(adele.me.messages, search=f'"subject:{word}"', top=25)).value
    check(f"a search for {word} finds it", hits and all(word.lower() in each.subject.lower() for each in hits), hits)
    error = await refused(get(adele.me.messages, search=f'"{word}"', filter="isRead eq false"))
    check("a search cannot be filtered", is_error(error, 400, "SearchWithFilter"), error)
    text = await get(adele.message(page.value[0].id), 'outlook.body-content-type="text"')
    check("a body as text", text.body.content_type == models.BodyType.Text and text.body.content, text.body)
    source = await adele.message(page.value[0].id).content.get()
    check("a message's source", b"Subject:" in source, source[:200])


async def drafts(adele, alex):
    draft = await adele.me.messages.post(message("A draft", ALEX))
    check("a draft is made", draft.is_draft and draft.internet_message_id, draft)
    await adele.message(draft.id).patch(models.Message(subject="A better draft"))
    await adele.message(draft.id).send.post()
    sent = await arrived(adele, "A better draft", "sentitems")
    check("the draft was sent", not sent.is_draft and sent.internet_message_id == draft.internet_message_id, sent)
    got = await arrived(alex, "A better draft")
    check("under the same Message-ID", got.internet_message_id == draft.internet_message_id, got)
    check("from its sender", got.from_.email_address.address == adele.email, got.from_)

    post = adele.me.send_mail.post
    await post(SendMailPostRequestBody(message=message("Sent at once", ALEX), save_to_sent_items=True))
    await arrived(alex, "Sent at once")
    await arrived(adele, "Sent at once", "sentitems")
    error = await refused(post(SendMailPostRequestBody(message=message("Nowhere", "not an address"))))
    check("a bad address is refused", is_error(error, 400, "ErrorInvalidRecipients"), error)


async def answers(adele, alex):
    got = await arrived(alex, "Sent at once")
    await alex.message(got.id).reply.post(ReplyPostRequestBody(comment="Thanks"))
    reply = await arrived(adele, "Re: Sent at once")
    check("a reply carries the comment", "Thanks" in reply.body.content, reply.body)
    check("in the same conversation", reply.conversation_id, reply)
    await adele.message(reply.id).reply_all.post(ReplyAllPostRequestBody(comment="You are welcome"))
    await arrived(alex, "Re: Sent at once")
    await alex.message(got.id).forward.post(ForwardPostRequestBody(comment="See below", to_recipients=to(adele.email)))
    forwarded = await arrived(adele, "Fw: Sent at once")
    check("a forward carries the comment", "See below" in forwarded.body.content, forwarded.body)


async def changes(adele):
    got = await arrived(adele, "Fw: Sent at once")
    read = await adele.message(got.id).patch(models.Message(is_read=True))
    check("it is marked as read", read.is_read, read)
    moved = await adele.message(got.id).move.post(MovePostRequestBody(destination_id="archive"))
    check("a moved message has another id", moved.id != got.id, moved.id)
    error = await refused(adele.message(got.id).get())
    check("the old one is not found", is_error(error, 404, "ErrorItemNotFound"), error)
    await adele.message(moved.id).delete()
    bin = await arrived(adele, "Fw: Sent at once", "deleteditems")
    await adele.message(bin.id).delete()
    error = await refused(adele.message(bin.id).get())
    check("deleted from there it is gone", is_error(error, 404, "ErrorItemNotFound"), error)


async def settings(adele):
    read = await adele.me.mailbox_settings.get()
    check("the mailbox has settings", read.time_zone and read.working_hours and read.language.locale, read)
    away = models.AutomaticRepliesSetting(
        status=models.AutomaticRepliesStatus.AlwaysEnabled, internal_reply_message="<p>Away</p>",
        external_audience=models.ExternalAudienceScope.None_, external_reply_message="",
    )
    await adele.me.mailbox_settings.patch(models.MailboxSettings(automatic_replies_setting=away, time_zone="Europe/Berlin"))
    read = await adele.me.mailbox_settings.get()
    check("the settings change", read.time_zone in ("Europe/Berlin", "W. Europe Standard Time"), read.time_zone)
    replies = read.automatic_replies_setting
    check("automatic replies are on", replies.status == models.AutomaticRepliesStatus.AlwaysEnabled, replies)
    check("with their text", "Away" in replies.internal_reply_message, replies)
