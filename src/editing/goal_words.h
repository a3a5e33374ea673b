// The words of a goal: tokens with a meaning, in English and Italian. Internal to editing/.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace studio::goal {

// What a word or phrase means; `word` is one the lexicon does not know.
enum class W {
  word,
  number,
  ordinal,
  quoted,
  file,
  clock,
  ratio,
  size,
  lines,
  times,
  percent,
  comma,
  stop,
  dash,
  open_clause,  // punctuation; open_clause: "then", "but", ";"
  unit_s,
  unit_min,
  unit_h,
  unit_frame,
  unit_db,
  unit_lufs,
  unit_fps,
  duration,  // assembled: value in seconds
  span,      // assembled by the reader: value is an index
  a,
  of,
  in,
  to,
  from,
  at,
  for_,
  with,
  between,
  and_,
  before,
  after,
  every,
  per,
  each,
  by,
  under,
  over,
  exactly,
  about,
  half,
  quarter,
  the,
  first,
  last,
  middle,
  next,
  shot,
  clip,
  source_word,
  cuts,
  part,
  take,
  only,
  keep,
  avoid,
  start_with,
  start_at,  // of a moment: film from there on
  end_at,
  end_with,
  no,
  at_start,
  at_end,
  throughout,
  start_noun,
  end_noun,
  long_word,
  make,
  half_as_long,
  twice_as_long,
  faster,
  slower,
  speed_word,
  double_,
  triple,
  slow_motion,
  time_lapse,
  speed_up,
  slow_down,
  normal,
  ramp,
  reverse,
  freeze,
  frame_word,
  chronological,
  reverse_order,
  shuffle,
  order_word,
  in_that_order,
  every_source,
  no_cuts,
  pace_fast,
  pace_slow,
  pace_medium,
  style,  // text: style id
  highlight,
  aspect,  // value: w * 1000 + h
  mute,
  sound_noun,
  music_noun,
  louder,
  quieter,
  normalize,
  volume_word,
  keep_sound,
  sound_effect,
  duck,
  effect,      // text: effect id
  transition,  // text: kind
  fade_in,
  fade_out,
  fade_black,
  from_black,
  fade_word,
  color,     // text: its English name
  on_beats,  // cuts on the beats of the sound
  title,
  caption,
  lower_third,
  subtitles,
  saying,
  watermark,
  pos_top,
  pos_bottom,
  pos_center,
  pos_left,
  pos_right,
  most_motion,
  least_motion,
  loudest,
  quietest,
  brightest,
  darkest,
  sharpest,
  pip,
  split_screen,
  layout_words
};

struct Token {
  W kind = W::word;
  std::string text;   // lower case words as written, or the id an entry stands for
  std::string raw;    // as written; for quoted: what is between the quotes
  double value = 0;   // number, seconds, factor
  double value2 = 0;  // second number of a size or ratio
  bool used = false;
  std::size_t begin = 0, end = 0;  // bytes of the goal, until phrases are merged
  bool is(W k) const { return kind == k; }
};

// Tokens with phrases merged, numbers and durations assembled. `italian` is set when the function
// words of the goal are mostly Italian; `mended` tells the typing mistakes that were read as meant.
std::vector<Token> read_words(std::string_view goal, bool& italian, std::vector<std::string>& mended);

}  // namespace studio::goal
