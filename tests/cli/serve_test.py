#!/usr/bin/env python3
# Real servers and the commands that look after them: SIGHUP and new keys do not end one, stop does; of
# several each is found.
"""serve_test.py BUILD/bin/studio"""
import http.server
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from json_schema import faults_by_file

STUDIO = os.path.abspath(sys.argv[1])
FAKE_ENGINE = pathlib.Path(__file__).resolve().parents[1] / "support/fake_engine.py"
failed = False


def check(holds, what):
    global failed
    if not holds:
        print(f"FAILED: {what}")
        failed = True


def several_servers(name, studio, run_folder, follows_schema):
    """None on the default port: each is found by its port, or they are listed."""
    children = [subprocess.Popen([STUDIO, "serve", "--port", "0"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                 text=True) for _ in range(2)]
    try:
        ports = [child.stdout.readline().strip().rsplit(":", 1)[1] for child in children]
        for command in (("status",), ("health",), ("stop",), ("switch", "x"), ("leases", "list")):
            refused = studio(*command)
            check(refused.returncode == 2 and all(port in refused.stderr for port in ports), f"{command} does not ask which: {refused.stderr}")
        follows_schema(("status", "--server", ports[0]), "status")
        for child, port in zip(children, ports):
            status = json.loads(studio("status", "--server", port, "--json", "-").stdout)
            check(status["server"]["pid"] == child.pid, f"--server {port} asks another")
            check([other["pid"] for other in status["others"]] == [other.pid for other in children if other is not child],
                  "the other one is not named")
        check(studio("status", f"--server=http://localhost:{ports[1]}").returncode == 0, "an address is not taken")
        check(studio("status", STUDIO_SERVER=ports[1]).returncode == 0, "STUDIO_SERVER takes no port")
        again = studio("serve", "-d", "--port", ports[0])
        check(again.returncode == 2 and str(children[0].pid) in again.stderr, f"a second server on a port: {again.stderr}")
        # A key made through one server's administration counts there at once.
        key = studio("keys", "add", "far", "--scope", "admin", "--server", ports[0], "-q").stdout.strip()
        check(studio("status", "--server", ports[0]).returncode == 1 and studio("status", "--server", ports[0], "--key", key).returncode == 0,
              "a key made through a server does not count there")
        check("far" in studio("keys", "list", "--server", ports[0], "--key", key).stdout, "its keys cannot be listed")
        # Ended, and not waited for by its parent (this test): a zombie is no running server.
        ended = studio("stop", "--server", ports[1], "--wait", "60")
        check(ended.returncode == 0 and str(children[1].pid) in ended.stdout, f"stop --server: {ended.stdout}{ended.stderr}")
        check(pathlib.Path(f"/proc/{children[1].pid}").exists(), "the test's zombie was waited for")
        check(json.loads(studio("status", "--key", key, "--json", "-").stdout)["others"] == [], "an ended server is still listed")
        # Killed: what it left is dropped, and its number alone makes nobody a server.
        children[0].kill()
        check(studio("stop").returncode == 0 and not list(run_folder.glob("*")), "a killed server's state stays")
        (run_folder / f"server-{os.getpid()}.json").write_text(json.dumps(
            {"schema": "studio.server/1", "pid": os.getpid(), "began": 1, "url": "http://127.0.0.1:1", "log": "", "version": "1"}))
        check("no server runs here" in studio("stop").stderr, "another process with the number of a dead server is taken for it")
        elsewhere = studio("stop", "--server", "http://127.0.0.1:1")
        check(elsewhere.returncode == 1, "a server that is not here is said to be stopped")
    finally:
        for child in children:
            child.kill()
            child.wait()


def runs(pid):
    """Not where it has ended and its parent has not looked yet (a container's first process may never)."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class OneModel(http.server.BaseHTTPRequestHandler):
    """An engine by URL that has the model far-away."""

    def do_GET(self):
        body = json.dumps({"object": "list", "data": [{"id": "far-away", "object": "model"}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def switching(name, studio, run_folder, follows_schema):
    engine = http.server.ThreadingHTTPServer(("127.0.0.1", 0), OneModel)
    threading.Thread(target=engine.serve_forever, daemon=True).start()
    pathlib.Path(f"{name}/far.yaml").write_text(
        f"engines: [{{name: far, kind: openai, url: 'http://127.0.0.1:{engine.server_port}/v1', models: [far-away]}}]\n")
    # One that an engine of ours runs, of which the file is in the cache.
    mine = pathlib.Path(f"{name}/cache/animation-studio/models/mine/mine.gguf")
    own = pathlib.Path(f"{name}/config/animation-studio/models.yaml")
    for file, content in ((mine, b"GGUF\x03" + bytes(19) + b"{}"),
                          (own, b"models: [{id: mine, aliases: [own-alias], task: chat, engine: llama-server, file: mine.gguf, sources: [{url: 'http://127.0.0.1:1/m'}]}]")):
        file.parent.mkdir(parents=True)
        file.write_bytes(content)
    begun = studio("serve", "-d", "--port", "0", "--config", f"{name}/far.yaml", STUDIO_LLAMA_SERVER=str(FAKE_ENGINE))
    check(begun.returncode == 0, f"serve with an engine by URL: {begun.stderr}")
    try:
        switched = studio("switch", "far-away")
        check(switched.returncode == 0 and "far-away is ready" in switched.stdout, f"switch: {switched.stdout}{switched.stderr}")
        follows_schema(("switch", "far-away"), "switch")
        loaded = studio("switch", "mine", "--json", "-")
        check(loaded.returncode == 0, f"switch to an engine of ours: {loaded.stderr}")
        check(not faults_by_file(loaded.stdout, "switch"), f"switch: {loaded.stdout}")
        check(studio("logs", "own-alias").returncode == 0, "an alias does not find the model's log")
        refused = studio("models", "rm", "mine")
        check(refused.returncode == 1 and "has it loaded" in refused.stderr and mine.exists(), f"a model in use is removed: {refused.stderr}")
        follows_schema(("status",), "status")
    finally:
        studio("stop")
        engine.shutdown()
    check(studio("models", "rm", "mine").returncode == 0 and not mine.exists(), "a model that nobody uses any more is kept")


def one_server(name, studio, run_folder, follows_schema):
    log = run_folder.with_name("logs") / "serve.log"
    log.parent.mkdir(parents=True)
    log.write_bytes(b"a line of an earlier server\n" * 650_000)
    begun = studio("serve", "-d", "--port", "0")
    check(begun.returncode == 0, f"serve -d: {begun.stderr}")
    for _ in range(100):
        if log.stat().st_size < 1 << 20:
            break
        time.sleep(0.1)
    check(log.stat().st_size < 1 << 20 and log.with_name("serve.log.1").stat().st_size > 16 << 20, "its log grows for ever")
    state = json.loads(next(run_folder.glob("server-*.json")).read_text())
    try:
        check(studio("health").returncode == 0, "it is not healthy")
        status = json.loads(studio("status", "--json", "-").stdout)
        check(status["server"]["pid"] == state["pid"], "status names another process")
        check({m["id"] for m in status["models"]} >= {"qwen2.5-coder-0.5b", "all-minilm-l6-v2"}, "models are missing")
        follows_schema(("status",), "status")
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
        absent = studio("switch", "qwen2.5-14b", "--key", key)
        check(absent.returncode == 3 and "studio models pull" in absent.stderr, f"a model that is not here: {absent.stderr}")
        check(urllib.request.urlopen(state["url"] + "/health").status == 200, "/health needs a key")
        serve_log = studio("logs", "server", "-n", "50", "--key", key)
        check(serve_log.returncode == 0 and key not in serve_log.stdout, "the log cannot be read, or a key is in it")
    finally:
        ended = studio("stop")
    check(ended.returncode == 0 and str(state["pid"]) in ended.stdout, f"stop: {ended.stdout}{ended.stderr}")
    check(not runs(state["pid"]), "it still runs")
    check(studio("status").returncode == 1, "a server that ended is still found")
    check(not list(run_folder.glob("*")), "its state is left")


for test in (one_server, switching, several_servers):
    with tempfile.TemporaryDirectory() as name:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("STUDIO_") and "proxy" not in k.lower()}
        environment.update(HOME=name, XDG_CACHE_HOME=f"{name}/cache", XDG_CONFIG_HOME=f"{name}/config", XDG_DATA_HOME=f"{name}/data")

        def studio(*arguments, **more):
            return subprocess.run([STUDIO, *arguments], env={**environment, **more}, capture_output=True, text=True, timeout=120)

        def follows_schema(command, schema):
            found = faults_by_file(studio(*command, "--json", "-").stdout, schema)
            check(not found, f"{' '.join(command)} does not follow schemas/{schema}.schema.json: {found[:5]}")

        test(name, studio, pathlib.Path(f"{name}/cache/animation-studio/run"), follows_schema)
print("a server is looked after" if not failed else "")
sys.exit(1 if failed else 0)
