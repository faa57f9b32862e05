"""Lists of markets."""

from ig_checks.world import check, is_frame, raises


def run(ig, sandbox):
    lists = ig.fetch_all_watchlists()
    is_frame("there are lists", lists, "id", "name", "editable", "deleteable", "defaultSystemWatchlist")
    of_ig = lists[lists["defaultSystemWatchlist"]]
    check("one is IG's own", "Popular Markets" in set(of_ig["id"]), lists)
    for id in lists["id"]:
        is_frame(f"{id} can be read", ig.fetch_watchlist_markets(id))
    raises("and IG's cannot be deleted", Exception, "cannot-delete-watchlist", ig.delete_watchlist, "Popular Markets")

    made = ig.create_watchlist("Ours", ["CS.D.GBPUSD.TODAY.IP", "IX.D.FTSE.DAILY.IP"])
    check("one is made", made["status"] == "SUCCESS", made)
    ours = made["watchlistId"]
    is_frame("with its markets", ig.fetch_watchlist_markets(ours), "epic", "bid", rows=2)
    check("one is added", ig.add_market_to_watchlist(ours, "MT.D.GC.Month2.IP")["status"] == "SUCCESS")
    check("one is taken off", ig.remove_market_from_watchlist(ours, "CS.D.GBPUSD.TODAY.IP")["status"] == "SUCCESS")
    left = set(ig.fetch_watchlist_markets(ours)["epic"])
    check("two are left", left == {"MT.D.GC.Month2.IP", "IX.D.FTSE.DAILY.IP"}, left)
    raises("a name is taken once", Exception, "duplicate-name", ig.create_watchlist, "Ours", [])
    raises("an unknown market is not added", Exception, "invalid-epic", ig.add_market_to_watchlist, ours, "IX.D.NOTHING.IP")
    partly = ig.create_watchlist("Partly", ["IX.D.FTSE.DAILY.IP", "IX.D.NOTHING.IP"])
    check("what is unknown is left out", partly["status"] == "SUCCESS_NOT_ALL_INSTRUMENTS_ADDED", partly)
    for id in [ours, partly["watchlistId"]]:
        check("it is deleted", ig.delete_watchlist(id)["status"] == "SUCCESS")
    raises("and gone", Exception, "", ig.fetch_watchlist_markets, ours)
