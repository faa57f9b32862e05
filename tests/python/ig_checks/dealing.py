"""Positions and working orders, from opening to closing, with everything that is sent as users send it."""

from ig_checks.world import check, is_frame, raises
from trading_ig.rest import IGException

FTSE, POUND = "IX.D.FTSE.IFM.IP", "CS.D.GBPUSD.MINI.IP"


def run(ig, sandbox):
    is_frame("there are no positions", ig.fetch_open_positions(), "dealId", "epic", rows=0)
    is_frame("and no orders", ig.fetch_working_orders(), "dealId", rows=0)
    sandbox.change("market", epic="*", status="CLOSED")
    rejected = buy(ig, FTSE)
    check("a closed market rejects", (rejected["dealStatus"], rejected["reason"]) == ("REJECTED", "MARKET_CLOSED"), rejected)
    sandbox.change("market", epic="*", status="TRADEABLE")
    positions(ig)
    late(ig, sandbox)
    orders(ig)
    refused(ig)
    window = ig.fetch_repeat_dealing_window(FTSE)
    check("the window of repeated deals can be read", isinstance(window, dict), window)
    bets(ig, sandbox)


def buy(ig, epic, currency="GBP", expiry="-", **more):
    names = """level limit_distance limit_level quote_id stop_distance stop_level trailing_stop
    trailing_stop_increment""".split()
    order = dict.fromkeys(names) | {
        "currency_code": currency, "direction": "BUY", "epic": epic, "expiry": expiry, "force_open": "true",
        "guaranteed_stop": "false", "order_type": "MARKET", "size": 1,
    }
    return ig.create_open_position(**order | more)


def close(ig, deal, size=None, **more):
    order = {
        "deal_id": deal, "direction": "SELL", "epic": None, "expiry": None, "level": None, "order_type": "MARKET",
        "quote_id": None, "size": size,
    }
    return ig.close_open_position(**order | more)


def done(what, confirm, **members):
    wanted = {"dealStatus": "ACCEPTED", "reason": "SUCCESS"} | members
    check(what, wanted.items() <= confirm.items(), confirm)


def positions(ig):
    opened = buy(ig, FTSE, size=3)
    done("a position is opened", opened, status="OPEN", direction="BUY", size=3)
    deal = opened["dealId"]
    one = ig.fetch_open_position_by_deal_id(deal)
    check("and found", one["position"]["dealId"] == deal and one["market"]["epic"] == FTSE, one)
    is_frame("and listed", ig.fetch_open_positions(), "dealId", "dealReference", "level", "offer", rows=1)
    is_frame("and listed as once", ig.fetch_open_positions(version="1"), "dealId", "dealSize", "openLevel", rows=1)
    money = ig.fetch_accounts().set_index("accountId").loc["ABC123"]
    check("it takes a deposit", money["deposit"] > 0 and money["available"] < money["balance"], money)

    bid, offer = one["market"]["bid"], one["market"]["offer"]
    done("its levels are set", ig.update_open_position(offer * 1.5, bid * 0.5, deal, version="1"), status="AMENDED")
    kept = ig.fetch_open_position_by_deal_id(deal)["position"]
    check("and kept", kept["limitLevel"] and kept["stopLevel"], kept)
    trailing = {"trailing_stop": True, "trailing_stop_distance": 25.0, "trailing_stop_increment": 10.0}
    done("its stop trails", ig.update_open_position(offer * 1.4, bid - 25.0, deal, **trailing))
    kept = ig.fetch_open_position_by_deal_id(deal)["position"]
    check("in steps", kept["trailingStep"] == 10.0, kept)

    part = close(ig, deal, size=1)
    done("a part is closed", part)
    left = ig.fetch_open_position_by_deal_id(deal)["position"]
    check("the rest stays", left["size"] == 2, left)
    done("the rest is closed", close(ig, deal, size=2), status="CLOSED")
    is_frame("there are no positions", ig.fetch_open_positions(), rows=0)

    limit = buy(ig, FTSE, order_type="LIMIT", level=offer * 1.02, time_in_force="FILL_OR_KILL")
    done("a good limit is filled at once", limit)
    done("closed by its market", close(ig, None, size=1, epic=FTSE, expiry="-"))
    with_stop = buy(ig, FTSE, stop_distance=100, limit_distance=200, force_open="true")
    done("opened with a stop and a limit", with_stop)
    done("and closed", close(ig, with_stop["dealId"], size=1))


def late(ig, sandbox):
    sandbox.change("confirms", asks=2)
    done("a late confirmation is waited for", (opened := buy(ig, FTSE)))
    sandbox.change("confirms", asks=0)
    done("and closed", close(ig, opened["dealId"], size=1))
    sandbox.advance(50)
    kept = ig.fetch_deal_by_deal_reference(opened["dealReference"])
    check("a confirmation stays for a minute", kept["dealId"] == opened["dealId"], kept)
    again = buy(ig, FTSE, size=0.0001)
    check("what is too small is rejected", again["reason"] == "MINIMUM_ORDER_SIZE_ERROR", again)
    huge = buy(ig, FTSE, size=100000)
    check("and what cannot be paid", huge["reason"] == "INSUFFICIENT_FUNDS", huge)


def orders(ig):
    offer = ig.fetch_market_by_epic(POUND)["snapshot"]["offer"]

    def place(**more):
        order = {
            "currency_code": "USD", "direction": "BUY", "epic": POUND, "expiry": "-", "guaranteed_stop": "false",
            "time_in_force": "GOOD_TILL_CANCELLED", "order_type": "LIMIT", "size": 1, "level": offer * 0.9,
        }
        return ig.create_working_order(**order | more)

    placed = place(deal_reference="my-order-1")
    done("an order is placed, with our own reference", placed, dealReference="my-order-1")
    is_frame("and listed", ig.fetch_working_orders(), "dealId", "orderLevel", "goodTillDate", rows=1)
    amended = ig.update_working_order(
        good_till_date="2031-01-02 03:04:05", level=offer * 0.8, limit_distance=None, limit_level=None, stop_distance=None,
        stop_level=None, guaranteed_stop="false", time_in_force="GOOD_TILL_DATE", order_type="LIMIT", deal_id=placed["dealId"],
    )
    done("and amended", amended)
    kept = ig.fetch_working_orders().iloc[0]
    check("it waits until its date", kept["timeInForce"] == "GOOD_TILL_DATE" and "2031" in kept["goodTillDateISO"], kept)
    done("and deleted", ig.delete_working_order(placed["dealId"]))
    is_frame("there are no orders", ig.fetch_working_orders(version="1"), rows=0)

    twice = place(deal_reference="my-order-1")
    check("a reference works once", (twice["dealStatus"], twice["reason"]) == ("REJECTED", "DUPLICATE_ORDER_ERROR"), twice)
    until = place(time_in_force="GOOD_TILL_DATE", good_till_date="2031-01-02 03:04:05", stop_distance=200, force_open=True)
    done("an order with a stop and an end", until)
    guaranteed = place(guaranteed_stop="true", stop_distance=200, force_open=True)
    done("and one with a guaranteed stop", guaranteed, guaranteedStop=True)
    for each in [until, guaranteed]:
        ig.delete_working_order(each["dealId"])


def refused(ig):
    raises("a market order has no level", IGException, "errorCode", buy, ig, FTSE, level=1.0)
    raises("two stops are too many", IGException, "errorCode", buy, ig, FTSE, stop_level=8000.0, stop_distance=100)
    raises("nothing is bought for nothing", IGException, "errorCode", buy, ig, FTSE, size=None)
    unknown = close(ig, "DIAAAANOTHING", size=1)
    check("what is not there is not closed", unknown["reason"] == "POSITION_NOT_FOUND", unknown)


def bets(ig, sandbox):
    """The other account bets by the point; the market's day is `DFB`."""
    if "CST" in ig.session.headers:
        ig.switch_account("XYZ987", False)
    else:
        ig.session.headers["IG-ACCOUNT-ID"] = "XYZ987"
    epic = "IX.D.FTSE.DAILY.IP"
    market = ig.fetch_market_by_epic(epic)
    bid, offer = market.snapshot.bid, market.snapshot.offer
    opened = buy(ig, epic, expiry="DFB", size=market.dealingRules.minDealSize.value, force_open="false")
    done("a bet is placed", opened)
    deal = opened["dealId"]
    check("in its account alone", len(ig.fetch_open_positions()) == 1)
    done("its levels are set", ig.update_open_position(offer * 1.5, bid * 0.5, deal, version="1"))
    trailing = {"trailing_stop": True, "trailing_stop_distance": 25.0, "trailing_stop_increment": 10.0}
    done("its stop trails, though it says a level, too", ig.update_open_position(offer * 1.4, bid * 0.4, deal, **trailing))
    done("and closed, saying when its market ends", close(ig, deal, size=opened["size"], expiry="DFB"))
    waiting_bets(ig)
    wrong = buy(ig, FTSE)
    check("a contract is not for this account", wrong["reason"] == "REJECT_CFD_ORDER_ON_SPREADBET_ACCOUNT", wrong)


def waiting_bets(ig):
    epic = "CS.D.GBPUSD.TODAY.IP"
    market = ig.fetch_market_by_epic(epic)
    offer = market.snapshot.offer
    order = {
        "currency_code": "GBP", "direction": "BUY", "epic": epic, "expiry": "DFB", "time_in_force": "GOOD_TILL_CANCELLED",
        "order_type": "LIMIT", "size": market.dealingRules.minDealSize.value * 5, "level": offer * 0.9,
    }
    placed = ig.create_working_order(**order, guaranteed_stop="false")
    done("a bet waits", placed)
    done("and is withdrawn", ig.delete_working_order(placed["dealId"]))
    placed = ig.create_working_order(**order, guaranteed_stop="true", stop_distance=200)
    done("one with a guaranteed stop", placed, guaranteedStop=True)
    amended = ig.update_working_order(
        good_till_date=None, level=offer * 0.85, limit_distance=None, limit_level=None, stop_distance=None,
        stop_level=offer * 0.8, guaranteed_stop="true", time_in_force="GOOD_TILL_CANCELLED", order_type="LIMIT",
        deal_id=placed["dealId"],
    )
    done("which moves", amended, guaranteedStop=True)
    done("and is withdrawn", ig.delete_working_order(placed["dealId"]))
