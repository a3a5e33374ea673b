#!/usr/bin/env bash
# Installs what is missing to build and run the studio: Debian packages, the engine that runs
# language models (built once from source) and the default model. Safe to repeat: what is there
# already is left alone, and then it takes a few seconds and needs no network.
#
#   setup/setup.sh [--checks] [--tests] [--bench] [--model ID]... [--no-models] [--from FOLDER] [--dry-run]
#
#   --checks     also what .ci/run needs: clang-19, clang-format-19, prometheus
#   --tests      also the Python packages that tests compare with (in an environment of their own)
#   --bench      also nginx and the Python packages that benchmarks compare with
#   --model ID   also this model of setup/lock.json (the default one is always set up)
#   --no-models  neither engine nor models: enough to build, and for `--planner rules`
#   --from DIR   takes packages' archives that lie in DIR instead of fetching them (no network)
#   --dry-run    says what is missing and changes nothing
#
# Everything but the Debian packages goes to ${XDG_CACHE_HOME:-~/.cache}/animation-studio.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

groups=(base)
parts_arguments=()
environments=()
models=yes
dry_run=
while [ $# -gt 0 ]; do
  case $1 in
    --checks) groups+=(checks) ;;
    --tests)
      environments+=(tests)
      groups+=(tests)
      # Another source's nodejs brings its own npm, which Debian's would push out.
      command -v npm >/dev/null || groups+=(node)
      ;;
    --bench)
      environments+=(bench litellm)
      groups+=(bench)
      ;;
    --model) parts_arguments+=(--model "${2:?--model needs an id}"); shift ;;
    --from) parts_arguments+=(--from "${2:?--from needs a folder}"); shift ;;
    --no-models) models= ;;
    --dry-run) dry_run=yes; parts_arguments+=(--dry-run) ;;
    -h|--help) sed -n '2,18s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
    *) echo "setup: unknown option $1 (see setup/setup.sh --help)" >&2; exit 2 ;;
  esac
  shift
done

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: error: %s\n' "$1" >&2; [ $# -lt 2 ] || printf 'setup: %s\n' "$2" >&2; exit 1; }

# The lines of the wanted groups of which dpkg has no alternative, each as a|b|c.
missing_lines() {
  awk -v groups=" ${groups[*]} " '
    FNR == NR { if ($1 == "installed") installed[$2] = 1; next }
    /^\[/ { name = substr($0, 2, index($0, "]") - 2); next }
    { sub(/#.*/, ""); if ($1 == "" || !index(groups, " " name " ")) next
      n = split($1, choice, "|"); for (i = 1; i <= n; ++i) if (choice[i] in installed) next
      print $1 }' <(dpkg-query -W -f='${db:Status-Status} ${Package}\n') "$here/apt-packages.txt"
}

# Whether apt can install the package. (Of a name that only others mention it knows no version.)
apt_knows() { LC_ALL=C apt-cache policy "$1" 2>/dev/null | awk '$1 == "Candidate:" && $2 != "(none)" {found = 1} END {exit !found}'; }

# Of a|b|c the first that apt knows; a on systems that know none, so that apt's own message names it.
choice_of() {
  local choice
  for choice in ${1//|/ }; do
    if apt_knows "$choice"; then echo "$choice"; return; fi
  done
  echo "${1%%|*}"
}

install_packages() {
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    say "this is no Debian system: its packages are not checked; setup/apt-packages.txt lists what is needed"
    return
  fi
  local lines line chosen missing=()
  mapfile -t lines < <(missing_lines)
  if [ ${#lines[@]} = 0 ]; then
    say "Debian packages: all there"
    return
  fi
  local as_root=()
  if [ -z "$dry_run" ]; then
    if [ "$(id -u)" != 0 ]; then
      command -v sudo >/dev/null || fail "not root and no sudo here" "run as root: apt-get install ${lines[*]%%|*}"
      as_root=(sudo)
    fi
    # First, because a fresh system's apt knows no package at all.
    "${as_root[@]}" apt-get -q update </dev/null || fail "apt-get update failed" "read its messages above, then run setup/setup.sh again"
  fi
  for line in "${lines[@]}"; do
    chosen=$(choice_of "$line")
    [ "$chosen" = "$line" ] || say "of ${line//|/, } this system gets $chosen"
    missing+=("$chosen")
  done
  say "Debian packages to install (one to five minutes): ${missing[*]}"
  [ -z "$dry_run" ] || return 0
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends "${missing[@]}" </dev/null ||
    fail "apt-get could not install the packages" "read its messages above, then run setup/setup.sh again"
}

started=$SECONDS
install_packages
command -v python3 >/dev/null || { [ -n "$dry_run" ] && exit 0; fail "python3 is not there" "install python3 with pip"; }
[ -n "$models" ] && python3 "$here/parts.py" "${parts_arguments[@]}"
for name in "${environments[@]}"; do
  python3 "$here/environment.py" "$name" ${dry_run:+--dry-run} || {
    [ "$name" = litellm ] || exit 1
    say "LiteLLM could not be installed here: the gateway's benchmark leaves it out"
  }
done
case " ${environments[*]} " in *" tests "*) "$here/npm.sh" ${dry_run:+--dry-run} ;; esac
say "done in $((SECONDS - started)) s"
