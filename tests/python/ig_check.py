"""An unmodified trading_ig against a running sandbox, in both kinds of session: all its calls, and what a login lives through.

Prints one line a check and stops with status 1 at the first that fails.
"""

import argparse

from ig_checks import accounts, dealing, history, limits, markets, prices, sessions, watchlists
from ig_checks.world import Sandbox, logged_in

# With somebody who has logged in, `run(ig, sandbox)`; or with nobody, `run(sandbox, version)`.
PARTS = {
    "accounts": accounts, "markets": markets, "prices": prices, "dealing": dealing, "history": history,
    "watchlists": watchlists,
}
ALONE = {"sessions": sessions, "limits": limits}


def run(sandbox, parts):
    for version in ["2", "3"]:
        for part in parts:
            print(f"--    {part}, version {version}")
            # Positions, allowances and the clock: each part finds a world of its own.
            sandbox.control("reset", {"seed": 1})
            if part in ALONE:
                ALONE[part].run(sandbox, version)
                continue
            ig = logged_in(sandbox, version)
            PARTS[part].run(ig, sandbox)
            ig.logout()


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--base", required=True, help="the sandbox, such as https://localhost:8443")
    arguments.add_argument("--ca", required=True, help="the certificate file the sandbox wrote")
    arguments.add_argument("parts", nargs="*", choices=[[], *ALONE, *PARTS], help="these alone")
    chosen = arguments.parse_args()
    run(Sandbox(chosen.base, chosen.ca), chosen.parts or [*ALONE, *PARTS])
    print("the library takes the sandbox for IG")


if __name__ == "__main__":
    main()
