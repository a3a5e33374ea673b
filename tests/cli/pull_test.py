#!/usr/bin/env python3
# `studio models pull` against a hub on loopback: killed and gone on with, interrupted, a full disk, a lying hub.
"""pull_test.py BUILD/bin/studio"""
import hashlib
import http.server
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

STUDIO = os.path.abspath(sys.argv[1])
DATA = random.Random(1).randbytes(1 << 20) * 12
SHA256 = hashlib.sha256(DATA).hexdigest()
failed = False


def check(holds, what):
    global failed
    if not holds:
        print(f"FAILED: {what}")
        failed = True


class Hub(http.server.ThreadingHTTPServer):
    """Links to its own /blob, as hubs link to a file host. `pause`: seconds between 64 kB of an answer."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.pause, self.declares, self.ranges, self.asked = 0.0, True, True, []
        self.working = self.most = 0
        self.guard = threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        pass  # clients that are killed are what is tried here


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def head(self, status, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def do_HEAD(self):
        if self.path == "/blob":
            return self.head(200, Content_Length=str(len(DATA)) if self.server.declares else "0")
        linked = {"X_Linked_Etag": f'"{SHA256}"', "X_Linked_Size": str(len(DATA))} if self.server.declares else {}
        self.head(302, Location="/blob", Content_Length="0", **linked)

    def do_GET(self):
        if self.path != "/blob":
            return self.head(302, Location="/blob", Content_Length="0")
        asked = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        first, last = 0, len(DATA) - 1
        if asked and self.server.ranges:
            first, last = int(asked[1]), int(asked[2] or last)
        piece = DATA[first:last + 1]
        with self.server.guard:
            self.server.asked.append(len(piece))
            self.server.working += 1
            self.server.most = max(self.server.most, self.server.working)
        try:
            if asked and self.server.ranges:
                self.head(206, Content_Length=str(len(piece)), Content_Range=f"bytes {first}-{last}/{len(DATA)}")
            else:
                self.head(200, Content_Length=str(len(piece)))
            for at in range(0, len(piece), 65536):
                self.wfile.write(piece[at:at + 65536])
                time.sleep(self.server.pause)
        finally:
            with self.server.guard:
                self.server.working -= 1

    def log_message(self, *_):
        pass


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        hub = Hub()
        own = folder / "config/animation-studio/models.yaml"
        own.parent.mkdir(parents=True)
        own.write_text("models:\n  - {id: big, task: chat, engine: llama-server, file: big.bin, sources: "
                       "[{url: 'https://huggingface.co/org/big/resolve/main/big.bin', sha256: hub}]}\n"
                       "  - {id: known, task: chat, engine: llama-server, file: big.bin, sha256: " + "a" * 64 + ", sources: "
                       "[{url: 'https://huggingface.co/org/big/resolve/main/big.bin'}]}\n"
                       "  - {id: open, task: chat, engine: llama-server, file: big.bin, sources: "
                       "[{url: 'https://huggingface.co/org/big/resolve/main/big.bin'}]}\n")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "STUDIO_")) and "proxy" not in k.lower()}
        environment.update(HOME=name, XDG_CACHE_HOME=f"{name}/cache", XDG_CONFIG_HOME=f"{name}/config",
                           HF_ENDPOINT=f"http://127.0.0.1:{hub.server_port}", HF_HOME=f"{name}/hf")
        models = folder / "cache/animation-studio/models"
        pull(folder, hub, environment, models)
        two_at_once(hub, environment, models)
        full_disk(folder, hub, environment)
    print("pulls survive what hubs, disks and people do" if not failed else "")
    sys.exit(1 if failed else 0)


def run(environment, *arguments, **more):
    return subprocess.run([STUDIO, "models", *arguments], env={**environment, **more}, capture_output=True, text=True)


def pull(folder, hub, environment, models):
    part = models / "big/big.bin.part"
    hub.pause = 0.05
    for stop_with, code in ((signal.SIGKILL, -9), (signal.SIGINT, 130)):
        before = part.stat().st_size if part.exists() else 0
        process = subprocess.Popen([STUDIO, "models", "pull", "big"], env=environment, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        for _ in range(400):
            time.sleep(0.02)
            if part.exists() and part.stat().st_size > before + (2 << 20):
                break
        process.send_signal(stop_with)
        check(process.wait(timeout=20) == code, f"ended with {process.returncode} after signal {stop_with}")
        check(not (models / "big/big.bin").exists(), "a half file has the whole one's name")
    check(hub.most > 1, "it came over one connection only")
    hub.pause = 0
    hub.asked.clear()
    done = run(environment, "pull", "big", "--json", "-")
    check(done.returncode == 0, f"the pull did not go on: {done.stderr}")
    check(sum(hub.asked) < len(DATA), f"{sum(hub.asked)} of {len(DATA)} bytes were fetched again")
    check(json.loads(done.stdout)["present"] is True, "it does not say that the file is there")
    check((models / "big/big.bin").read_bytes() == DATA, "the file is not what the hub has")
    check(not list(models.glob("**/*.part*")), "pieces are left behind")
    check(run(environment, "verify", "big").returncode == 0, "verify finds it wrong")
    refused = run(environment, "pull", "known", "-q")
    check(refused.returncode == 1 and "a" * 64 in refused.stderr and SHA256 in refused.stderr,
          f"another hash than the known one: {refused.stderr}")
    check(not (models / "known/big.bin").exists(), "a file with the wrong hash was kept")
    astray = run(environment, "pull", "open", "-q", HF_ENDPOINT="hub.example")
    check(astray.returncode == 2 and "HF_ENDPOINT" in astray.stderr, f"an endpoint that is no address: {astray.stderr}")
    hub.ranges = False
    check(run(environment, "rm", "big").returncode == 0 and run(environment, "pull", "big", "-q").returncode == 0,
          "a hub without ranges gives nothing")
    hub.ranges = True


def two_at_once(hub, environment, models):
    """The second waits and fetches nothing again; a removal does not pull the folder away from under them."""
    run(environment, "rm", "big", "-q")
    hub.asked.clear()
    hub.pause = 0.02
    pulls = [subprocess.Popen([STUDIO, "models", "pull", "big"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True) for _ in range(2)]
    for _ in range(400):
        time.sleep(0.02)
        if hub.asked:
            break
    refused = run(environment, "rm", "big", "-q")
    check(refused.returncode == 1 and "downloaded" in refused.stderr, f"it was removed under a download: {refused.stderr}")
    for process in pulls:
        out, err = process.communicate(timeout=60)
        check(process.returncode == 0 and "big.bin" in out, f"one of two pulls: {err}")
    hub.pause = 0
    check(sum(hub.asked) <= len(DATA), f"two pulls fetched {sum(hub.asked)} bytes of {len(DATA)}")
    removed = run(environment, "rm", "big")
    check(removed.returncode == 0 and "freed" in removed.stderr and not (models / "big").exists(), f"rm: {removed.stderr}")
    check("nothing" in run(environment, "rm", "big").stderr, "a removal of nothing does not say so")


# A disk of 8 MB: told before the first byte where the size is known, at once when it is full where it is not.
def full_disk(folder, hub, environment):
    small = folder / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", small], capture_output=True).returncode != 0:
        print("SKIPPED: the full disk, a small file system cannot be mounted (not root)")
        return
    try:
        hub.asked.clear()
        refused = run(environment, "pull", "big", "-q", XDG_CACHE_HOME=str(small))
        check(refused.returncode == 1 and "free" in refused.stderr, f"a disk too small: {refused.stderr}")
        check(not hub.asked, "bytes were fetched for a disk that is too small")
        hub.declares = False
        refused = run(environment, "pull", "open", "-q", XDG_CACHE_HOME=str(small))
        check(refused.returncode == 1 and re.search("no space", refused.stderr, re.I), f"a full disk: {refused.stderr}")
        check(not (small / "animation-studio/models/open/big.bin").exists(), "a cut-off file has the whole one's name")
    finally:
        subprocess.run(["umount", small])


if __name__ == "__main__":
    main()
