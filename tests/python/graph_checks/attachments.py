"""Attachments, small and large."""

from graph_checks.mail import arrived, message
from graph_checks.world import ALEX, check, get, is_error, models, refused
from kiota_abstractions.authentication import AnonymousAuthenticationProvider
from kiota_abstractions.method import Method
from kiota_abstractions.request_information import RequestInformation
from msgraph import GraphRequestAdapter

from msgraph.generated.users.item.messages.item.attachments.create_upload_session.create_upload_session_post_request_body import (
    CreateUploadSessionPostRequestBody,
)

RANGE = 10 * 320 * 1024  # what Graph takes at a time is less than 4 MB


async def run(adele, alex):
    draft = await adele.me.messages.post(message("With files", ALEX))
    await small(adele, draft)
    await large(adele, draft)
    await adele.message(draft.id).send.post()
    got = await arrived(alex, "With files")
    files = (await alex.message(got.id).attachments.get()).value
    sizes = {file.name: len(file.content_bytes) for file in files}
    check("both files arrive", sizes == {"notes.txt": 5, "big.bin": 2 * RANGE + 1000}, sizes)


async def value(account, message, attachment):
    """The bytes of an attachment: the SDK has no builder for its `$value`."""
    ask = account.message(message).attachments.by_attachment_id(attachment).to_get_request_information()
    ask.url = f"{ask.url}/$value"
    return await account.adapter.send_primitive_async(ask, "bytes", {})


async def small(adele, draft):
    files = adele.message(draft.id).attachments
    made = await files.post(models.FileAttachment(
        odata_type="#microsoft.graph.fileAttachment", name="notes.txt", content_type="text/plain", content_bytes=b"hello",
    ))
    check("a small file is attached", made.id and made.name == "notes.txt", made)
    [listed] = (await get(files, select=["id", "name", "size", "isInline"])).value
    check("it is listed", (listed.id, listed.name) == (made.id, "notes.txt"), listed)
    read = await files.by_attachment_id(made.id).get()
    check("it can be read", read.content_type == "text/plain" and read.content_bytes == b"hello", read)
    check("its $value is its bytes", await value(adele, draft.id, made.id) == b"hello")
    spare = await files.post(models.FileAttachment(
        odata_type="#microsoft.graph.fileAttachment", name="spare.bin", content_bytes=bytes(2_900_000),
    ))
    check("one of almost 3 MB, too", spare.size >= 2_900_000, spare.size)
    await files.by_attachment_id(spare.id).delete()
    check("it can be removed", len((await files.get()).value) == 1)


async def large(adele, draft):
    """By an upload session.

    The SDK's own `LargeFileUploadTask` cannot do it: it expects ranges with an end, and Outlook answers
    with where to go on alone. So each range is a request of its own, and bears no token, as Graph demands.
    """
    content = bytes(range(256)) * (2 * RANGE // 256) + bytes(1000)
    session = adele.message(draft.id).attachments.create_upload_session

    def item(size):
        file = models.AttachmentItem(attachment_type=models.AttachmentType.File, name="big.bin", size=size)
        return CreateUploadSessionPostRequestBody(attachment_item=file)

    error = await refused(session.post(item(1000)))
    check("a small file needs no session", is_error(error, 400, "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize"), error)
    opened = await session.post(item(len(content)))
    check("a session begins at 0", opened.next_expected_ranges == ["0-"] and opened.expiration_date_time, opened)
    bare = GraphRequestAdapter(AnonymousAuthenticationProvider(), adele.http)
    for start in range(0, len(content), RANGE):
        part = content[start : start + RANGE]
        put = RequestInformation(method=Method.PUT)
        put.url = opened.upload_url
        put.headers.add("Content-Range", f"bytes {start}-{start + len(part) - 1}/{len(content)}")
        put.set_stream_content(part, "application/octet-stream")
        left = await bare.send_async(put, type(opened), {})
    check("after the last range nothing is expected", not left or not left.next_expected_ranges, left)
    found = [file for file in (await adele.message(draft.id).attachments.get()).value if file.name == "big.bin"]
    check("the large file is attached", len(found) == 1, found)
    check("byte for byte", await value(adele, draft.id, found[0].id) == content)
