"""Past prices in the three versions of the interface, their pages, and what they cost."""

from datetime import timedelta

from ig_checks.world import check, raises

EURUSD, GOLD = "CS.D.EURUSD.MINI.IP", "MT.D.GC.Month2.IP"
DAYS = ["2020-09-01 00:00:00", "2020-09-04 23:59:59"]


def run(ig, sandbox):
    def shaped(what, answer, rows, columns):
        check(what, answer["prices"].shape == (rows, columns), answer["prices"])

    last = ig.fetch_historical_prices_by_epic_and_num_points
    shaped("the last 4 hours", last(EURUSD, "h", 4), 4, 13)
    shaped("flat", last(EURUSD, "h", 4, format=ig.flat_prices), 4, 9)
    shaped("in the middle", last(EURUSD, "h", 4, format=ig.mid_prices), 4, 5)

    between = ig.fetch_historical_prices_by_epic_and_date_range
    for version in ["1", "2"]:
        shaped(f"4 days, version {version}", between(EURUSD, "D", *DAYS, version=version), 4, 13)
        shaped("flat", between(EURUSD, "D", *DAYS, version=version, format=ig.flat_prices), 4, 9)
        shaped("in the middle", between(EURUSD, "D", *DAYS, version=version, format=ig.mid_prices), 4, 5)
    old = between(EURUSD, "D", "2020:09:01-00:00:00", "2020:09:04-23:59:59", version="1")
    check("dates as they were written once", len(old["prices"]) == 4, old)

    def prices(epic=GOLD, **wanted):
        return ig.fetch_historical_prices_by_epic(epic=epic, wait=0, **wanted)

    days = prices(resolution="D", start_date="2020-09-01T00:00:00", end_date="2020-09-04T23:59:59")
    shaped("4 days, version 3", days, 4, 13)
    page = days["metadata"]["pageData"]
    check("on one page", page == {"pageSize": 20, "pageNumber": 1, "totalPages": 1}, page)
    times = days["prices"].index
    check("a day apart", all(b - a == timedelta(days=1) for a, b in zip(times, times[1:])), times)
    weeks = prices(resolution="W", numpoints=10)
    shaped("10 weeks", weeks, 10, 13)
    times = weeks["prices"].index
    check("a week apart", any(b - a == timedelta(weeks=1) for a, b in zip(times, times[1:])), times)
    shaped("flat", prices(resolution="W", numpoints=5, format=ig.flat_prices), 5, 9)
    shaped("in the middle", prices(resolution="W", numpoints=5, format=ig.mid_prices), 5, 5)
    for points, size, pages in [(21, 20, 2), (6, 2, 3), (30, 0, None)]:
        answer = prices(resolution="W", numpoints=points, pagesize=size)
        page = answer["metadata"]["pageData"]
        check(f"{points} by {size}", len(answer["prices"]) == points and pages in (None, page["pageNumber"]), page)
    check("unless told, 10 minutes", len(prices()["prices"]) == 10)

    first, second = (prices(resolution="h", numpoints=7)["metadata"]["allowance"] for _ in range(2))
    cost = first["remainingAllowance"] - second["remainingAllowance"]
    check("7 prices cost 7", cost == 7 and second["allowanceExpiry"] > 0, (first, second))
    # The library's limit of calls knows nothing of this one.
    sandbox.change("allowances", historical=5)
    raises("and there is an end to it", Exception, "exceeded-account-historical-data-allowance", prices, resolution="h", numpoints=9)
