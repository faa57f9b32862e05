"""What was done, in the versions and pages the library asks for, and what it cost."""

from datetime import datetime, timedelta, timezone

from ig_checks.dealing import FTSE, buy, close
from ig_checks.world import check, is_frame, now

ACTIVITY = "date epic period dealId channel type status description".split()
DETAILED = [*ACTIVITY, "marketName", "currency", "size", "direction", "level", "stopLevel", "actionType", "affectedDealId"]


def run(ig, sandbox):
    sandbox.change("market", epic="*", status="TRADEABLE")
    deals = [buy(ig, FTSE)["dealId"] for _ in range(6)]
    for deal in deals:
        close(ig, deal, size=1)
    today = now(sandbox)
    since, until = today - timedelta(days=1), today + timedelta(minutes=1)

    is_frame("by period, version 1", ig.fetch_account_activity_by_period(10_000))
    is_frame("by date, version 1", ig.fetch_account_activity_by_date(today - timedelta(days=90), today - timedelta(days=30)))
    is_frame("by span, version 2", ig.fetch_account_activity_v2(max_span_seconds=7 * 24 * 3600, page_size=5))
    is_frame("by dates, version 2", ig.fetch_account_activity_v2(today - timedelta(days=90), today - timedelta(days=30)))

    activity = ig.fetch_account_activity(since, until)
    is_frame("version 3 has what was dealt", activity, *ACTIVITY)
    check("each deal is in it", set(deals) <= set(activity["dealId"]), activity)
    check("the latest first", list(activity["date"]) == sorted(activity["date"], reverse=True), activity["date"])
    detailed = ig.fetch_account_activity(since, until, detailed=True)
    is_frame("with details", detailed, *DETAILED)
    check("as many columns as IG has", (activity.shape[1], detailed.shape[1]) == (9, 23), (activity.columns, detailed.columns))
    of_one = ig.fetch_account_activity(since, until, deal_id=deals[0])
    check("of one deal", len(of_one) > 0 and set(of_one["dealId"]) == {deals[0]}, of_one)
    by_hand = ig.fetch_account_activity(since, until, fiql_filter="channel==PUBLIC_WEB_API")
    check("by a filter", len(by_hand) > 0 and set(by_hand["channel"]) == {"PUBLIC_WEB_API"}, by_hand)
    # The library takes `from` for `to` from the second page on, and so loses pages. It must come to an end.
    paged = ig.fetch_account_activity(since, until, page_size=10)
    check("in pages", len(paged) >= 10, paged)
    epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
    check("none when there was none", len(ig.fetch_account_activity(epoch, epoch + timedelta(days=60))) == 0)
    check("older ones", ig.fetch_account_activity(today - timedelta(days=90)).shape[1] == 9)

    columns = "date instrumentName profitAndLoss transactionType reference openLevel closeLevel size currency".split()
    is_frame("money, by period", ig.fetch_transaction_history_by_type_and_period(24 * 3600 * 1000, "ALL"), *columns)
    money = ig.fetch_transaction_history(trans_type="ALL", from_date=since.strftime("%Y-%m-%dT%H:%M:%S"), page_size=50)
    is_frame("money, with its dates in UTC", money, *columns, "dateUtc", "openDateUtc")
    check("each closed position is in it", len(money) >= 6, money)
    is_frame("unless told, of the last minutes", ig.fetch_transaction_history(), *columns)
