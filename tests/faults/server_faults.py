#!/usr/bin/env python3
# Faults of a real server with a real engine: slow clients by the thousand, SIGTERM under load, SIGKILL.
"""server_faults.py FAULT BUILD/bin/studio; 77: skipped, the default model or its engine is not here"""
import json
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

STUDIO = os.path.abspath(sys.argv[2])
MODEL = "qwen2.5-coder-0.5b"


def cache_folder():
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (pathlib.Path(base) if base.startswith("/") else pathlib.Path.home() / ".cache") / "animation-studio"


def fail(what):
    print(f"FAILED: {what}")
    sys.exit(1)


class Server:
    """studio serve in the foreground, with folders of its own and this machine's engines and models."""

    def __init__(self, folder, config=""):
        for name in ("models", "engines"):
            if not (cache_folder() / name).is_dir():
                print(f"SKIPPED: {cache_folder() / name} is not there (setup/setup.sh)")
                sys.exit(77)
        (folder / "cache/animation-studio").mkdir(parents=True)
        for name in ("models", "engines"):
            (folder / "cache/animation-studio" / name).symlink_to(cache_folder() / name)
        (folder / "gateway.yaml").write_text(config)
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("STUDIO_") and "proxy" not in k.lower()}
        self.environment.update(XDG_CACHE_HOME=f"{folder}/cache", XDG_CONFIG_HOME=f"{folder}/config", XDG_DATA_HOME=f"{folder}/data")
        self.process = subprocess.Popen([STUDIO, "serve", "--port", "0", "--config", str(folder / "gateway.yaml")],
                                        env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.url = None
        for line in self.process.stdout:
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                self.url, self.port = found[0], int(found[1])
                break
        if not self.url:
            fail("the server did not say where it listens")

    def ask(self, path, body=None, timeout=180):
        request = urllib.request.Request(self.url + path, json.dumps(body).encode() if body is not None else None,
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return json.load(answer)

    def chat(self, text, tokens=8):
        return self.ask("/v1/chat/completions", {"model": MODEL, "max_tokens": tokens, "cache": False,
                                                 "messages": [{"role": "user", "content": text}]})

    def engines(self):
        """Processes of llama-server that this server, or nobody any more, is the parent of."""
        found = []
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                command = (process / "cmdline").read_bytes()
                environment = (process / "environ").read_bytes()
            except OSError:
                continue
            if b"llama-server" in command.split(b"\0")[0] and self.environment["XDG_CACHE_HOME"].encode() in environment:
                found.append(int(process.name))
        return found


def slow_clients(folder):
    """A thousand clients that never finish their request; others are served meanwhile, and they are dropped."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    server = Server(folder, "limits: {header_time: 5s, body_time: 5s, idle_time: 5s}\n")
    try:
        if server.chat("Say hello.")["choices"][0]["message"]["content"] == "":
            fail("no answer before the slow clients")
        clients = []
        for number in range(1000):
            client = socket.create_connection(("127.0.0.1", server.port))
            # Half of them never end their headers, half never send the body they promised.
            client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Le" if number % 2 else
                           b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{")
            clients.append(client)
        for _ in range(3):
            if not server.chat("Say hello again.")["choices"]:
                fail("no answer while the slow clients are there")
        time.sleep(8)
        ended = 0
        for client in clients:
            client.settimeout(10)
            try:
                while client.recv(4096):
                    pass
                ended += 1
            except ConnectionResetError:
                ended += 1
            except OSError:
                pass
            client.close()
        if ended != len(clients):
            fail(f"{len(clients) - ended} slow clients were not dropped")
        resident = int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{server.process.pid}/status").read_text())[1])
        print(f"1000 slow clients dropped, others served; the server's resident size is {resident // 1024} MiB")
    finally:
        server.process.terminate()
        server.process.wait(timeout=60)


def terminated(folder):
    """SIGTERM under load: what was accepted is answered whole, and no engine is left."""
    server = Server(folder)
    server.chat("Warm up.")
    answers, refused, broken = [], [], []

    def client(number):
        for round_number in range(1000):
            try:
                answers.append(server.chat(f"Count from {number} to {number + round_number}.", 24)["choices"][0]["finish_reason"])
            except urllib.error.HTTPError as error:
                refused.append(error.code)
                return
            except (urllib.error.URLError, ConnectionError) as error:
                # Never accepted: refused, or closed before a byte of an answer came to a request that nobody read.
                reason = getattr(error, "reason", error)
                (refused if isinstance(reason, ConnectionRefusedError) else broken).append(repr(reason))
                return

    clients = [threading.Thread(target=client, args=(n,)) for n in range(6)]
    for thread in clients:
        thread.start()
    time.sleep(6)
    engines = server.engines()
    before = len(answers)
    server.process.send_signal(signal.SIGTERM)
    code = server.process.wait(timeout=120)
    for thread in clients:
        thread.join(timeout=120)
    if broken:
        fail(f"accepted requests were lost: {broken}")
    if not engines or not answers:
        fail("there was no load")
    if code not in (0, 130):
        fail(f"it ended with {code}")
    if server.engines():
        fail("an engine is left behind")
    print(f"{len(answers)} answers, {len(answers) - before} of them after SIGTERM, none lost; then {len(refused)} refused")


def killed(folder):
    """SIGKILL of the studio: its engines end with it."""
    server = Server(folder)
    server.chat("Warm up.")
    engines = server.engines()
    if not engines:
        fail("no engine was started")
    server.process.kill()
    server.process.wait(timeout=10)
    for _ in range(100):
        if not server.engines():
            print(f"engine {engines} ended with the studio")
            return
        time.sleep(0.1)
    fail(f"left behind: {server.engines()}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        {"slow_clients": slow_clients, "terminated": terminated, "killed": killed}[sys.argv[1]](pathlib.Path(name))
