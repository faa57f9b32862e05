"""Logins of every kind, what becomes of their tokens, and who is not let in."""

from ig_checks.world import KEY, LOGIN, PASSWORD, check, logged_in, raises, service
from trading_ig import IGService
from trading_ig.rest import IGException, TokenInvalidException


def run(sandbox, version):
    {"2": pairs, "3": tokens}[version](sandbox)
    strangers(sandbox, version)


def pairs(sandbox):
    ig = service(sandbox)
    answer = ig.create_session()
    check("a login says who and where", {"accountType": "CFD", "currentAccountId": "ABC123"}.items() <= answer.items(), answer)
    check("and lists the accounts", [each["accountId"] for each in answer["accounts"]] == ["ABC123", "XYZ987"], answer)
    check("it gives a pair of tokens", {"CST", "X-SECURITY-TOKEN"} <= set(ig.session.headers))

    encrypted = service(sandbox)
    encrypted.create_session(encryption=True)
    check("an encrypted password is understood", len(encrypted.fetch_accounts()) == 2)

    raises("of two logins the later one lives", TokenInvalidException, "", ig.fetch_accounts)
    ig = encrypted
    read = ig.read_session()
    check("the session can be read", {"clientId": "133721337", "accountId": "ABC123"}.items() <= read.items(), read)
    old = ig.session.headers["X-SECURITY-TOKEN"]
    ig.switch_account("XYZ987", False)
    check("a switch gives another token", ig.session.headers["X-SECURITY-TOKEN"] != old)
    check("to the other account", ig.read_session()["accountId"] == "XYZ987")
    raises("it cannot be switched to again", Exception, "accountId-must-be-different", ig.switch_account, "XYZ987", False)
    raises("nor to one that is not there", Exception, "invalid-accountId", ig.switch_account, "NONE1", False)
    ig.read_session(fetch_session_tokens="true")
    check("fetched tokens work", len(ig.fetch_accounts()) == 2)

    sandbox.advance(5 * 3600)
    check("it lives while it is used", len(ig.fetch_accounts()) == 2)
    sandbox.advance(5 * 3600)
    check("it lives while it is used, still", len(ig.fetch_accounts()) == 2)
    sandbox.change("weekend")
    raises("a weekend ends it", TokenInvalidException, "", ig.fetch_accounts)
    again = logged_in(sandbox, "2")
    again.logout()
    raises("who logged out is out", TokenInvalidException, "", again.fetch_accounts)


def tokens(sandbox):
    ig = service(sandbox, account=None)
    raises("the library wants an account's number", IGException, "Account number", ig.create_session, version="3")
    ig = service(sandbox)
    answer = ig.create_session(version="3")
    check("a login says who and where", answer["accountId"] == "ABC123" and answer["clientId"], answer)
    check("its token lives a minute", answer["oauthToken"]["expires_in"] == "60", answer)
    check("there is no pair", "CST" not in ig.session.headers)
    service(sandbox).create_session(version="3", encryption=True)
    check("a second login ends no tokens", len(ig.fetch_accounts()) == 2)

    ig.read_session()
    check("reading the session gives no pair", "CST" not in ig.session.headers)
    ig.read_session(fetch_session_tokens="true")
    check("unless it is asked for", {"CST", "X-SECURITY-TOKEN", "Authorization"} <= set(ig.session.headers))
    check("and nothing minds both", len(ig.fetch_accounts()) == 2)

    def silent(seconds):
        """The sandbox's minutes pass and the computer's do not, so the library learns of it from a refusal."""
        logins = len(sandbox.sent("POST", "/session"))
        sandbox.advance(seconds)
        raises(f"after {seconds} s the token is refused", TokenInvalidException, "", ig.fetch_accounts)
        check("and the library goes on", len(ig.fetch_accounts()) == 2)
        return len(sandbox.sent("POST", "/session")) - logins

    check("with a refresh", silent(61) == 0)
    check("and another, with the token of the first", silent(61 + 590) == 0)
    check("each was accepted", sandbox.sent("POST", "/session/refresh-token") == [200, 200])
    check("with a login, after eleven minutes", silent(61 + 600) == 1)
    check("since the refresh was refused", sandbox.sent("POST", "/session/refresh-token")[2:] == [401])
    sandbox.change("weekend")
    raises("a weekend ends both tokens", TokenInvalidException, "", ig.fetch_accounts)
    check("and a login begins anew", len(ig.fetch_accounts()) == 2)

    for account in ["XYZ987", "ABC123"]:
        ig.session.headers["IG-ACCOUNT-ID"] = account
        check(f"each request names its account: {account}", ig.read_session()["accountId"] == account)
    ig.logout()
    raises("who logged out is out", TokenInvalidException, "", ig.fetch_accounts)


def strangers(sandbox, version):
    def refused(what, code, **options):
        ig = service(sandbox, **options)
        raises(f"{what} is not let in", IGException, code, ig.create_session, version=version)

    refused("a wrong password", "error.security.invalid-details", password="wrong")
    refused("an unknown login", "error.security.invalid-details", login="nobody")
    refused("an unknown key", "error.security.api-key-invalid", key="wrong")
    for _ in range(4):
        refused("a wrong password", "error.security.invalid-details", password="wrong")
    refused("who tried too often", "error.security.too-many-failed-attempts")
    raises("there is no third environment", IGException, "Invalid account type", IGService, LOGIN, PASSWORD, KEY, "wrong")
