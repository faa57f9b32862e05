"""What a key and an account may, and how the library keeps to it."""

from ig_checks.dealing import FTSE, buy
from ig_checks.world import check, logged_in, raises
from trading_ig.rest import ApiExceededException, IGException


def run(ig, sandbox):
    sandbox.change("market", epic="*", status="TRADEABLE")
    for allowance in ["account", "application"]:
        sandbox.advance(61)
        _awake(ig)
        sandbox.change("allowances", **{allowance: 3})
        for _ in range(3):
            last = _outcome(ig.fetch_account_preferences)
        check(f"the {allowance} may no more", _outcome(ig.fetch_account_preferences) == "exceeded" or last == "exceeded", last)
        sandbox.change("allowances", **{allowance: 10_000})
    sandbox.advance(61)
    _awake(ig)
    sandbox.change("allowances", trading=2)
    buy(ig, FTSE), buy(ig, FTSE)
    raises("the account deals no more", ApiExceededException, "", buy, ig, FTSE)
    check("and reads all the same", len(ig.fetch_open_positions()) == 2)
    sandbox.change("allowances", trading=10_000)

    sandbox.control("faults", {"where": "ig", "do": {"ig_error": "system.error"}})
    raises("a fault is one", IGException, "500", ig.fetch_accounts)
    check("that passes", len(ig.fetch_accounts()) == 2)

    paced = logged_in(sandbox, "3" if "Authorization" in ig.session.headers else "2", use_rate_limiter=True)
    check("its own limits are those that the key says", paced._trading_requests_per_minute == 9_998, vars(paced))
    check("and it works within them", len(paced.fetch_accounts()) == 2)
    paced.logout()
    if "CST" in ig.session.headers:
        # Of two pairs the later one lived, and has logged out.
        ig.create_session()


def _awake(ig):
    """After a minute a token has ended; the library replaces it at the next call but one."""
    for _ in range(2):
        try:
            ig.fetch_accounts()
        except Exception:
            continue


def _outcome(call):
    try:
        return call() and "answered"
    except ApiExceededException:
        return "exceeded"
