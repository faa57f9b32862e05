"""An unmodified msgraph-sdk with azure-identity, against a running sandbox: calendar, mail and meetings.

Prints one line a check and stops with status 1 at the first that fails.
"""

import argparse
import asyncio

from graph_checks import attachments, calendar, limits, mail, meetings
from graph_checks.world import ADELE, ALEX, Account, Sandbox, check

PARTS = {"calendar": calendar, "mail": mail, "attachments": attachments, "meetings": meetings, "limits": limits}


async def run(sandbox, parts):
    sandbox.control("reset", {"seed": 1})
    adele, alex = Account(sandbox, ADELE), Account(sandbox, ALEX)
    me = await adele.me.get()
    check("the SDK reads /me", me.user_principal_name == ADELE, me)
    for part in parts:
        print(f"--    {part}")
        await PARTS[part].run(adele, alex)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--base", required=True, help="the sandbox, such as https://localhost:8443")
    arguments.add_argument("--ca", required=True, help="the certificate file the sandbox wrote")
    arguments.add_argument("parts", nargs="*", choices=[[], *PARTS], help="these alone")
    chosen = arguments.parse_args()
    asyncio.run(run(Sandbox(chosen.base, chosen.ca), chosen.parts or PARTS))
    print("the SDK takes the sandbox for Graph")


if __name__ == "__main__":
    main()
