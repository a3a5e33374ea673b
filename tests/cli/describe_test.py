#!/usr/bin/env python3
# The man page and the completions know every command and option that --help tells, and no others.
"""describe_test.py BUILD/bin/studio"""
import re
import shutil
import subprocess
import sys
import tempfile

PROGRAM = sys.argv[1]


def studio(*arguments):
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=True).stdout


def options_in(text):
    return set(re.findall(r"(?<![\w-])(--[a-z][\w-]*)", text))


def main():
    problems = []
    help_text = studio("--help")
    section = help_text.split("Subcommands:", 1)[1] if "Subcommands:" in help_text else ""
    commands = re.findall(r"^  ([a-z][\w-]*)  ", section, re.M)
    if len(commands) < 8:
        problems.append(f"only the commands {commands} stand in --help")
    man = studio("describe", "man").replace("\\-", "-")
    texts = {form: studio("describe", form) for form in ("bash", "zsh", "fish")}
    for command in commands:
        told = options_in(studio(command, "--help").split("Example", 1)[0])
        part = re.search(rf"^\.SS studio {command}$(.*?)(?=^\.S[SH] |\Z)", man, re.M | re.S)
        if not part:
            problems.append(f"the man page has no section on {command}")
            continue
        heads = re.sub(r"\\f[BIR]", " ", "\n".join(re.findall(r"^\.TP\n(.*)$", part[1], re.M)))
        if options_in(heads) != told:
            problems.append(f"man page of {command}: differs by {sorted(options_in(heads) ^ told)}")
        bash = re.search(rf"^    {command}\)$(.*?);;\n    [\w-]+\)|^    {command}\)$(.*)esac", texts["bash"], re.M | re.S)
        known = options_in((bash[1] or bash[2]) if bash else "")
        if not told <= known:
            problems.append(f"bash completion of {command}: misses {sorted(told - known)}")
        for option in told:
            if f"-l {option[2:]} " not in texts["fish"] + " ":
                problems.append(f"fish completion of {command}: misses {option}")
            if option + "[" not in texts["zsh"]:
                problems.append(f"zsh completion of {command}: misses {option}")
    with tempfile.NamedTemporaryFile("w", suffix=".sh") as file:
        file.write(texts["bash"] + "\nCOMP_WORDS=(studio ren) COMP_CWORD=1; _studio; echo \"${COMPREPLY[*]}\"\n")
        file.flush()
        got = subprocess.run(["bash", file.name], capture_output=True, text=True)
        if got.stdout.strip() != "render" or got.stderr:
            problems.append(f"bash completes 'ren' to '{got.stdout.strip()}' {got.stderr}")
    for shell in ("zsh", "fish"):
        if shutil.which(shell):
            with tempfile.NamedTemporaryFile("w") as file:
                file.write(texts[shell])
                file.flush()
                checked = subprocess.run([shell, "-n", file.name], capture_output=True, text=True)
                if checked.returncode != 0:
                    problems.append(f"{shell} cannot read its completion: {checked.stderr}")
    if shutil.which("groff"):
        checked = subprocess.run(["groff", "-man", "-ww", "-Tutf8", "-z"], input=man, capture_output=True, text=True)
        if checked.stderr:
            problems.append(f"groff: {checked.stderr[:400]}")
    print("\n".join(problems) or f"{len(commands)} commands: man page and completions agree with --help")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
