#!/usr/bin/env python3
# A stand-in for llama-server: its command line and protocol, answers told by the "model" file.
"""The file given with --model is an empty GGUF header of 24 bytes and then JSON:

    answers      texts given one after the other (the last one again and again)
    finish       finish_reason of the answers, "stop" unless told
    delay_s      before each answer
    die_at       dies (SIGKILL to itself) instead of giving answer number N of its life, from 1
    die_marker   a file: it dies at die_at only while the file does not exist, and makes it
    exit_code    ends at once with it, after a line on stderr
    never_ready  /health stays 503
    ready_after_s  /health is 503 for so long
    chatter      bytes that it writes to its log at once, and at each question
    ignores_term lets SIGTERM pass
    child_pid    a file: it starts a child of its own and writes its number there
    status, body answered to every question instead
"""
import json
import os
import signal
import socketserver
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler


def argument(name, fallback=""):
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else fallback


if "--version" in sys.argv:
    print("version: 0.5.0-fake (build 1, commit 0000000)", file=sys.stderr)
    sys.exit(0)

with open(argument("--model"), "rb") as model:
    told = json.loads(model.read()[24:])
if "exit_code" in told:
    print("fake engine: no such luck", file=sys.stderr, flush=True)
    sys.exit(told["exit_code"])

if "ignores_term" in told:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "child_pid" in told:
    child = subprocess.Popen(["sleep", "1000"])
    with open(told["child_pid"], "w") as file:
        file.write(str(child.pid))


def chatter():
    if told.get("chatter"):
        print("x" * told["chatter"], file=sys.stderr, flush=True)


chatter()
begun = time.monotonic()
count = 0
guard = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "socket"

    def send(self, status, value):
        body = json.dumps(value).encode() if not isinstance(value, str) else value.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if told.get("never_ready") or time.monotonic() - begun < told.get("ready_after_s", 0):
            return self.send(503, {"error": {"message": "Loading model"}})
        self.send(200, {"status": "ok"})

    def do_POST(self):
        global count
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with guard:
            count += 1
            number = count
        chatter()
        marker = told.get("die_marker")
        if number == told.get("die_at") and not (marker and os.path.exists(marker)):
            if marker:
                open(marker, "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(told.get("delay_s", 0))
        if "status" in told:
            return self.send(told["status"], told.get("body", ""))
        answers = told.get("answers", ["yes"])
        text = answers[min(number, len(answers)) - 1]
        self.send(200, {"model": request["model"],
                        "choices": [{"index": 0, "message": {"role": "assistant", "content": text},
                                     "finish_reason": told.get("finish", "stop")}],
                        "usage": {"prompt_tokens": 10, "completion_tokens": len(text.split()),
                                  "prompt_tokens_details": {"cached_tokens": 4}}})


class UnixServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


class TcpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


server = TcpServer(("127.0.0.1", int(argument("--port"))), Handler) if "--port" in sys.argv \
    else UnixServer(argument("--host"), Handler)
print("fake engine: listening", file=sys.stderr, flush=True)
server.serve_forever()
