#!/usr/bin/env python3
# Fetches, verifies, builds and joins what lock.json names: engines and models.
"""Called by setup.sh; needs only Python's standard library and pip. Everything goes to
${XDG_CACHE_HOME:-~/.cache}/animation-studio:

    downloads/<archive>                       whole and verified, removed once used
    engines/<id>-<version>/<binary>           renamed into place when it is built
    models/<id>/<file> and <file>.json        renamed into place when it is joined and verified

A model that the studio converts itself ("convert" in lock.json) is only fetched here; `studio models
pull ID`, which `make` calls after building, takes the archives from downloads/ and makes the file.

An interrupted run is continued: finished archives are kept, the engine's build folder too.
"""
import argparse
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def cache_folder():
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "animation-studio"


CACHE = cache_folder()


def say(text):
    print(f"setup: {text}", flush=True)


class SetupError(Exception):
    """Told to the person as it is: what failed, and on the second line what to do."""


def human(size):
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def require_space(folder, size, what):
    free = shutil.disk_usage(folder).free
    if free < size:
        raise SetupError(f"{what} needs {human(size)} in {folder}, which has {human(free)} free\n"
                         "free some disk space, or set XDG_CACHE_HOME to a larger disk")


def python_with_pip():
    """Debian's own interpreter where the first one on PATH has no pip."""
    for python in (sys.executable, "/usr/bin/python3"):
        if subprocess.run([python, "-m", "pip", "--version"], capture_output=True).returncode == 0:
            return python
    raise SetupError("no Python with pip here\ninstall it with: apt-get install python3-pip")


def fetch_archive(item, given, source=False, keep=False):
    """The archive of a package, verified: from --from (copied when it is to be kept), from an earlier run, or by pip."""
    target = CACHE / "downloads" / item["file"]
    target.parent.mkdir(parents=True, exist_ok=True)
    for place in [given / item["file"] if given else None, target]:
        if place is None or not place.is_file():
            continue
        if sha256_of(place) == item["sha256"]:
            if keep and place != target:
                shutil.copyfile(place, target.with_name(target.name + ".part"))
                os.replace(target.with_name(target.name + ".part"), target)
            return place
        if place == target:
            say(f"{item['file']} of an earlier run is damaged: fetched again")
            target.unlink()
        else:
            raise SetupError(f"{place} is not the archive that setup/lock.json names: its SHA-256 differs\n"
                             "remove it from that folder, or give another --from")
    fresh = CACHE / "downloads" / f"fresh-{os.getpid()}"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    try:
        # With the hash in the requirement pip refuses other bytes before it looks inside: for a
        # source archive it asks the build system for metadata, which runs code of the archive.
        wanted = fresh / "wanted.txt"
        wanted.write_text(f"{item['package']}=={item['package_version']} --hash=sha256:{item['sha256']}\n")
        command = [python_with_pip(), "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                   "--no-cache-dir", "--require-hashes", "--dest", str(fresh), "-r", str(wanted)]
        if source:
            command += ["--no-binary", item["package"]]
        for attempt in (1, 2, 3):
            run = subprocess.run(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            if run.returncode == 0 or "HASHES" in run.stderr or "No matching distribution" in run.stderr:
                break
            if attempt < 3:
                say(f"{item['package']}: the download broke off, tried again")
                time.sleep(2 * attempt)
        archive = fresh / item["file"]
        if run.returncode != 0 or not archive.is_file():
            raise SetupError(f"pip could not fetch {item['package']} {item['package_version']}:\n{run.stderr.strip()[-800:]}\n"
                             "check the network and pip's settings, then run it again: finished parts are kept")
        if sha256_of(archive) != item["sha256"]:
            raise SetupError(f"{item['file']} is not what setup/lock.json names: its SHA-256 differs\n"
                             "it is not used; run it again, and report it if it stays so")
        os.replace(archive, target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return target


def drop(archive):
    """Used up: ours is gone, what the person gave stays."""
    (CACHE / "downloads" / archive.name).unlink(missing_ok=True)


# ---- engines


def version_of(program):
    """(text, new numbering (0, 5), old build number) of `llama-server --version`, or None."""
    try:
        run = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"version: b?(\d+)(?:\.(\d+))?.*", run.stderr + run.stdout)
    return found and (found[0], (int(found[1]), int(found[2])) if found[2] else None, int(found[1]))


def is_new_enough(version, minimum):
    if version is None:
        return False
    _, release, build = version
    return release >= tuple(minimum["release"]) if release else build >= minimum["build"]


def set_up_engine(engine, given, dry_run):
    source = engine["source"]
    place = CACHE / "engines" / f"{engine['id']}-{source['package_version']}"
    program = place / engine["binary"]
    if program.is_file():
        version = version_of(program)
        if is_new_enough(version, engine["minimum"]):
            say(f"engine {engine['id']}: there ({version[0]})")
            return
        say(f"engine {engine['id']}: the one in the cache does not run here, it is built again")
    elif on_path := shutil.which(engine["binary"]):
        version = version_of(on_path)
        if is_new_enough(version, engine["minimum"]):
            say(f"engine {engine['id']}: {on_path} is taken ({version[0]})")
            return
        say(f"engine {engine['id']}: {on_path} is too old, one is built")
    cores = len(os.sched_getaffinity(0))
    say(f"engine {engine['id']} {engine['version']}: source {human(source['bytes'])}, "
        f"then built once (about {max(1, round(8 / cores))} minutes on {cores} cores)")
    if dry_run:
        return
    build_engine(engine, fetch_archive(source, given, source=True), place, cores)


def build_engine(engine, archive, place, cores):
    work = CACHE / "engines" / f"build-{engine['id']}-{engine['source']['package_version']}"
    work.mkdir(parents=True, exist_ok=True)
    require_space(work, 1_500_000_000, f"building {engine['id']}")
    source = work / engine["source"]["folder"]
    unpacked = work / "unpacked"
    if not unpacked.exists():
        shutil.rmtree(source, ignore_errors=True)
        with tarfile.open(archive) as tar:
            # Verified by its hash, but a path out of the folder is refused all the same.
            if hasattr(tarfile, "data_filter"):
                tar.extractall(work, filter="data")
            else:
                tar.extractall(work)
        unpacked.touch()
    log = work / "build.log"
    started = time.monotonic()
    with open(log, "w") as out:
        for command in (["cmake", "-G", "Ninja", "-S", str(source), "-B", str(work / "build"), *engine["cmake"]],
                        ["cmake", "--build", str(work / "build"), "--target", engine["binary"], "-j", str(cores)]):
            if run_with_dots(command, out) != 0:
                raise SetupError(f"building {engine['id']} failed: {' '.join(command[:2])}; the end of {log}:\n"
                                 + "\n".join(log.read_text(errors="replace").splitlines()[-15:]))
    built = work / "build" / "bin" / engine["binary"]
    if not is_new_enough(version_of(built), engine["minimum"]):
        raise SetupError(f"{built} was built but does not run\nlook into {log}")
    fresh = place.with_name(f".{place.name}.{os.getpid()}")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    shutil.copy2(built, fresh / engine["binary"])
    shutil.copy2(source / "LICENSE", fresh / "LICENSE")
    shutil.rmtree(place, ignore_errors=True)
    os.replace(fresh, place)
    shutil.rmtree(work, ignore_errors=True)
    drop(archive)
    say(f"engine {engine['id']}: built in {time.monotonic() - started:.0f} s")


def run_with_dots(command, out):
    """Runs with its output in the log; a line every half minute shows that it goes on."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
    try:
        started = time.monotonic()
        while True:
            try:
                return process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                say(f"  still building, {time.monotonic() - started:.0f} s so far")
    except BaseException:
        process.terminate()
        process.wait()
        raise


# ---- models


def set_up_model(model, given, dry_run):
    target = CACHE / "models" / model["id"] / model["file"]
    record = target.with_name(target.name + ".json")
    if target.is_file() and target.stat().st_size == model["bytes"]:
        if is_recorded(record, model, target):
            say(f"model {model['id']}: there ({human(model['bytes'])})")
            return
        if sha256_of(target) == model["sha256"]:
            write_record(record, model)
            say(f"model {model['id']}: there, verified ({human(model['bytes'])})")
            return
        say(f"model {model['id']}: the file in the cache is damaged, it is fetched again")
    parts = model["parts"]
    if "convert" in model:
        size = sum({part["file"]: part["bytes"] for part in parts}.values())
        say(f"model {model['id']}: {human(size)} to fetch ({model['licence']}), converted once the studio is built")
        if not dry_run:
            for part in parts:
                fetch_archive(part, given, keep=True)
        return
    say(f"model {model['id']}: {human(model['bytes'])} in {len(parts)} parts ({model['licence']}), "
        f"{'a minute or more' if model['bytes'] > 1e8 else 'seconds'}, as the network goes")
    if dry_run:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    require_space(target.parent, 2 * model["bytes"], f"model {model['id']}")
    archives = []
    for number, part in enumerate(parts, 1):
        archives.append(fetch_archive(part, given))
        say(f"  part {number} of {len(parts)}: verified")
    fresh = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with open(fresh, "wb") as whole:
            for part, archive in zip(parts, archives):
                with zipfile.ZipFile(archive).open(part["member"]) as member:
                    shutil.copyfileobj(member, whole, 1 << 20)
            whole.flush()
            os.fsync(whole.fileno())
        if sha256_of(fresh) != model["sha256"]:
            raise SetupError(f"the joined parts of {model['id']} do not have the SHA-256 of setup/lock.json\n"
                             "the parts and the lock do not belong together; report this")
        os.replace(fresh, target)
    finally:
        fresh.unlink(missing_ok=True)
    write_record(record, model)
    for archive in archives:
        drop(archive)
    say(f"model {model['id']}: joined and verified")


def write_record(record, model):
    """The record that the studio reads too (src/models/file_record.h)."""
    fresh = record.with_name(f".{record.name}.{os.getpid()}")
    fresh.write_text(json.dumps({"schema": "studio.model_file/1", "sha256": model["sha256"], "bytes": model["bytes"],
                                 "source": f"{model['parts'][0]['package']} and following"}, indent=2) + "\n")
    os.replace(fresh, record)


def is_recorded(record, model, target):
    """Hashed before, and not touched since."""
    try:
        known = json.loads(record.read_text())
        return known["sha256"] == model["sha256"] and record.stat().st_mtime >= target.stat().st_mtime
    except (OSError, ValueError, KeyError):
        return False


def main():
    parser = argparse.ArgumentParser(description="Fetches, verifies, builds and joins what lock.json names.")
    parser.add_argument("--model", action="append", default=[], metavar="ID")
    parser.add_argument("--from", dest="given", type=Path, metavar="FOLDER")
    parser.add_argument("--engines-only", action="store_true")
    parser.add_argument("--dry-run", action="store_true")
    options = parser.parse_args()
    lock = json.loads((HERE / "lock.json").read_text())
    known = [model["id"] for model in lock["models"]]
    for name in options.model:
        if name not in known:
            raise SetupError(f"setup/lock.json has no model {name}\nit has {', '.join(known)}")
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / ".setup.lock", "w") as guard:
        try:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another set-up is running: waiting for it")
            fcntl.flock(guard, fcntl.LOCK_EX)
        for engine in lock["engines"]:
            set_up_engine(engine, options.given, options.dry_run)
        for model in lock["models"]:
            if model["id"] in options.model or (model["default"] and not options.engines_only):
                set_up_model(model, options.given, options.dry_run)


if __name__ == "__main__":
    try:
        main()
    except SetupError as error:
        print("setup: error: " + str(error).replace("\n", "\nsetup: "), file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("setup: interrupted; run it again to go on", file=sys.stderr)
        sys.exit(130)
    except OSError as error:
        print(f"setup: error: {error}", file=sys.stderr)
        sys.exit(1)
