#!/usr/bin/env python3
# deploy/ against what it talks about: metric names, keys of the configuration, models, and the real tools.
"""deploy_test.py CHECK STUDIO: one of the checks below. 77: skipped by name, because a tool is missing."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"


def skip(why):
    print(f"SKIPPED: {why}")
    sys.exit(77)


def need_yaml():
    try:
        import yaml
    except ImportError:
        skip("python3-yaml is not installed")
    return yaml


def need_tool(name, package):
    found = shutil.which(name)
    if not found:
        skip(f"{name} is not installed (apt-get install {package})")
    return found


def check(holds, what):
    if not holds:
        print(f"wrong: {what}")
        sys.exit(1)


def families():
    """Name -> (type, labels) of the list in docs/metrics.md, which tests/gateway compares with the program."""
    rows = re.findall(r"^\| `(studio_\w+)` \| (\w+) \| ([^|]*) \|", (ROOT / "docs/metrics.md").read_text(), re.M)
    return {name: (kind, {label.strip() for label in labels.split(",") if label.strip()}) for name, kind, labels in rows}


def queries():
    """(where, query) of every dashboard and every rule."""
    yaml = need_yaml()
    for file in (DEPLOY / "grafana/dashboards").glob("*.json"):
        board = json.loads(file.read_text())
        for panel in board["panels"]:
            for target in panel["targets"]:
                yield f"{file.name}: {panel['title']}", target["expr"]
        for variable in board["templating"]["list"]:
            yield f"{file.name}: ${variable['name']}", variable["query"]["query"]
    for group in yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())["groups"]:
        for rule in group["rules"]:
            yield f"alerts.yml: {rule['alert']}", rule["expr"]


def metric_names():
    known = families()
    check(len(known) > 20, "docs/metrics.md has no list of metrics")
    used = set()
    for where, query in queries():
        for name, selector in re.findall(r"\b(studio_\w+)(\{[^}]*\})?", query):
            family = re.sub(r"_(bucket|sum|count)$", "", name) if name not in known else name
            check(family in known, f"{where}: there is no metric {name}")
            kind, labels = known[family]
            check((kind == "histogram") == (name != family), f"{where}: {name} is a {kind}")
            asked = set(re.findall(r"(\w+)\s*[=!]~?", selector or ""))
            check(asked <= labels, f"{where}: {name} has no label {', '.join(asked - labels)}")
            check(kind != "counter" or re.search(r"(rate|increase|label_values)\(" + name, query),
                  f"{where}: the counter {name} is shown without rate() or increase()")
            used.add(family)
        for grouped in re.findall(r"by \(([^)]*)\)", query):
            wanted = {label.strip() for label in grouped.split(",")} - {"le"}
            there = set().union(*(known[re.sub(r"_(bucket|sum|count)$", "", n) if n not in known else n][1]
                                  for n in re.findall(r"\bstudio_\w+", query)))
            check(wanted <= there, f"{where}: grouped by {', '.join(wanted - there)}, which no metric of it has")
    unseen = set(known) - used - {"studio_build_info"}
    check(not unseen, f"on no dashboard and in no rule: {', '.join(sorted(unseen))}")
    print(f"{len(known)} metrics, {sum(1 for _ in queries())} queries")


def rules():
    promtool = need_tool("promtool", "prometheus")
    folder = DEPLOY / "prometheus"
    for command in (["check", "rules", "alerts.yml"], ["check", "config", "--syntax-only", "prometheus.yml"],
                    ["test", "rules", "alerts_test.yml"]):
        run = subprocess.run([promtool, *command], cwd=folder, capture_output=True, text=True)
        check(run.returncode == 0, f"promtool {' '.join(command)}: {run.stdout}{run.stderr}")
    # Every dashboard's query, too: promtool reads it as a rule.
    lines = ["groups: [{name: board, rules: ["]
    for number, (_, query) in enumerate(queries()):
        if "label_values" not in query:
            plain = query.replace("$__rate_interval", "5m").replace("$model", ".*")
            lines.append(f"{{record: 'a:b{number}', expr: {json.dumps(plain)}}},")
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        file.write("\n".join(lines) + "]}]")
        file.flush()
        run = subprocess.run([promtool, "check", "rules", file.name], capture_output=True, text=True)
        check(run.returncode == 0, f"a dashboard's query: {run.stdout}{run.stderr}")


def compose():
    yaml = need_yaml()
    text = (DEPLOY / "compose.yaml").read_text()
    services = yaml.safe_load(text)["services"]
    models = {model["id"]: model for model in yaml.safe_load((ROOT / "configs/models.yaml").read_text())["models"]}
    profiles = {profile for service in services.values() for profile in service["profiles"]}
    check({"gateway", "vllm", "redis", "monitoring"} <= profiles, f"profiles are {sorted(profiles)}")
    for name, service in services.items():
        check("no-new-privileges:true" in service["security_opt"], f"{name} may gain privileges")
        for port in service.get("ports", []):
            check(str(port).startswith("127.0.0.1:"), f"{name} publishes {port} beyond loopback")
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            check(not source.startswith("./") or (DEPLOY / source).exists(), f"{name} mounts {source}, which is not there")
    # Each vLLM service runs the catalog's model of that name, under the name that the gateway asks for.
    engines = {e["name"]: e for e in yaml.safe_load((DEPLOY / "gateway.yaml").read_text())["engines"]}
    vllm = [name for name in services if name.startswith("vllm")]
    check(len(vllm) == 3, "three vLLM services are expected")
    for name in vllm:
        options = dict(line.lstrip("-").split("=", 1) for line in services[name]["command"] if "=" in line)
        model = models[options["served-model-name"]]
        check(model["names"]["vllm"] == options["model"], f"{name} runs another model than {model['id']}")
        check(engines[name]["models"] == [model["id"]], f"gateway.yaml asks {name} for another model")
        share = float(re.search(r":-([\d.]+)", options["gpu-memory-utilization"])[1])
        check(share * 16e9 <= 15.5e9, f"{name} takes more than the safe maximum of a 16 GB card")
    # The keys that gateway.yaml uses are those that configs/gateway.yaml documents.
    documented = yaml.safe_load((ROOT / "configs/gateway.yaml").read_text())
    for section, values in yaml.safe_load((DEPLOY / "gateway.yaml").read_text()).items():
        check(section in documented, f"gateway.yaml: there is no section {section}")
        if isinstance(values, dict):
            check(set(values) <= set(documented[section]), f"gateway.yaml: {section} has other keys than documented")
    print(f"{len(services)} services as they should be")
    environment = {**os.environ, "STUDIO_API_KEY": "x"}
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) and subprocess.run([*command, "version"], capture_output=True).returncode == 0:
            run = subprocess.run([*command, "-f", str(DEPLOY / "compose.yaml"), "--profile", "gateway", "config", "-q"],
                                 capture_output=True, text=True, env=environment)
            check(run.returncode == 0, f"{' '.join(command)} config: {run.stderr}")
            return
    print("not tried: `docker compose config`, no compose is installed")


def image():
    text = (DEPLOY / "Dockerfile").read_text()
    stages = re.findall(r"^FROM (\S+)", text, re.M)
    check(len(stages) == 2, "two stages are expected")
    last = text[text.rindex("\nFROM"):]
    user = re.search(r"^USER (\S+)", last, re.M)
    check(user and user[1] not in ("root", "0"), "the last stage runs as root")
    check("build-essential" not in last and "-dev" not in last, "the last stage has a compiler or headers in it")
    wanted = set(last.split())
    for library in ("libavformat59", "libcurl4", "libsqlite3-0"):
        check(library in wanted, f"the last stage lacks {library}")
    # What the program here is linked to must be in the image (Debian names a package after its soname).
    studio = sys.argv[2]
    release = re.search(r"^VERSION_ID=\"?(\d+)", pathlib.Path("/etc/os-release").read_text(), re.M)
    if not release or stages[-1] != f"debian:{release[1]}-slim":
        print(f"not tried: what the program is linked to, this system is not that of {stages[-1]}")
    elif shutil.which("dpkg-query") and shutil.which("readelf"):
        needed = re.findall(r"NEEDED.*\[(.*)\]", subprocess.run(["readelf", "-d", studio], capture_output=True, text=True).stdout)
        # One look for all: each takes dpkg a second or more.
        owners = subprocess.run(["dpkg-query", "-S", *(f"*/{library}" for library in needed)], capture_output=True, text=True).stdout
        always = {"libc6", "libstdc++6", "libgcc-s1"}
        for library in needed:
            packages = {line.split(":")[0] for line in owners.splitlines() if line.endswith("/" + library)}
            # What Pango brings with it needs no line of its own.
            brought = library.startswith(("libgobject", "libglib", "libcairo", "libpango"))
            check(not packages or packages & (wanted | always) or brought,
                  f"the last stage lacks {library} (of {', '.join(sorted(packages))})")


def service():
    analyze = need_tool("systemd-analyze", "systemd")
    run = subprocess.run([analyze, "verify", str(DEPLOY / "animation-studio.service")], capture_output=True, text=True)
    # The program and its man page need not be installed where this test runs.
    wrong = [line for line in run.stderr.splitlines() if "animation-studio.service" in line
             and "is not executable" not in line and "man studio" not in line]
    check(not wrong, "\n".join(wrong))


def scrape():
    """A real Prometheus, with the shipped configuration, scrapes a real gateway."""
    prometheus = need_tool("prometheus", "prometheus")
    studio = sys.argv[2]
    if "serve" not in subprocess.run([studio, "--help"], capture_output=True, text=True).stdout:
        skip("this program has no serve yet")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        environment = {**os.environ, "XDG_CACHE_HOME": name, "XDG_CONFIG_HOME": name, "XDG_DATA_HOME": name,
                       "STUDIO_CONFIG_DIR": str(ROOT / "configs")}
        environment.pop("STUDIO_SERVER", None)
        gateway = subprocess.Popen([studio, "serve", "--port", "0"], env=environment, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True)
        server = None
        try:
            address = None
            for line in gateway.stdout:
                if found := re.search(r"http://(127\.0\.0\.1:\d+)", line):
                    address = found[1]
                    break
            check(address, "the gateway did not say where it listens")
            text = (DEPLOY / "prometheus/prometheus.yml").read_text()
            (folder / "key").write_text("none")
            text = text.replace("gateway:8420", address).replace("/run/secrets/studio_key", str(folder / "key"))
            text = text.replace("scrape_interval: 15s", "scrape_interval: 1s")
            (folder / "prometheus.yml").write_text(text)
            shutil.copy(DEPLOY / "prometheus/alerts.yml", folder)
            port = free_port()
            server = subprocess.Popen([prometheus, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                                       f"--web.listen-address=127.0.0.1:{port}"],
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            urllib.request.urlopen(f"http://{address}/health").read()
            names = []
            for _ in range(60):
                time.sleep(0.5)
                try:
                    up = ask(port, "query?query=up%7Bjob%3D%22studio%22%7D")["result"]
                    names = ask(port, "label/__name__/values")
                except OSError:
                    continue
                if up and up[0]["value"][1] == "1" and any(n.startswith("studio_") for n in names):
                    break
            scraped = {n for n in names if n.startswith("studio_")}
            check("studio_start_time_seconds" in scraped, f"Prometheus has not got the gateway's metrics: {sorted(scraped)}")
            known = families()
            for metric in scraped:
                base = re.sub(r"_(bucket|sum|count)$", "", metric)
                check(metric in known or base in known, f"the gateway exports {metric}, which docs/metrics.md lacks")
            print(f"{len(scraped)} series names scraped")
        finally:
            for process in (server, gateway):
                if process:
                    process.terminate()
                    process.wait(timeout=30)


def ask(port, query):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/{query}", timeout=5) as answer:
        return json.load(answer)["data"]


def free_port():
    import socket
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    {"metric_names": metric_names, "rules": rules, "compose": compose, "image": image, "service": service,
     "scrape": scrape}[sys.argv[1]]()
