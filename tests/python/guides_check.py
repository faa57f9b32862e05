"""Runs the code of docs/guides and asserts what it does, against `evergrant serve --sandbox`.

What is run, in the order of the guide, all blocks of a guide in one folder and one environment:

    ```python                            every such block, in one namespace
    <!-- file: NAME --> ```python        written to NAME, for the later blocks; any language
    <!-- copy: NAME from GUIDE -->       the file NAME of another guide
    <!-- run --> ```bash                 must end with 0
    <!-- run, exits: 5, prints: X -->    must end with 5, and print X to stdout or stderr

Blocks that call `node` are left out, and said to be, where there is none. Other blocks are there to be read. The documented ports are replaced by free ones. After its blocks a guide's
code meets every failure that the sandbox can provoke. Ends with 1 at the first thing that is not as written.
"""

import argparse
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import requests

GUIDES = Path(__file__).resolve().parents[2] / "docs" / "guides"
PORTS = {
    "8400": "EVERGRANT_SERVER_LISTEN",
    "8401": "EVERGRANT_ADMIN_LISTEN",
    "8410": "EVERGRANT_SANDBOX_HTTP",
    "8443": "EVERGRANT_SANDBOX_HTTPS",
}
NOTE = re.compile(
    r"<!-- (?:(?P<run>run)(?:, exits: (?P<exits>\d+))?(?:, prints: (?P<prints>.+))?|file: (?P<file>\S+)"
    r"|copy: (?P<copy>\S+) from (?P<source>\S+)) -->$"
)
ADELE, ALEX = "adele@contoso.example", "alex@contoso.example"


def check(what, passed, seen=None):
    print(("ok    " if passed else "FAIL  ") + what, flush=True)
    if not passed:
        print(f"      saw: {seen!r}", flush=True)
        sys.exit(1)


def blocks(text):
    """The fenced blocks: line number, language, note before it, code."""
    note, fence, code = None, None, []
    for number, line in enumerate(text.splitlines(), 1):
        if fence:
            if line.strip() == "```":
                yield (*fence, "".join(code))
                fence, note, code = None, None, []
            else:
                code.append(line + "\n")
        elif line.startswith("```"):
            fence = (number + 1, line[3:].strip(), note)
        elif line.startswith("<!--"):
            note = NOTE.match(line)
            if note is None:
                check(f"line {number} is a note that this program knows", False, line)
            if note["copy"]:
                yield number, "copy", note, files(GUIDES / note["source"])[note["copy"]]
                note = None
        elif line.strip():
            note = None


def files(guide):
    """The files that a guide has its reader write, by name."""
    return {note["file"]: code for *_, note, code in blocks(guide.read_text()) if note and note["file"]}


class Folder:
    """Where a guide is followed: a folder, ports, an environment, and what runs there."""

    def __init__(self, path, evergrant):
        self.path, self.groups = path, []
        self.ports = dict(zip(PORTS, free_ports(len(PORTS))))
        ours = ("EVERGRANT_", "MICROSOFT_", "EVG_", "GRAPH_URL")
        self.env = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(ours) and "proxy" not in name.lower()
        }
        self.env |= {PORTS[port]: f"127.0.0.1:{free}" for port, free in self.ports.items()}
        self.env["PATH"] = f"{Path(evergrant).resolve().parent}{os.pathsep}{self.env['PATH']}"

    def here(self, text):
        """The text with this folder's ports."""
        return re.sub(r":(84\d\d)\b", lambda port: f":{self.ports.get(port[1], port[1])}", text)

    def bash(self, code, exits=0):
        """Runs it as typed into one terminal: what it exports is there for the next. Gives what it prints."""
        out, after = self.path / "out", self.path / "after"
        script = f"set -euo pipefail\ntrap 'env -0 > {after}' EXIT\n{self.here(code)}"
        with out.open("w") as file:
            shell = subprocess.Popen(
                ["bash", "-c", script], cwd=self.path, env=self.env, stdin=subprocess.DEVNULL,
                stdout=file, stderr=subprocess.STDOUT, start_new_session=True,
            )
        self.groups.append(shell.pid)
        try:
            code = shell.wait(timeout=60)
        except subprocess.TimeoutExpired:
            code = "none after a minute"
        printed = out.read_text()
        if code != exits:
            logs = "".join(log.read_text()[-2000:] for log in self.path.glob("*.log"))
            print(printed, logs, sep="\n")
        check(f"  ends with {exits}", code == exits, code)
        pairs = (pair.split("=", 1) for pair in after.read_text().split("\0") if pair)
        self.env = {name: value for name, value in pairs if name not in ("_", "SHLVL")}
        return printed

    def stop(self):
        for group in self.groups:
            try:
                os.killpg(group, signal.SIGTERM)
            except ProcessLookupError:
                pass


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@contextmanager
def folder(evergrant):
    """A folder in which this process stands, with its environment and its modules."""
    before = (os.getcwd(), dict(os.environ), set(sys.modules))
    with tempfile.TemporaryDirectory(prefix="evergrant-guide-", ignore_cleanup_errors=True) as path:
        path = Path(path)
        place = Folder(path, evergrant)
        os.chdir(path)
        sys.path.insert(0, str(path))
        sys.dont_write_bytecode = True
        try:
            yield place
        finally:
            place.stop()
            sys.path.remove(str(path))
            os.chdir(before[0])
            os.environ.clear()
            os.environ.update(before[1])
            for name in set(sys.modules) - before[2]:
                if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(path)):
                    del sys.modules[name]


def follow(guide, place):
    """Does what the guide says. Gives the names its Python blocks define."""
    names = {"__name__": guide.stem}
    for line, language, note, code in blocks(guide.read_text()):
        at = f"{guide.name}, line {line}"
        name = note and (note["file"] or note["copy"])
        if name:
            (place.path / name).write_text(place.here(code))
            print(f"ok    {at}: {name}")
        elif language == "python":
            # Empty lines before it make a traceback name the guide's own line.
            program = compile("\n" * (line - 1) + place.here(code), str(guide), "exec")
            os.environ.clear()
            os.environ.update(place.env)
            exec(program, names)
            place.env |= os.environ
            print(f"ok    {at}: python")
        elif note and note["run"]:
            check(f"{at}: bash", language == "bash", language)
            if re.search(r"^node ", code, re.M) and not shutil.which("node"):
                print("skip    there is no node on this machine")
                continue
            printed = place.bash(code, int(note["exits"] or 0))
            if note["prints"]:
                check(f"  prints {note['prints']}", note["prints"] in printed, printed)
    return names


# After a guide: what it does not show, but promises


class Sandbox:
    def __init__(self, place):
        self.base = place.here("http://localhost:8410")

    def control(self, path, body=None):
        answer = requests.post(f"{self.base}/_sandbox/{path}", json=body or {}, timeout=30)
        answer.raise_for_status()

    def change(self, change, user=ADELE):
        self.control(f"world/microsoft/users/{user}/{change}")

    def refuse_tokens(self, fault=None):
        """Graph refuses the tokens there are; the refresh that follows meets the fault."""
        if fault:
            self.control("faults", {"where": "microsoft.token", "do": fault})
        self.change("revoke-access-tokens")


def come_back(url, account=ADELE):
    """What a user does on the sign-in page. Gives the parameters of the way back."""
    answer = requests.get(f"{url}&prompt=none&login_hint={account}", allow_redirects=False, timeout=30)
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


def raises(kind, code, call, *arguments, **options):
    """The GrantError of this kind and code that the call raises."""
    try:
        answer = call(*arguments, **options)
    except Exception as error:
        check(f"{code} is {kind.__name__}", type(error) is kind and error.code == code, error)
        return error
    check(f"{code} is {kind.__name__}", False, answer)


def after_valid_token(place, names):
    import evergrant_client as client
    import microsoft_pages as pages
    import profile_view

    sandbox, integration = Sandbox(place), names["integration"]

    def view(which=integration, user="alice"):
        return profile_view.profile(user, which, lambda url: ("redirect", url), lambda *page: page)

    def profile(user="alice"):
        return client.evergrant("GET", f"/api/integrations/{integration}/profile/", user)

    # The guide ended with revoked sessions.
    kind, url = view()
    check("a revoked session sends the user to reconnect_url", kind == "redirect" and "/oauth/reconnect/" in url, url)
    # The server's memory may lag a quarter of a second behind the database.
    eventually("the helper gives None", lambda: client.get_valid_microsoft_token("alice") is None, within=2)
    to_microsoft = requests.get(url, allow_redirects=False, timeout=30).headers["Location"]
    hinted = re.sub("&login_hint=[^&]*", "", to_microsoft)
    page = requests.get(f"{hinted}&prompt=none&login_hint={ADELE}", timeout=30)
    check("the link reconnects", page.status_code == 200 and "Connected" in page.text, page.text)
    check("the integration keeps its id, and works", view() == (200, "Adele Vance"), view())

    again = client.begin_connecting("alice", "microsoft_calendar", pages.CALLBACK, integration)
    mismatch = come_back(re.sub("&login_hint=[^&]*", "", again), ALEX)
    raises(client.ConnectFailed, "account_mismatch", client.finish_connecting, "alice", "microsoft_calendar", mismatch)
    again = client.begin_connecting("alice", "microsoft_calendar", pages.CALLBACK, integration)
    back = client.finish_connecting("alice", "microsoft_calendar", come_back(re.sub("&login_hint=[^&]*", "", again)))
    check("reconnecting through one's own page keeps the id", back["id"] == integration, back)

    # A token that Graph refuses.
    old = client.valid_token("alice", integration)
    sandbox.refuse_tokens()
    check("the refused token is still handed out", client.valid_token("alice", integration) == old)
    check("graph_get replaces it", view() == (200, "Adele Vance"), view())
    check("the token is another one", client.valid_token("alice", integration) != old)

    sandbox.refuse_tokens({"aadsts": 7000222})
    trouble = raises(client.OperatorNeeded, "registration_misconfigured", profile)
    check("the reason is the expired secret", trouble.problem["reason"] == "client_secret_expired", trouble.problem)
    sandbox.control("faults", {"where": "microsoft.token", "times": 9, "do": {"aadsts": 7000222}})
    check("the view tells the operator", view()[0] == 503 and "our fault" in view()[1], view())
    listed = client.evergrant("GET", f"/api/integrations/{integration}/", "alice")
    check("the user stays connected", listed["status"] == "active", listed)
    requests.delete(f"{sandbox.base}/_sandbox/faults", timeout=30)
    eventually("a mended registration needs nobody else", lambda: view() == (200, "Adele Vance"))

    # Evergrant sees with its own eyes that the token works: reports alone, one after the other, would be a loop.
    client.evergrant("GET", f"/api/integrations/{integration}/profile/", "alice")
    sandbox.refuse_tokens({"status": 503, "retry_after": 2})
    wait = raises(client.TryLater, "provider_unavailable", profile)
    check("Retry-After is Microsoft's", 1 <= wait.seconds <= 3, wait.problem)
    check("the view asks to wait", view()[0] == 503 and "Try again in" in view()[1], view())
    eventually("after an outage it works again", lambda: view() == (200, "Adele Vance"))

    sandbox.control("faults", {"where": "graph", "do": {"status": 429, "retry_after": 3}})
    wait = raises(client.TryLater, "provider_throttled", profile)
    check("Retry-After is Graph's", wait.seconds == 3, wait.problem)

    # Paused, unknown, somebody else's.
    client.evergrant("PATCH", f"/api/integrations/{integration}/", "alice", json={"paused": True})
    raises(client.Paused, "integration_paused", client.valid_token, "alice", integration)
    check("the view says paused", view()[0] == 409, view())
    client.evergrant("PATCH", f"/api/integrations/{integration}/", "alice", json={"paused": False})
    check("resumed", view() == (200, "Adele Vance"), view())

    place.bash("evergrant users add other")
    for user, unknown in [("alice", "nonsense"), ("alice", "int_" + 32 * "0"), ("other", integration)]:
        raises(client.NotConnected, "integration_not_found", client.valid_token, user, unknown)
        check("the view offers to connect", view(unknown, user) == ("redirect", "/microsoft/connect"))
    raises(client.NotConnected, "integration_not_found", client.find_integration, "other", "microsoft_calendar")

    # Mistakes of the caller.
    mistake = raises(client.CallerMistake, "life_unattainable", client.valid_token, "alice", integration, 10**6)
    longest = mistake.problem["longest_seconds"]
    check("longest_seconds can be asked for", 3000 < longest < 29 * 3600, longest)
    raises(client.CallerMistake, "user_required", client.valid_token, "nobody", integration)
    raises(client.CallerMistake, "redirect_not_allowed", client.begin_connecting, "alice", "microsoft_calendar", "http://localhost:1/x")
    raises(client.CallerMistake, "unknown_provider", client.begin_connecting, "alice", "nonsense", pages.CALLBACK)
    raises(client.ConnectFailed, "invalid_state", pages.callback, "alice", {}, {"state": "nonsense", "code": "x"})
    raises(client.ConnectFailed, "invalid_state", pages.callback, "alice", {}, {})
    for user, code, kind in [("alice", "connect_refused", client.ConnectFailed), ("other", "invalid_state", client.ConnectFailed)]:
        session = {}
        state = dict(parse_qsl(urlsplit(pages.connect("alice", session)).query))["state"]
        raises(kind, code, pages.callback, user, session, {"state": state, "error": "access_denied"})

    good = client.KEY
    for key in ["nonsense", "", good[:-1] + ("0" if good[-1] != "0" else "1")]:
        client.KEY = key
        raises(client.CallerMistake, "unauthenticated", client.valid_token, "alice", integration)
    check("the view blames the program", view()[0] == 500, view())
    client.KEY = place.bash("evergrant keys create --service reader --allow integrations:read").split()[-1]
    lacking = raises(client.CallerMistake, "forbidden", client.valid_token, "alice", integration)
    check("it names the permission", lacking.problem["permission"] == "tokens:read", lacking.problem)
    place.bash("evergrant keys revoke $(evergrant keys | grep 'service reader' | grep -o 'key_[0-9a-f]*')")
    time.sleep(1.5)
    raises(client.CallerMistake, "unauthenticated", client.find_integration, "alice", "microsoft_calendar")
    client.KEY = good

    client.evergrant("DELETE", f"/api/integrations/{integration}/", "alice")
    raises(client.NotConnected, "integration_not_found", client.valid_token, "alice", integration)

    url, client.EVERGRANT = client.EVERGRANT, f"http://127.0.0.1:{free_ports(1)[0]}"
    raises(client.TryLater, "evergrant_unreachable", client.valid_token, "alice", integration)
    client.EVERGRANT = url


def eventually(what, passed, within=90):
    end = time.monotonic() + within
    while not passed() and time.monotonic() < end:
        time.sleep(0.5)
    check(what, passed())


def expiring_tokens(place, modules):
    """The helper when tokens really expire, which takes the sandbox's short ones: all callers, every failure."""
    for name, code in modules.items():
        (place.path / name).write_text(place.here(code))
    place.bash("""
        evergrant sandbox --access-ttl 4 > sandbox.log 2>&1 &
        until curl -sf http://127.0.0.1:8410/_sandbox/world > world.json; do sleep 0.1; done
        export EVG_URL=http://127.0.0.1:8400 GRAPH_URL=http://localhost:8410
        export MICROSOFT_CLIENT_ID=sandbox-client MICROSOFT_CLIENT_SECRET=sandbox-secret
        export EVERGRANT_MICROSOFT_LOGIN_URL=$GRAPH_URL EVERGRANT_MICROSOFT_GRAPH_URL=$GRAPH_URL
        export EVERGRANT_SERVER_REDIRECT_URIS=http://localhost:5000/microsoft/callback
        for user in one two three four; do evergrant users add $user; done
        export EVG_KEY=$(evergrant keys create --service shop --allow all)
        evergrant serve > evergrant.log 2>&1 &
        export SERVER=$!
        until curl -sf http://127.0.0.1:8400/health/ready; do sleep 0.1; done
    """)
    os.environ.update(place.env)
    import evergrant_client as client
    import microsoft_pages as pages

    sandbox = Sandbox(place)

    def connected(user):
        session = {}
        return pages.callback(user, session, come_back(pages.connect(user, session)))

    def token(user, integration):
        return client.valid_token(user, integration, min_seconds=0)

    one = connected("one")
    before = token("one", one)
    time.sleep(5)
    after = token("one", one)
    check("an expired token is replaced", after != before)
    works = requests.get(f"{client.GRAPH}/me", headers={"Authorization": f"Bearer {after}"}, timeout=30)
    check("Graph takes the new one", works.status_code == 200, works.text)

    for user, fault, kind, code in [
        ("two", {"status": 503, "retry_after": 1}, client.TryLater, "provider_unavailable"),
        ("three", {"aadsts": 7000222}, client.OperatorNeeded, "registration_misconfigured"),
    ]:
        integration = connected(user)
        sandbox.control("faults", {"where": "microsoft.token", "times": 1000, "do": fault})
        good = token(user, integration)
        time.sleep(5)
        raises(kind, code, token, user, integration)
        requests.delete(f"{sandbox.base}/_sandbox/faults", timeout=30)

        def again():
            try:
                return token(user, integration) != good
            except kind:
                return False

        eventually("and it recovers by itself", again)

    four = connected("four")
    sandbox.change("revoke-sessions")
    time.sleep(5)
    needed = raises(client.ReconnectRequired, "reconnect_required", token, "four", four)
    check("with a link", "/oauth/reconnect/" in needed.url, needed.problem)

    # Another encryption key: the stored grants do not open.
    sandbox.control("reset")
    one = client.finish_connecting("one", "microsoft_outlook", come_back(client.begin_connecting("one", "microsoft_outlook", pages.CALLBACK)))["id"]
    restart = """
        kill -TERM $SERVER; while kill -0 $SERVER 2>/dev/null; do sleep 0.1; done
        export EVERGRANT_ENCRYPTION_KEYS={keys}
        evergrant serve >> evergrant.log 2>&1 &
        export SERVER=$!
        until curl -sf http://127.0.0.1:8400/health/ready; do sleep 0.1; done
    """
    new, old = place.bash("head -c 32 /dev/urandom | base64 | tr '+/' '-_'; cat evergrant.key").split()
    place.bash(restart.format(keys=new))
    raises(client.OperatorNeeded, "encryption_key_missing", token, "one", one)
    place.bash(restart.format(keys=f"{new},{old}"))
    check("with both keys the grant opens", token("one", one))
    time.sleep(5)
    check("a refreshed grant", token("one", one))
    place.bash(restart.format(keys=new))
    check("needs the new key alone", token("one", one))


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--evergrant", required=True, help="the binary")
    arguments.add_argument("guides", nargs="*", help="these alone, such as sandbox.md")
    chosen = arguments.parse_args()
    after = {"valid-token.md": after_valid_token}
    names = sorted(guide.name for guide in GUIDES.glob("*.md"))
    check("there are guides", set(after) <= set(names), names)
    for name in chosen.guides or names:
        with folder(chosen.evergrant) as place:
            known = follow(GUIDES / name, place)
            os.environ.update(place.env)
            if name in after:
                after[name](place, known)
    if not chosen.guides or "valid-token.md" in chosen.guides:
        with folder(chosen.evergrant) as place:
            expiring_tokens(place, files(GUIDES / "valid-token.md"))
    print("every guide does what it says")


if __name__ == "__main__":
    main()
