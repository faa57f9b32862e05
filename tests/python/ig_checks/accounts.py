"""Accounts, their preferences, and the key's own figures."""

from ig_checks.world import check, is_frame


def run(ig, sandbox):
    accounts = ig.fetch_accounts()
    is_frame("there are two accounts with their money", accounts, "accountId", "available", "balance", "deposit", "profitLoss", rows=2)
    preferred = accounts.loc[accounts["preferred"]]
    check("one is the default, and not poor", list(preferred["accountId"]) == ["ABC123"] and all(preferred["balance"] > 0))

    for enabled in [False, True]:
        told = ig.update_account_preferences(trailing_stops_enabled=enabled)
        kept = ig.fetch_account_preferences()["trailingStopsEnabled"]
        check(f"a preference is kept: {enabled}", (told, kept) == ("SUCCESS", enabled), (told, kept))

    [key] = ig.get_client_apps()
    check("the key says what it may", key["apiKey"] == "sandbox-key" and key["allowanceAccountTrading"] > 0, key)
    changed = ig.update_client_app(60, 100, "sandbox-key", "ENABLED")
    check("and can be changed", changed["allowanceAccountOverall"] == 60, changed)
    disabled = ig.disable_client_app_key()
    check("and disabled", disabled["status"] == "DISABLED", disabled)
    sandbox.change("key", key="sandbox-key", status="ENABLED")
