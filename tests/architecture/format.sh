#!/bin/sh
# Fails when a C++ file is not formatted as .clang-format says, and prints the command that mends it.
# Exit 77 (skipped) without clang-format-19: other versions format differently.
cd "$(dirname "$0")/../.." || exit 1
tool=$(command -v clang-format-19) || { echo "SKIPPED: clang-format-19 is not installed (apt-get install clang-format-19)"; exit 77; }
if git rev-parse --git-dir >/dev/null 2>&1; then
  list() { git ls-files -co --exclude-standard -z -- 'src/*.h' 'src/*.cpp' 'apps/*.h' 'apps/*.cpp' 'tests/*.h' 'tests/*.cpp' 'bench/*.h' 'bench/*.cpp' 'fuzz/*.cpp' 'examples/*.cpp'; }
else
  list() { find src apps tests bench fuzz examples \( -name '*.h' -o -name '*.cpp' \) -print0; }
fi
if [ "$1" = --fix ]; then
  list | xargs -0 "$tool" -i && echo "formatted"
  exit
fi
bad=$(list | xargs -0 -n 1 -P 2 sh -c 'test -f "$1" && ! "$0" --dry-run -Werror "$1" >/dev/null 2>&1 && echo "$1"' "$tool")
[ -z "$bad" ] && { echo "all C++ files are formatted"; exit 0; }
echo "$bad"
echo "not formatted. To mend: tests/architecture/format.sh --fix"
exit 1
