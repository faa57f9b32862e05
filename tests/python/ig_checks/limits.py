"""What a key and an account may, and how the library keeps to it."""

from ig_checks.dealing import FTSE, buy
from ig_checks.world import check, logged_in, raises
from trading_ig.rest import ApiExceededException, IGException, TokenInvalidException


def run(sandbox, version):
    def fresh(**allowances):
        """Somebody who has just logged in, where so much is allowed."""
        sandbox.control("reset", {"seed": 1})
        sandbox.change("market", epic="*", status="TRADEABLE")
        sandbox.change("allowances", **allowances)
        return logged_in(sandbox, version)

    for allowance in ["account", "application"]:
        ig = fresh(**{allowance: 3})
        # The login was the first.
        check("two calls are answered", len(ig.fetch_accounts()) == len(ig.fetch_accounts()) == 2)
        raises(f"the {allowance} may no more", ApiExceededException, "", ig.fetch_accounts)
        sandbox.advance(61)
        if version == "3":
            raises("the minute has ended the token, too", TokenInvalidException, "", ig.fetch_accounts)
        check("it may in the next minute", len(ig.fetch_accounts()) == 2)

    ig = fresh(trading=2)
    check("two deals are done", all(buy(ig, FTSE)["dealStatus"] == "ACCEPTED" for _ in range(2)))
    raises("the account deals no more", ApiExceededException, "", buy, ig, FTSE)
    check("and reads all the same", len(ig.fetch_open_positions()) == 2)

    sandbox.control("faults", {"where": "ig", "do": {"ig_error": "system.error"}})
    raises("a fault is one", IGException, "500", ig.fetch_accounts)
    check("that passes", len(ig.fetch_accounts()) == 2)

    fresh()
    ig = logged_in(sandbox, version, use_rate_limiter=True)
    check("the library's own limits are those that the key says", ig._trading_requests_per_minute == 9_998, vars(ig))
    check("and it works within them", len(ig.fetch_accounts()) == 2)
    ig.logout()
