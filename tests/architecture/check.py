#!/usr/bin/env python3
# Walks the tree and fails on a wrong arrow between rooms and on other broken house rules.
"""Usage: check.py [ROOT]

Rules (the names stand in exceptions.txt when a file is excused):
  arrow      a room includes only rooms of a lower level (rooms.txt)
  levels     rooms.txt and the table in ARCHITECTURE.md agree, and every room is in both
  engine     third-party engine headers only in src/<room>/backends/ or the adapters of engines.txt
  public     no header outside backends/ shows an engine or a header of backends/
  private    another room's backends/ are for backends/ of higher rooms only
  purpose    the first line of each source file says what it is for
  long       no file over 600 lines
  word       no host of a package registry, no path of somebody's machine
  call       src/ does not end the program, detach threads or print
"""
import pathlib
import re
import subprocess
import sys

LONGEST = 600
CODE = {".h", ".cpp"}
COMMENTED = {".h": "//", ".cpp": "//", ".py": "#", ".sh": "#", ".cmake": "#"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
# Written with [.] so that this file does not name them either.
WORDS = [r"pypi[.]org", r"pythonhosted[.]org", r"npmjs[.](org|com)", r"crates[.]io", r"rubygems[.]org",
         r"(?<![\w.~$}/])/wor[k]/", r"/root/[.\w]"]
CALLS = [(r"\b(std::)?(exit|_exit|quick_exit|abort)\s*\(", "ends the program"),
         (r"\.detach\s*\(", "detaches a thread"),
         (r"\bstd::(cout|cerr)\b", "prints")]


def lines_of(path):
    return path.read_text(encoding="utf-8", errors="replace").splitlines()


def read_list(path):
    out = []
    for line in lines_of(path):
        line = line.split("#", 1)[0].strip() if not line.startswith("#") else ""
        if line:
            out.append(line.split())
    return out


class House:
    def __init__(self, root):
        self.root = root
        here = root / "tests/architecture"
        self.levels = {name: int(level) for name, level in read_list(here / "rooms.txt")}
        self.engines, self.adapters = {}, set()
        for row in read_list(here / "engines.txt"):
            if row[0] == "engine":
                self.engines[row[1]] = re.compile(row[2])
            else:
                self.adapters.add((row[1], row[2]))
        self.excused = {(row[0], row[1]) for row in read_list(here / "exceptions.txt")}
        self.used_excuses = set()
        self.problems = []

    def files(self):
        listing = subprocess.run(["git", "-C", str(self.root), "ls-files", "-co", "--exclude-standard", "-z"],
                                 capture_output=True)
        if listing.returncode == 0:
            names = [n for n in listing.stdout.decode().split("\0") if n]
        else:  # a tarball, not a clone
            names = [str(p.relative_to(self.root)) for p in self.root.rglob("*") if p.is_file()]
        return sorted(n for n in names if not n.startswith(("build/", "out/")) and (self.root / n).is_file())

    def problem(self, rule, name, line, text):
        if (rule, name) in self.excused:
            self.used_excuses.add((rule, name))
            return
        self.problems.append(f"{name}:{line}: [{rule}] {text}")

    def engine_of(self, header):
        for engine, pattern in self.engines.items():
            if pattern.fullmatch(header):
                return engine
        return None

    def check_includes(self, name, lines):
        parts = name.split("/")
        room = parts[1] if parts[0] == "src" else "apps"
        inside = parts[0] == "src"
        backend = inside and parts[2] == "backends"
        if inside and room not in self.levels:
            self.problem("levels", name, 1, f"the room {room} has no level in tests/architecture/rooms.txt")
            return
        for number, line in enumerate(lines, 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            header = match[2]
            other = header.split("/")[0]
            if match[1] == '"' and other in self.levels and other != room:
                if self.levels[other] >= self.levels[room]:
                    self.problem("arrow", name, number, f"{room} ({self.levels[room]}) includes {other} "
                                 f"({self.levels[other]}): only lower rooms may be included")
                if "/backends/" in header and not backend:
                    self.problem("private", name, number, f"includes {header} of another room's backends")
            if not inside:
                continue
            if name.endswith(".h") and not backend and f"{room}/backends/" in header:
                self.problem("public", name, number, f"a public header shows {header}")
            engine = self.engine_of(header)
            if engine is None or backend:
                continue
            if name.endswith(".h"):
                self.problem("public", name, number, f"a public header shows {engine} (<{header}>)")
            elif engine == "yaml":
                continue  # configuration is read where it is used
            elif (engine, name) not in self.adapters:
                self.problem("engine", name, number, f"<{header}> belongs in src/{room}/backends/, or the file in "
                             "tests/architecture/engines.txt as the adapter")

    def check_purpose(self, name, lines):
        mark = COMMENTED.get(pathlib.PurePath(name).suffix)
        if pathlib.PurePath(name).name in ("CMakeLists.txt", "Makefile"):
            mark = "#"
        if mark is None:
            return
        first = lines[1] if len(lines) > 1 and lines[0].startswith("#!") else lines[0] if lines else ""
        if not first.startswith((mark + " ", '"""' if name.endswith(".py") else mark + " ")) or len(first) < 12:
            self.problem("purpose", name, 1, f"the first line does not say what the file is for ({mark} ...)")

    def check_calls(self, name, lines):
        for number, line in enumerate(lines, 1):
            code = re.sub(r'"(\\.|[^"\\])*"', '""', line.split("//")[0])
            for pattern, what in CALLS:
                if re.search(pattern, code):
                    self.problem("call", name, number, f"{what}; only apps/ may")

    def check_file(self, name):
        path = self.root / name
        if path.suffix in {".png", ".jpg", ".ttf", ".otf", ".mp4", ".gz"} or path.stat().st_size > 4_000_000:
            return
        lines = lines_of(path)
        self.check_purpose(name, lines)
        if path.suffix in COMMENTED and len(lines) > LONGEST:
            self.problem("long", name, len(lines), f"{len(lines)} lines, the limit is {LONGEST}: split it by idea")
        for number, line in enumerate(lines, 1):
            for word in WORDS:
                if re.search(word, line):
                    self.problem("word", name, number, f"holds {re.search(word, line)[0]}")
        if path.suffix in CODE and name.startswith(("src/", "apps/")):
            self.check_includes(name, lines)
        if path.suffix in CODE and name.startswith("src/"):
            self.check_calls(name, lines)

    def check_levels(self):
        plan = self.root / "ARCHITECTURE.md"
        if not plan.exists():
            self.problem("levels", "ARCHITECTURE.md", 1, "is missing")
            return
        told = {m[1]: int(m[2]) for m in re.finditer(r"^\|\s*`?(\w+)/?`?\s*\|\s*(\d+)\s*\|", plan.read_text(), re.M)}
        for room in sorted(set(told) | set(self.levels)):
            if told.get(room) != self.levels.get(room):
                self.problem("levels", "ARCHITECTURE.md", 1, f"{room}: level {told.get(room)} in its table, "
                             f"{self.levels.get(room)} in tests/architecture/rooms.txt")

    def check_excuses(self):
        for rule, name in sorted(self.excused - self.used_excuses):
            self.problems.append(f"tests/architecture/exceptions.txt:1: [excuse] {rule} {name} is needed no more")


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]).resolve()
    house = House(root)
    names = house.files()
    for name in names:
        house.check_file(name)
    house.check_levels()
    house.check_excuses()
    for problem in house.problems:
        print(problem)
    print(f"{len(names)} files, {len(house.problems)} broken rules")
    return 1 if house.problems else 0


if __name__ == "__main__":
    sys.exit(main())
