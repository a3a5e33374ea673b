#!/usr/bin/env python3
# Starts the engine with each small model and measures function calling on it: its own parser beside ours.
"""measure.py [--studio PATH] [--models ID,ID] [further options of tool_bench]

Prints the share of right answers by kind of case. Some minutes a model on two cores; the 1.5B model is used where
it is on this machine (`studio models pull qwen2.5-coder-1.5b`).
"""
import argparse
import glob
import os
import subprocess
import sys
import tempfile
import time
import http.client
import socket

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def find_engine():
    given = os.environ.get("STUDIO_LLAMA_SERVER", "")
    base = os.environ.get("XDG_CACHE_HOME", "")
    cache = base if base.startswith("/") else os.path.expanduser("~/.cache")
    found = [given] if given else sorted(glob.glob(os.path.join(cache, "animation-studio/engines/llama-server-*/llama-server")))
    return found[-1] if found else None


def healthy(path):
    """True once the engine behind the socket has its model."""
    connection = http.client.HTTPConnection("localhost", timeout=2)
    try:
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(path)
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def measure(engine, model, file, program, rest):
    with tempfile.TemporaryDirectory(prefix="tools-") as folder:
        path = os.path.join(folder, "engine.sock")
        with open(os.path.join(folder, "engine.log"), "wb") as log:
            child = subprocess.Popen([engine, "--model", file, "--host", path, "-c", "8192", "-np", "1", "--no-ui"],
                                     stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 120
            while not healthy(path):
                if child.poll() is not None or time.monotonic() > deadline:
                    print(f"{model}: the engine did not start", file=sys.stderr)
                    return False
                time.sleep(0.1)
            print(f"{model}:", flush=True)
            return subprocess.run([program, f"unix:{path}", *rest]).returncode == 0
        finally:
            child.kill()
            child.wait()


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--studio", default=os.path.join(ROOT, "build/release/bin/studio"))
    parser.add_argument("--models", default="qwen2.5-coder-0.5b,qwen2.5-coder-1.5b")
    options, rest = parser.parse_known_args()
    engine = find_engine()
    if not engine:
        print("the engine is not here: setup/setup.sh builds it", file=sys.stderr)
        return 1
    program = os.path.join(os.path.dirname(os.path.abspath(options.studio)), "tool_bench")
    done = 0
    for model in options.models.split(","):
        where = subprocess.run([options.studio, "models", "path", model], capture_output=True, text=True)
        file = where.stdout.strip()
        if where.returncode != 0 or not os.path.isfile(file):
            print(f"{model}: skipped, not on this machine (studio models pull {model})", flush=True)
            continue
        done += measure(engine, model, file, program, rest)
    return 0 if done else 1


if __name__ == "__main__":
    sys.exit(main())
