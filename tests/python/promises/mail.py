"""mail.md: sent once, whatever is lost, and the table of errors."""

from promises.world import ALEX, Sandbox, check, raises


def after_mail(place, names):
    import evergrant_client as client

    sandbox, mail, send, order = Sandbox(place), names["mail"], names["send"], names["order"]
    check("the guide's faults have struck", not sandbox.faults(), sandbox.faults())

    def sent(word):
        return mail("GET", "email-messages/", params={"folder": "sentitems", "search": word})["results"]

    # Looked for, written, sent; that answer is lost, and then Microsoft cannot be asked what became of it.
    order = {**order, "subject": "Your order 1026"}
    fine, lost = {"delay_ms": 1}, {"drop_after_commit": True}
    for method, times, do in [("GET", 1, fine), ("POST", 1, fine), ("POST", 1, lost), ("GET", 99, {"drop": True})]:
        sandbox.control("faults", {"where": "graph", "match": {"method": method}, "times": times, "do": do})
    unknown = raises(client.TryLater, "outcome_unknown", send, "order-1026", **order)
    check("it says when to ask again", unknown.seconds > 0, unknown.problem)
    sandbox.calm()
    check("the same key finds out", send("order-1026", **order)["message_id"])
    check("and the message was sent once", len(sent("1026")) == 1, sent("1026"))
    raises(client.CallerMistake, "idempotency_key_reused", send, "order-1026", **{**order, "subject": "Another"})
    nowhere = {**order, "to": [{"email": "nowhere"}]}
    raises(client.CallerMistake, "invalid_request", send, "order-1027", **nowhere)
    mail("DELETE", names["at"](names["received"]), params={"for_good": "true"})
    raises(client.Gone, "item_not_found", mail, "GET", names["at"](names["received"]))
    [message] = sent("1026")
    raises(client.CallerMistake, "input_refused", mail, "PATCH", names["at"](message), json={"subject": "Rewritten"})
    raises(client.NotAllowed, "access_denied", send, "order-1028", **order, **{"from": {"email": ALEX}})
    old = {"headers": {"If-Match": message["version"]}, "json": {"is_read": False}}
    mail("PATCH", names["at"](message), **old)
    raises(client.Changed, "item_changed", mail, "PATCH", names["at"](message), **old)
    for status, code, ours, kind in [
        (403, "ErrorQuotaExceeded", "quota_exceeded", client.NotAllowed),
        (413, "ErrorMessageSizeExceeded", "item_too_large", client.GrantError),
    ]:
        sandbox.control("faults", {"where": "graph", "match": {"method": "POST"}, "do": {"status": status, "code": code}})
        raises(kind, ours, mail, "POST", "email-messages/?draft=true", json={"subject": "Full"})

    sandbox.change("mailbox", {"enabled": False})
    raises(client.NotAllowed, "mailbox_missing", mail, "GET", "folders/")
    sandbox.change("mailbox", {"enabled": True})
