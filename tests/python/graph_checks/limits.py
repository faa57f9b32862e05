"""Batches, throttling, and tokens that are challenged."""

import asyncio

from graph_checks.calendar import event
from graph_checks.world import ADELE, Account, check, get
from msgraph_core.requests.batch_request_content import BatchRequestContent
from msgraph_core.requests.batch_request_item import BatchRequestItem


async def run(adele, alex):
    await batch(adele)
    await throttled(adele)
    await challenged(adele)


async def batch(adele):
    """The SDK cannot read the bodies in a batch's answer: it takes all of them for base64, and Graph's are JSON."""
    asks = {
        "me": adele.me.to_get_request_information(),
        "event": adele.me.events.to_post_request_information(event("In a batch", "2031-06-02T09:00:00", "2031-06-02T10:00:00")),
        "none": adele.event("AAMkAGNone=").to_get_request_information(),
    }
    for each in asks.values():
        each.path_parameters["baseurl"] = adele.adapter.base_url
    items = {name: BatchRequestItem(each, name) for name, each in asks.items()}
    answer = await adele.graph.batch.post(BatchRequestContent(items))
    statuses = answer.get_response_status_codes()
    check("each of a batch has its own status", {name: statuses[name] for name in ("me", "event")} == {"me": 200, "event": 201}, statuses)
    check("a failure stays with its own", statuses["none"] in (400, 404), statuses)
    made = await get(adele.me.events, filter="subject eq 'In a batch'")
    check("the batch has created its event", len(made.value) == 1, made.value)


async def throttled(adele):
    """Twenty at once, by a client that waits and tries again as often as the SDK can."""
    adele.sandbox.control("world/microsoft/limits", {"retry_after": 1})
    adele.sandbox.control("faults", {"where": "graph", "match": {"method": "GET"}, "times": 20, "do": {"delay_ms": 100}})
    patient = Account(adele.sandbox, ADELE, retries=10)
    await patient.me.get()
    found = await asyncio.gather(*(get(patient.folder("inbox").messages, top=1) for _ in range(20)))
    check("twenty at once all finish", all(page.value for page in found))
    traffic = adele.sandbox.get("/_sandbox/ledger").json()["summary"]["mailboxes"][ADELE]
    check("never more than four at a time", traffic["peak"] == 4, traffic)
    check("the others were told to wait", traffic["refused"] > 0, traffic)


async def challenged(adele):
    before = adele.sandbox.counts()["refreshes"]
    adele.sandbox.control(f"world/microsoft/users/{ADELE}/claims-challenge", {})
    me = await adele.me.get()
    check("the SDK answers a claims challenge", me.user_principal_name == ADELE, me)
    await adele.me.get()
    refreshes = adele.sandbox.counts()["refreshes"] - before
    check("with one refresh", refreshes == 1, refreshes)
