"""Runs the code of docs/guides and asserts what it does, against `evergrant serve --sandbox`.

What is run, in the order of the guide, all blocks of a guide in one folder and one environment:

    ```python                            every such block, in one namespace
    <!-- file: NAME --> ```python        written to NAME, for the later blocks; any language
    <!-- copy: NAME from GUIDE -->       the file NAME of another guide
    <!-- run --> ```bash                 must end with 0
    <!-- run, exits: 5, prints: X -->    must end with 5, and print X to stdout or stderr

Other blocks are there to be read. Blocks that call `node` are left out, and said to be, where there is none. The
documented ports are replaced by free ones. After its blocks a guide's code meets every failure that the sandbox can
provoke (`promises/`). Ends with 1 at the first thing that is not as written.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

from promises.calendar import after_calendar
from promises.ig import after_ig, expiring_sessions
from promises.mail import after_mail
from promises.teams_meetings import after_teams_meetings
from promises.valid_token import after_valid_token, expiring_tokens
from promises.world import check, free_ports

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

    def __init__(self, path, evergrant, copies=False):
        self.path, self.groups = path, []
        self.ports = dict(zip(PORTS, free_ports(len(PORTS))))
        ours = ("EVERGRANT_", "MICROSOFT_", "IG_", "EVG_", "GRAPH_URL")
        self.env = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(ours) and "proxy" not in name.lower()
        }
        self.env |= {PORTS[port]: f"127.0.0.1:{free}" for port, free in self.ports.items()}
        if not copies:
            # Faults and ledgers are about the calls of the guide alone.
            self.env["EVERGRANT_SYNC_ENABLED"] = "false"
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


@contextmanager
def folder(evergrant, copies=False):
    """A folder in which this process stands, with its environment and its modules."""
    before = (os.getcwd(), dict(os.environ), set(sys.modules))
    with tempfile.TemporaryDirectory(prefix="evergrant-guide-", ignore_cleanup_errors=True) as path:
        path = Path(path)
        place = Folder(path, evergrant, copies)
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


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--evergrant", required=True, help="the binary")
    arguments.add_argument("guides", nargs="*", help="these alone, such as sandbox.md")
    chosen = arguments.parse_args()
    after = {
        "calendar.md": after_calendar,
        "ig.md": after_ig,
        "mail.md": after_mail,
        "teams-meetings.md": after_teams_meetings,
        "valid-token.md": after_valid_token,
    }
    names = sorted(guide.name for guide in GUIDES.glob("*.md"))
    check("there are guides", set(after) <= set(names), names)
    for name in chosen.guides or names:
        with folder(chosen.evergrant, copies=name == "sync.md") as place:
            known = follow(GUIDES / name, place)
            os.environ.update(place.env)
            if name in after:
                after[name](place, known)
    if not chosen.guides or "valid-token.md" in chosen.guides:
        with folder(chosen.evergrant) as place:
            expiring_tokens(place, files(GUIDES / "valid-token.md"))
    if not chosen.guides or "ig.md" in chosen.guides:
        with folder(chosen.evergrant) as place:
            expiring_sessions(place, files(GUIDES / "valid-token.md"))
    print("every guide does what it says")


if __name__ == "__main__":
    main()
