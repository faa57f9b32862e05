"""An unmodified msal, from the first sign-in to a revoked session, against a running sandbox.

Prints one line a check and stops with status 1 at the first that fails.
"""

import argparse
import sys
from urllib.parse import parse_qsl, urlsplit

import msal
import requests

ACCOUNT = "adele@contoso.example"
SCOPES = ["User.Read", "Mail.Read"]
REDIRECT_URI = "http://localhost:8400/callback"


def check(what, passed, seen=None):
    print(("ok    " if passed else "FAIL  ") + what, flush=True)
    if not passed:
        print(f"      saw: {seen!r}", flush=True)
        sys.exit(1)


class Sandbox:
    """The control interface, through the same trusted connection as everything else."""

    def __init__(self, base, ca):
        self.base = base.rstrip("/")
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = ca

    def get(self, path, **kwargs):
        return self.session.get(self.base + path, timeout=30, **kwargs)

    def control(self, path, body):
        answer = self.session.post(f"{self.base}/_sandbox/{path}", json=body, timeout=30)
        answer.raise_for_status()

    def counts(self):
        ledger = self.get("/_sandbox/ledger").json()
        return ledger["summary"]["accounts"].get(ACCOUNT, {})


def client(sandbox):
    return msal.ConfidentialClientApplication(
        "sandbox-client",
        client_credential="sandbox-secret",
        authority=f"{sandbox.base}/common",
        instance_discovery=False,
        http_client=sandbox.session,
    )


def sign_in(sandbox, app):
    flow = app.initiate_auth_code_flow(
        SCOPES, redirect_uri=REDIRECT_URI, login_hint=ACCOUNT, prompt="none"
    )
    check("msal builds an authorize URL of the sandbox", flow["auth_uri"].startswith(sandbox.base), flow)
    answer = sandbox.session.get(flow["auth_uri"], allow_redirects=False, timeout=30)
    location = answer.headers.get("Location", "")
    check("the sandbox redirects straight back", location.startswith(REDIRECT_URI), answer.text)
    return app.acquire_token_by_auth_code_flow(flow, dict(parse_qsl(urlsplit(location).query)))


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--base", required=True, help="the sandbox, such as https://localhost:8443")
    arguments.add_argument("--ca", required=True, help="the certificate file the sandbox wrote")
    chosen = arguments.parse_args()
    sandbox = Sandbox(chosen.base, chosen.ca)
    sandbox.control("reset", {"seed": 1})

    app = client(sandbox)
    result = sign_in(sandbox, app)
    check("msal redeems the code", "access_token" in result, result)
    claims = result["id_token_claims"]
    check("the id_token names the account", claims["preferred_username"] == ACCOUNT, claims)

    bearer = {"Authorization": f"Bearer {result['access_token']}"}
    me = sandbox.get("/v1.0/me", headers=bearer)
    check("the token opens /me", me.status_code == 200, me.text)
    check("/me is the account", me.json()["userPrincipalName"] == ACCOUNT, me.text)
    check("/me has the oid of the token", me.json()["id"] == claims["oid"], me.text)

    [account] = app.get_accounts()
    check("msal caches the account", account["username"] == ACCOUNT, account)
    cached = app.acquire_token_silent(SCOPES, account=account)
    check("msal serves the token from its cache", cached["access_token"] == result["access_token"], cached)

    sandbox.control("clock", {"advance_seconds": 2 * 60 * 60})
    me = sandbox.get("/v1.0/me", headers=bearer)
    check("the aged token is refused", me.status_code == 401, me.text)
    refreshed = app.acquire_token_silent_with_error(SCOPES, account=account, force_refresh=True)
    check("msal refreshes", bool(refreshed) and "access_token" in refreshed, refreshed)
    bearer = {"Authorization": f"Bearer {refreshed['access_token']}"}
    me = sandbox.get("/v1.0/me", headers=bearer)
    check("the new token opens /me", me.status_code == 200, me.text)
    counts = sandbox.counts()
    check("the ledger shows one redemption", counts["code_redemptions"] == 1, counts)
    check("the ledger shows one refresh", counts["refreshes"] == 1, counts)

    sandbox.control(f"world/microsoft/users/{ACCOUNT}/revoke-sessions", {})
    refused = app.acquire_token_silent_with_error(SCOPES, account=account, force_refresh=True)
    check("a revoked session is an invalid_grant", (refused or {}).get("error") == "invalid_grant", refused)
    check("with the number 50173", 50173 in refused.get("error_codes", []), refused)

    app = client(sandbox)
    again = sign_in(sandbox, app)
    check("the account can sign in again", "access_token" in again, again)


if __name__ == "__main__":
    main()
