#!/bin/sh
# Installs the build into a scratch prefix, builds the example against it, and cuts a clip with it.
# install_test.sh BUILD_FOLDER
set -eu
build=$1
source=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
fail() { echo "FAILED: $1"; exit 1; }

cmake --install "$build" --prefix "$scratch/prefix" >"$scratch/install.log" || { cat "$scratch/install.log"; fail "cmake --install"; }
for file in bin/studio include/animation-studio/timeline/timeline.h share/animation-studio/configs/models.yaml share/animation-studio/configs/lock.json \
            share/animation-studio/schemas/plan.schema.json share/man/man1/studio.1 \
            share/bash-completion/completions/studio share/zsh/site-functions/_studio \
            share/fish/vendor_completions.d/studio.fish; do
  [ -s "$scratch/prefix/$file" ] || fail "$file is not installed, or empty"
done
[ -n "$(find "$scratch/prefix" -name LICENSE)" ] || fail "the licence is not installed"
if grep -rlE "$source|/backends/" "$scratch/prefix/include" "$scratch"/prefix/lib*/cmake; then
  fail "an installed file names the source tree, or a header of backends/"
fi
"$scratch/prefix/bin/studio" --version >/dev/null || fail "the installed program does not start"

cmake -S "$source/examples/cut_with_library" -B "$scratch/example" -G Ninja -DCMAKE_PREFIX_PATH="$scratch/prefix" \
  -DCMAKE_BUILD_TYPE=Release >"$scratch/example.log" 2>&1 || { cat "$scratch/example.log"; fail "configure the example"; }
cmake --build "$scratch/example" >"$scratch/example.log" 2>&1 || { tail -40 "$scratch/example.log"; fail "build the example"; }

ffmpeg -v error -f lavfi -i testsrc2=size=320x240:rate=25:duration=4 -f lavfi -i sine=duration=4 \
  -c:v libx264 -preset ultrafast -c:a aac "$scratch/in.mp4"
"$scratch/example/cut_clip" "$scratch/in.mp4" 1 2.6 "$scratch/out.mp4" || fail "cut a clip"
frames=$(ffprobe -v error -count_frames -select_streams v -show_entries stream=nb_read_frames -of csv=p=0 "$scratch/out.mp4")
[ "$frames" = 40 ] || fail "the clip has $frames frames, not 40"
"$scratch/example/cut_clip" "$scratch/in.mp4" 1 9 "$scratch/out2.mp4" 2>"$scratch/error" && fail "a cut beyond the end was made"
grep -q "holds" "$scratch/error" || fail "the error does not say what the file holds"
[ ! -e "$scratch/out2.mp4" ] || fail "a failed cut left a file"
echo "installed, found, built and cut: $frames frames"
