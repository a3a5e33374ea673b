#!/usr/bin/env python3
# A real server and the commands that look after it: SIGHUP and new keys do not end it, stop does.
"""serve_test.py BUILD/bin/studio"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

STUDIO = os.path.abspath(sys.argv[1])
failed = False


def check(holds, what):
    global failed
    if not holds:
        print(f"FAILED: {what}")
        failed = True


with tempfile.TemporaryDirectory() as name:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("STUDIO_") and "proxy" not in k.lower()}
    environment.update(HOME=name, XDG_CACHE_HOME=f"{name}/cache", XDG_CONFIG_HOME=f"{name}/config", XDG_DATA_HOME=f"{name}/data")

    def studio(*arguments, **more):
        return subprocess.run([STUDIO, *arguments], env={**environment, **more}, capture_output=True, text=True, timeout=120)

    begun = studio("serve", "-d", "--port", "0")
    check(begun.returncode == 0, f"serve -d: {begun.stderr}")
    state = json.loads(pathlib.Path(f"{name}/cache/animation-studio/run/server.json").read_text())
    try:
        check(studio("health").returncode == 0, "it is not healthy")
        status = json.loads(studio("status", "--json", "-").stdout)
        check(status["server"]["pid"] == state["pid"], "status names another process")
        check({m["id"] for m in status["models"]} >= {"qwen2.5-coder-0.5b", "all-minilm-l6-v2"}, "models are missing")
        check(set(status["memory"]) >= {"total_bytes", "used_bytes", "ours_bytes", "budget_bytes", "source"}, "memory is incomplete")
        for _ in range(5):
            os.kill(state["pid"], signal.SIGHUP)
            time.sleep(0.1)
        check(studio("health").returncode == 0, "SIGHUP ended it")
        # A model that is taken in while it runs is there at once, and gone when it is given up.
        subprocess.run([sys.executable, pathlib.Path(__file__).with_name("tiny_gguf.py"), f"{name}/mine.gguf"], check=True)

        def knows_mine():
            return any(m["id"] == "mine" for m in json.loads(studio("status", "--json", "-").stdout)["models"])

        for command, known in ((("import", f"{name}/mine.gguf", "--id", "mine"), True), (("rm", "mine"), False)):
            studio("models", *command, "-q")
            for _ in range(50):
                if knows_mine() == known:
                    break
                time.sleep(0.1)
            check(knows_mine() == known, f"after {command[0]} the running server does not follow")
        # The first key closes the administration to those without one, on the running server.
        key = studio("keys", "add", "boss", "--scope", "admin", "-q").stdout.strip()
        for _ in range(50):
            refused = studio("status")
            if refused.returncode != 0:
                break
            time.sleep(0.1)
        check(refused.returncode == 1 and "key" in refused.stderr, f"the new key is not asked for: {refused.stderr}")
        check(studio("status", STUDIO_API_KEY=key).returncode == 0, "the new key is not taken")
        check(studio("switch", "no-such-model", "--key", key).returncode == 1, "an unknown model is switched to")
        check(urllib.request.urlopen(state["url"] + "/health").status == 200, "/health needs a key")
        serve_log = studio("logs", "server", "-n", "50", "--key", key)
        check(serve_log.returncode == 0 and key not in serve_log.stdout, "the log cannot be read, or a key is in it")
    finally:
        ended = studio("stop")
    check(ended.returncode == 0 and str(state["pid"]) in ended.stdout, f"stop: {ended.stdout}{ended.stderr}")
    check(not os.path.exists(f"/proc/{state['pid']}"), "it still runs")
    check(studio("status").returncode == 1, "a server that ended is still found")
print("a server is looked after" if not failed else "")
sys.exit(1 if failed else 0)
