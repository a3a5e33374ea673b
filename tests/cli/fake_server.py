#!/usr/bin/env python3
# fake_server.py PORT_FILE: answers the administration requests of docs/admin.md with made-up models, for
# transcripts of the commands that are its clients. Ends by itself after a minute.
import http.server
import json
import os
import sys
import threading

MODELS = [{"id": "qwen2.5-14b", "state": "ready", "engine": "llama-server", "task": "chat", "pid": 4242,
           "bytes": 10200000000, "leases": 1, "last_used": "2026-01-31T12:00:00Z", "log": os.path.abspath("engine.log")},
          {"id": "bge-m3", "state": "failed", "engine": "llama-server", "task": "embedding", "pid": None, "bytes": 0,
           "leases": 0, "last_used": None, "failure": "it ended with exit code 1 before it was ready"}]
MEMORY = {"total_bytes": 16000000000, "used_bytes": 12500000000, "ours_bytes": 10200000000, "others_bytes": 2300000000,
          "budget_bytes": 13200000000, "source": "nvml"}
LEASE = {"id": "lease_1", "model": "qwen2.5-14b", "holder": "command line", "since": "2026-01-31T12:00:00Z", "expires": "2026-01-31T12:10:00Z", "pid": None}


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def fail(self, status, message):
        self.answer(status, {"error": {"message": message, "type": "invalid_request_error", "code": None}})

    def do(self):
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
        request = f"{self.command} {self.path}"
        if self.path.startswith("/admin") and self.headers.get("Authorization") == "Bearer wrong":
            return self.fail(401, "Incorrect API key provided: wr...ng")
        if request == "GET /health":
            return self.answer(200, {"status": "ok"})
        if request == "GET /ready":
            return self.answer(200, {"status": "ready"})
        if request == "GET /admin/models":
            return self.answer(200, {"models": MODELS, "memory": MEMORY})
        if request == "POST /admin/switch":
            if body["model"] != "qwen2.5-14b":
                return self.fail(404, f"The model `{body['model']}` does not exist")
            return self.answer(200, {"from": "qwen3-8b", "to": "qwen2.5-14b", "seconds": 3.25,
                                     "parts": {"drain": 0.25, "unload": 0.5, "start": 0.5, "ready": 2.0}})
        if request == "GET /admin/leases":
            return self.answer(200, {"leases": [LEASE]})
        if request == "POST /admin/leases":
            return self.answer(200, {**LEASE, "model": body["model"], "holder": body["holder"]})
        if request in ("POST /admin/leases/lease_1", "DELETE /admin/leases/lease_1"):
            return self.answer(200, LEASE if self.command == "POST" else {})
        return self.fail(404, f"Unknown request URL: {request}")

    do_GET = do_POST = do_DELETE = do

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(sys.argv[1] + ".new", "w") as file:
    file.write(str(server.server_port))
os.rename(sys.argv[1] + ".new", sys.argv[1])
threading.Timer(60, server.shutdown).start()
server.serve_forever()
