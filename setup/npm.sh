#!/usr/bin/env bash
# Installs the npm packages that tests/conformance talks through, pinned by its lock file with their hashes.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source=$here/../tests/conformance
cache=${XDG_CACHE_HOME:-$HOME/.cache}
place=$cache/animation-studio/npm/tests
stamp=$(cat "$source/package-lock.json" "$source/package.json" | sha256sum)

if [ "$(cat "$place/made" 2>/dev/null || true)" = "$stamp" ]; then
  echo "setup: npm packages for tests: there"
  exit 0
fi
if ! command -v npm >/dev/null; then
  echo "setup: error: npm is not there" >&2
  echo "setup: install nodejs and npm, then run setup/setup.sh --tests again" >&2
  exit 1
fi
echo "setup: npm packages for tests (seconds): openai, zod"
[ "${1:-}" != --dry-run ] || exit 0
rm -rf "$place"
mkdir -p "$place"
cp "$source/package.json" "$source/package-lock.json" "$place/"
if ! npm ci --prefix "$place" --ignore-scripts --no-audit --no-fund --silent; then
  echo "setup: error: npm could not install the packages" >&2
  echo "setup: check the network, then run setup/setup.sh --tests again" >&2
  exit 1
fi
echo "$stamp" >"$place/made"
echo "setup: npm packages for tests: installed in $place"
