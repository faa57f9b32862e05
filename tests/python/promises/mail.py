"""mail.md: sent once, whatever is lost, and the table of errors."""

from promises.world import Sandbox, check, raises


def after_mail(place, names):
    import evergrant_client as client

    sandbox, mail, send, order = Sandbox(place), names["mail"], names["send"], names["order"]
    check("the guide's faults have struck", not sandbox.faults(), sandbox.faults())

    def sent(word):
        return mail("GET", "email-messages/", params={"folder": "sentitems", "search": word})["results"]

    # Nobody can be asked: not what became of the draft, and not of its sending.
    order = {**order, "subject": "Your order 1026"}
    for match in [{"method": "POST"}, {"method": "GET"}]:
        sandbox.control("faults", {"where": "graph", "match": match, "times": 99, "do": {"drop_after_commit": True}})
    unknown = raises(client.TryLater, "outcome_unknown", send, "order-1026", **order)
    check("it says when to ask again", unknown.seconds > 0, unknown.problem)
    sandbox.calm()
    check("the same key finds out", send("order-1026", **order)["message_id"])
    check("and the message was sent once", len(sent("1026")) == 1, sent("1026"))
    raises(client.CallerMistake, "idempotency_key_reused", send, "order-1026", **{**order, "subject": "Another"})
    nowhere = {**order, "to": [{"email": "nowhere"}]}
    raises(client.CallerMistake, "invalid_request", send, "order-1027", **nowhere)
    raises(client.Gone, "item_not_found", mail, "GET", "email-messages/AAMkAGNone=/")
    [message] = sent("1026")
    raises(client.GrantError, "item_conflict", mail, "PATCH", names["at"](message), json={"subject": "Rewritten"})

    sandbox.change("mailbox", {"enabled": False})
    raises(client.NotAllowed, "mailbox_missing", mail, "GET", "folders/")
    sandbox.change("mailbox", {"enabled": True})
