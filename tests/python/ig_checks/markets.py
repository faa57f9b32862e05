"""The tree of markets, searching, details, and how others stand."""

from ig_checks.world import check, is_frame, raises

# Those that the library's own documentation and tests name.
KNOWN = """CS.D.EURUSD.MINI.IP CS.D.GBPUSD.TODAY.IP IX.D.FTSE.DAILY.IP IX.D.SPTRD.MONTH1.IP MT.D.GC.Month2.IP
MT.D.HG.Month1.IP MT.D.PA.Month1.IP MT.D.PL.Month2.IP""".split()
STOOD = "US500 FT100 USTECH GC CL W GBPUSD USDJPY EURCHF 10YRTND FGBL FLG BITCOIN ETHUSD LTCUSD BP-UK VOD-UK TSLA-US".split()


def run(ig, sandbox):
    tree(ig, sandbox)
    found = ig.search_markets("EURUSD")
    is_frame("a search finds markets", found, "epic", "instrumentName", "bid", "offer")
    check("of that name", len(found) > 0 and any("EURUSD" in epic for epic in found["epic"]), found)
    is_frame("it finds nothing", ig.search_markets("no such thing"), rows=0)
    details(ig)
    sentiment(ig)


def tree(ig, sandbox):
    root = ig.fetch_top_level_navigation_nodes()
    is_frame("the tree has a root of nodes", root["nodes"], "id", "name")
    is_frame("and no markets there", root["markets"], "epic", rows=0)
    node, depth = root["nodes"].iloc[0]["id"], 0
    while True:
        below = ig.fetch_sub_nodes_by_node(node)
        if below["nodes"].empty:
            break
        node, depth = below["nodes"].iloc[0]["id"], depth + 1
    is_frame("it leads to markets", below["markets"], "epic", "bid", "offer", "otcTradeable")
    check("in a few steps", 0 < len(below["markets"]) and depth < 9, (depth, below))
    epic = below["markets"].iloc[0]["epic"]
    check("which are known by their epic", ig.fetch_market_by_epic(epic).instrument.epic == epic)
    sandbox.change("navigation", gone=True)
    raises("it can be taken away, as IG did", Exception, "invalid.url", ig.fetch_top_level_navigation_nodes)
    sandbox.change("navigation", gone=False)


def details(ig):
    for epic in KNOWN:
        market = ig.fetch_market_by_epic(epic)
        prices = market.snapshot
        fits = market.instrument.epic == epic and prices.bid < prices.offer and market.dealingRules.minDealSize.value > 0
        check(f"{epic} has rules and a price", fits, market)
    raises("an unknown one has none", Exception, "error.public-api.epic-not-found", ig.fetch_market_by_epic, "IX.D.NOTHING.IP")

    both = ig.fetch_markets_by_epics("IX.D.SPTRD.MONTH1.IP,IX.D.FTSE.DAILY.IP", version="1")
    names = sorted(each.instrument.name for each in both)
    check("two at once", names == ["FTSE 100", "US 500"] and all(each.dealingRules for each in both), names)
    three = ig.fetch_markets_by_epics("MT.D.PL.Month2.IP,MT.D.PA.Month1.IP,MT.D.HG.Month1.IP", detailed=False)
    bare = all(each.instrument.name is None and each.dealingRules is None for each in three)
    check("three prices alone", len(three) == 3 and bare and all(each.snapshot.bid for each in three), three)
    is_frame("and as a frame", ig.search_markets_v2("CS.D.GBPUSD.TODAY.IP"), "instrument", "snapshot", rows=1)
    many = ",".join(["IX.D.FTSE.DAILY.IP"] + [f"IX.D.FTSE{n}.DAILY.IP" for n in range(50)])
    raises("51 are too many", Exception, "error.public-api.too-many-epics", ig.fetch_markets_by_epics, many)


def sentiment(ig):
    def adds_up(each):
        long, short = each["longPositionPercentage"], each["shortPositionPercentage"]
        return isinstance(long, float) and isinstance(short, float) and long + short == 100

    for market in STOOD:
        found = ig.fetch_client_sentiment_by_instrument(market)
        check(f"how clients stand in {market}", adds_up(found), found)
    found = ig.fetch_client_sentiment_by_instrument(STOOD)["clientSentiments"]
    check("in all at once", len(found) == len(STOOD) and all(map(adds_up, found)), found)
    related = ig.fetch_related_client_sentiment_by_instrument("FT100")
    is_frame("and in related ones", related, "marketId", "longPositionPercentage")
