#!/usr/bin/env python3
"""Measures the gateway beside the engine asked directly, nginx as a plain reverse proxy and LiteLLM.

All are asked by the same load generator, in rounds of one run, over the same transports: clients by TCP on loopback,
the engine (a mock that answers at once) by a Unix socket; LiteLLM reaches it by TCP. Medians of the rounds are
compared; nothing is asserted but that every request was answered.
Usage: bench/gateway/run.py [--rounds N] [--seconds S] [--only requests,one,streams,cache,tokens] [--build FOLDER]
"""
import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BODY = '{"model":"mock","messages":[{"role":"user","content":"Hello, how are you today?"}]}'
NGINX = """
worker_processes {workers};
daemon off;
{user}
pid {folder}/nginx.pid;
error_log {folder}/nginx.log warn;
worker_rlimit_nofile 20000;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {folder}/n1; proxy_temp_path {folder}/n2; fastcgi_temp_path {folder}/n3;
  uwsgi_temp_path {folder}/n4; scgi_temp_path {folder}/n5;
  keepalive_requests 100000000;
  upstream engine {{ server unix:{folder}/engine.sock; keepalive 1024; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://engine;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_read_timeout 600s;
    }}
  }}
}}
"""
GATEWAY = """
listen: {{port: {port}, threads: {workers}}}
log: {{requests: false}}
cache: {{store: memory}}
"""
LITELLM = """
model_list:
  - model_name: mock
    litellm_params: {{model: openai/mock, api_base: "http://127.0.0.1:{engine}/v1", api_key: sk-none}}
"""


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def wait_for(port, path="/health", patience=60):
    until = time.monotonic() + patience
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2):
                return True
        except OSError:
            time.sleep(0.1)
    return False


class Servers:
    """What is compared, each a process of its own."""

    def __init__(self, options, folder):
        self.options, self.folder, self.running = options, folder, []
        self.ports, self.pids = {}, {}
        bin_folder = os.path.join(options.build, "bin")
        self.load = os.path.join(bin_folder, "http_load")
        workers = min(4, os.cpu_count() or 1)
        self.environment = dict(os.environ, XDG_CACHE_HOME=f"{folder}/cache", XDG_CONFIG_HOME=f"{folder}/config",
                                XDG_DATA_HOME=f"{folder}/data", LITELLM_LOCAL_MODEL_COST_MAP="True",
                                LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY="true")  # on loopback, for a minute
        engine = free_port()
        self.start("direct", [os.path.join(bin_folder, "mock_engine"), "--unix", f"{folder}/engine.sock", "--port", str(engine)], engine)
        if shutil.which("nginx") or os.path.exists("/usr/sbin/nginx"):
            port = free_port()
            user = "user root;" if os.geteuid() == 0 else ""  # its workers must reach our socket
            self.write("nginx.conf", NGINX.format(folder=folder, port=port, workers=workers, user=user))
            nginx = shutil.which("nginx") or "/usr/sbin/nginx"
            self.start("nginx", [nginx, "-p", folder, "-c", f"{folder}/nginx.conf", "-e", f"{folder}/nginx.log"], port, "/v1/models")
        port = free_port()
        self.write("gateway.yaml", GATEWAY.format(port=port, workers=workers))
        self.start("ours", [os.path.join(bin_folder, "studio"), "serve", "--config", f"{folder}/gateway.yaml",
                            "--engine", f"mock=unix:{folder}/engine.sock"], port)
        litellm = os.path.join(options.litellm, "bin", "litellm")
        if os.path.exists(litellm):
            port = free_port()
            self.write("litellm.yaml", LITELLM.format(engine=engine))
            # One worker: several watch each other's start with a time limit that a busy machine does not keep.
            self.start("LiteLLM", [litellm, "--config", f"{folder}/litellm.yaml", "--host", "127.0.0.1", "--port", str(port)],
                       port, "/health/liveliness", 240)

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w") as out:
            out.write(text)

    def start(self, name, command, port, path="/health", patience=60):
        log = open(os.path.join(self.folder, f"{name}.log"), "wb")
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment)
        self.running.append(child)
        if wait_for(port, path, patience):
            self.ports[name], self.pids[name] = port, child.pid
        else:
            print(f"{name} does not answer; its log is:", file=sys.stderr)
            with open(log.name, errors="replace") as text:
                print(text.read()[-800:], file=sys.stderr)

    def measure(self, name, *words):
        command = [self.load, *words[:1], "--url", f"http://127.0.0.1:{self.ports[name]}/v1/chat/completions", *words[1:]]
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode != 0:
            raise SystemExit(f"{' '.join(command)}: {run.stderr}")
        return json.loads(run.stdout)

    def peak_mib(self, name):
        with open(f"/proc/{self.pids[name]}/status") as status:
            return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))

    def stop(self):
        for child in reversed(self.running):
            child.send_signal(signal.SIGTERM)
        for child in self.running:
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()


class Table:
    def __init__(self):
        self.rows, self.failed = [], 0

    def add(self, what, name, value, peer="", target="", good=None):
        self.rows.append((what, name, value, peer, target, {None: "", True: "yes", False: "NO"}[good]))

    def print(self):
        heads = ("measured", "who", "value", "beside", "target", "held")
        widths = [max(len(str(row[i])) for row in [heads, *self.rows]) for i in range(len(heads))]
        for row in [heads, *self.rows]:
            print("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip())


def rounds_of(servers, names, rounds, *words):
    """Each of the names in turn, `rounds` times: the medians of each figure, and what failed."""
    runs = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            runs[name].append(servers.measure(name, *words))
    medians = {name: {key: statistics.median(run[key] for run in each) for key in each[0]} for name, each in runs.items()}
    # What the machine does besides changes from round to round, so ratios are of the same round.
    def ratio(name, peer, key):
        return statistics.median(mine[key] / max(other[key], 1e-9) for mine, other in zip(runs[name], runs[peer]))
    return medians, ratio


def measure_requests(servers, table, options):
    names = [name for name in ("direct", "nginx", "ours", "LiteLLM") if name in servers.ports]
    medians, ratio = rounds_of(servers, names, options.rounds, "requests", "--connections", "16", "--seconds", str(options.seconds), "--body", BODY)
    for name in names:
        m = medians[name]
        table.add("16 connections", name, f"{m['per_s']:.0f}/s  p50 {m['p50_ms']:.3f}  p99 {m['p99_ms']:.3f} ms")
        table.failed += int(m["failed"])
    if "nginx" in names:
        rate, p50, p99 = (ratio("ours", "nginx", key) for key in ("per_s", "p50_ms", "p99_ms"))
        table.add("  requests/s", "ours", f"{rate:.2f}x", "nginx", ">= 0.75x", rate >= 0.75)
        table.add("  p50", "ours", f"{p50:.2f}x", "nginx", "<= 1.5x", p50 <= 1.5)
        table.add("  p99", "ours", f"{p99:.2f}x", "nginx", "<= 1.5x", p99 <= 1.5)


def measure_one(servers, table, options):
    names = [name for name in ("direct", "nginx", "ours", "LiteLLM") if name in servers.ports]
    medians, _ = rounds_of(servers, names, options.rounds, "requests", "--connections", "1", "--seconds", str(options.seconds / 2), "--body", BODY)
    for name in names:
        added = medians[name]["p50_ms"] - medians["direct"]["p50_ms"]
        good = added < 0.15 if name == "ours" else None
        table.add("1 connection, added", name, f"{added:.3f} ms", "direct", "< 0.15 ms" if name == "ours" else "", good)


def measure_streams(servers, table, options):
    names = [name for name in ("direct", "nginx", "ours") if name in servers.ports]
    words = ("streams", "--connections", str(options.streams), "--tokens", str(options.tokens), "--rate", "50")
    medians, ratio = rounds_of(servers, names, options.rounds, *words)
    for name in names:
        m = medians[name]
        table.add(f"{options.streams} streams of 50/s", name,
                  f"delivered {100 * m['delivered']:.2f} %  p50 {m['p50_ms']:.2f}  p99 {m['p99_ms']:.2f} ms")
    delivered = medians["ours"]["delivered"]
    table.add("  delivered", "ours", f"{100 * delivered:.3f} %", "", "100 %", delivered >= 1)
    if "nginx" in names:
        p99 = ratio("ours", "nginx", "p99_ms")
        table.add("  p99 delay", "ours", f"{p99:.2f}x", "nginx", "<= 2x", p99 <= 2)
    peak = servers.peak_mib("ours")
    table.add("  peak memory", "ours", f"{peak:.0f} MiB", "", "< 200 MB", peak < 190)
    if "LiteLLM" in servers.ports:
        few = servers.measure("LiteLLM", "streams", "--connections", "100", "--tokens", str(options.tokens), "--rate", "50")
        table.add("100 streams of 50/s", "LiteLLM", f"delivered {100 * few['delivered']:.2f} %  p99 {few['p99_ms']:.0f} ms")


def measure_cache(servers, table, options):
    body = BODY[:-1] + ',"temperature":0}'
    words = ("requests", "--connections", "1", "--seconds", str(options.seconds / 2), "--body", body)
    runs = [servers.measure("ours", *words) for _ in range(options.rounds)]
    p50 = statistics.median(run["p50_ms"] for run in runs)
    hits = sum(run["hits"] for run in runs) / max(1, sum(run["requests"] for run in runs))
    table.add("cache hit, p50", "ours", f"{p50:.3f} ms", "", "< 0.2 ms", p50 < 0.2 and hits > 0.9)


def measure_tokens(servers, table, options):
    """A stream as fast as it is taken: the engine's own rate against the one through the gateway."""
    body = BODY[:-1] + ',"stream":true,"mock":{"tokens":2000,"rate":500}}'
    words = ("requests", "--connections", "2", "--seconds", "9", "--body", body)
    medians, ratio = rounds_of(servers, ["direct", "ours"], max(1, options.rounds // 2), *words)
    share = 1 / ratio("ours", "direct", "p50_ms")
    table.add("tokens/s of a stream of 500/s", "ours", f"{100 * share:.1f} %", "direct", ">= 98 %", share >= 0.98)


MEASURES = {"requests": measure_requests, "one": measure_one, "streams": measure_streams, "cache": measure_cache,
            "tokens": measure_tokens}


def main():
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--tokens", type=int, default=250)
    parser.add_argument("--only", default=",".join(MEASURES))
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "release"))
    parser.add_argument("--litellm", default=os.path.join(cache, "animation-studio", "python", "litellm"),
                        help="its environment (setup/environment.py litellm makes it)")
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="studio-gateway-bench-")
    servers, table = None, Table()
    try:
        servers = Servers(options, folder)
        for missing in {"nginx", "LiteLLM"} - set(servers.ports):
            print(f"{missing} is not here: left out", file=sys.stderr)
        if not {"direct", "ours"} <= set(servers.ports):
            return 1
        for name in options.only.split(","):
            print(f"{name} ...", file=sys.stderr)
            MEASURES[name](servers, table, options)
        table.print()
        if table.failed:
            print(f"{table.failed} requests failed")
        return 1 if table.failed else 0
    finally:
        if servers:
            servers.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
