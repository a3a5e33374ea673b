#!/usr/bin/env bash
# Makes docs/contact-sheet.jpg, the README's picture, from footage that FFmpeg generates.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
clip=$folder/generated.mp4
trap 'rm -rf "$folder"' EXIT
size=s=640x360:r=25
ffmpeg -v error -nostdin -y \
  -f lavfi -i "testsrc2=$size,trim=duration=3" \
  -f lavfi -i "gradients=$size:c0=0x10204a:c1=0xf2a65a:c2=0x8b2f5c:nb_colors=3:seed=4:speed=0.006,trim=duration=3" \
  -f lavfi -i "life=$size:mold=12:life_color=0x7fe0c3:death_color=0x1d3557:mold_color=0x0b132b:ratio=0.2:seed=7,trim=duration=3" \
  -f lavfi -i "mandelbrot=$size:start_x=-0.7436:start_y=0.1318:start_scale=0.02:end_scale=0.012:end_pts=100,trim=duration=3" \
  -f lavfi -i "sierpinski=$size:seed=9,trim=duration=3" \
  -f lavfi -i "cellauto=$size:rule=110:seed=3,trim=duration=3" \
  -filter_complex "[0][1][2][3][4][5]concat=n=6,format=yuv420p[v]" -map "[v]" -c:v libx264 -crf 20 "$clip"
build/release/bin/studio analyze "$clip" --quiet --no-cache --contact-sheet docs/contact-sheet.jpg
