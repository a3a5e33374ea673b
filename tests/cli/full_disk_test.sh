#!/bin/sh
# A full disk: one clear error, exit 1, nothing at the output path, and what was there before is untouched.
# full_disk_test.sh BUILD/bin/studio; needs root for a small file system of its own, else skipped (77).
set -u
studio=$1
scratch=$(mktemp -d)
small=$scratch/small
mkdir "$small"
mount -t tmpfs -o size=400k tmpfs "$small" 2>/dev/null || { rmdir "$small" "$scratch"; echo "SKIPPED: cannot mount a small file system (not root)"; exit 77; }
trap 'umount "$small"; rm -rf "$scratch"' EXIT
export HOME="$scratch/home" XDG_CACHE_HOME="$scratch/cache"
failed=0
fail() { echo "FAILED: $1"; failed=1; }
cd "$scratch" || exit 1
ffmpeg -v error -f lavfi -i "nullsrc=size=640x360:rate=25:duration=6,geq=random(1)*255:128:128" -c:v libx264 -preset ultrafast \
  -pix_fmt yuv420p in.mp4

check() {  # check NAME OUTPUT COMMAND...: must fail with 1, name the disk, leave nothing
  name=$1 output=$2
  shift 2
  before=$(cat "$output" 2>/dev/null | cksum)
  "$@" >out.txt 2>err.txt
  code=$?
  [ $code = 1 ] || fail "$name: exit code $code: $(tail -3 err.txt)"
  grep -qi "no space\|disk is full" err.txt || fail "$name: the disk is not named: $(tail -3 err.txt)"
  [ "$(cat "$output" 2>/dev/null | cksum)" = "$before" ] || fail "$name: $output changed"
  # Records of finished steps may stay in OUT.studio/; films and temporary files may not.
  left=$(find "$small" -type f ! -path "$output" ! -path "*.studio/*.json" | wc -l)
  [ "$left" = 0 ] || fail "$name: left behind: $(find "$small" -type f | tr "\n" " ")"
}

echo "what was there before" >"$small/old.mp4"
check "auto-edit over a file" "$small/old.mp4" "$studio" auto-edit in.mp4 --goal "5 s" --planner rules --max-iterations 1 -o "$small/old.mp4" -q
rm -rf "$small"/*
check "auto-edit" "$small/film.mp4" "$studio" auto-edit in.mp4 --goal "5 s" --planner rules --max-iterations 1 -o "$small/film.mp4" -q
rm -rf "$small"/*
"$studio" plan in.mp4 --goal "5 s" --planner rules -o plan.json -q >/dev/null 2>&1
check "render" "$small/film.mp4" "$studio" render plan.json -o "$small/film.mp4" -q
rm -rf "$small"/*
dd if=/dev/zero of="$small/filler" bs=1k count=400 2>/dev/null
mv "$small/filler" "$small/a.json" 2>/dev/null
check "analyze --json" "$small/a.json" "$studio" analyze in.mp4 --json "$small/a.json" -q
[ $failed = 0 ] && echo "a full disk costs nothing"
exit $failed
