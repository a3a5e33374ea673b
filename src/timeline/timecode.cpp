// Frame counts to SMPTE timecode and back.
#include "timeline/timecode.h"

#include <fmt/format.h>

namespace studio {
namespace {

// Numbers left out at the start of a minute.
std::int64_t dropped_per_minute(Rational rate) {
  return timecode_base(rate) / 15;
}

}  // namespace

std::int64_t timecode_base(Rational rate) {
  if (!rate.positive()) return 25;
  return std::max<std::int64_t>(1, Time::ticks(1, rate).to_ticks({1, 1}, Rounding::nearest));
}

bool has_drop_frame(Rational rate) {
  return rate == Rational{30000, 1001} || rate == Rational{60000, 1001};
}

std::string timecode_of(std::int64_t frames, Rational rate, bool drop_frame) {
  const std::int64_t base = timecode_base(rate);
  const bool drop = drop_frame && has_drop_frame(rate);
  if (drop) {
    // In ten minutes the first keeps all its numbers, the other nine leave some out.
    const std::int64_t dropped = dropped_per_minute(rate);
    const std::int64_t minute = base * 60 - dropped;
    const std::int64_t ten_minutes = minute * 10 + dropped;
    const std::int64_t day = ten_minutes * 6 * 24;
    frames = (frames % day + day) % day;
    const std::int64_t tens = frames / ten_minutes;
    const std::int64_t rest = frames % ten_minutes;
    frames += tens * dropped * 9;
    if (rest >= base * 60) frames += dropped * ((rest - base * 60) / minute + 1);
  } else {
    const std::int64_t day = base * 86400;
    frames = (frames % day + day) % day;
  }
  const std::int64_t seconds = frames / base;
  return fmt::format("{:02}:{:02}:{:02}{}{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60,
                     drop ? ';' : ':', frames % base);
}

Result<std::int64_t> frames_of_timecode(std::string_view text, Rational rate) {
  const auto bad = [&](std::string_view why) {
    return fail(ErrorKind::invalid_input, fmt::format("read '{}' as timecode: {}", text, why),
                "write for example 01:00:00:00, or 01:00:00;00 for drop-frame");
  };
  const std::int64_t base = timecode_base(rate);
  std::int64_t fields[4] = {};
  std::size_t field = 0;
  int digits = 0;
  char last_separator = ':';
  for (const char c : text) {
    if (c >= '0' && c <= '9') {
      if (++digits > 3) return bad("a field is too long");
      fields[field] = fields[field] * 10 + (c - '0');
    } else if ((c == ':' || ((c == ';' || c == '.') && field == 2)) && digits > 0 && field < 3) {
      ++field;
      digits = 0;
      last_separator = c;
    } else {
      return bad("it is not of the form hh:mm:ss:ff");
    }
  }
  if (field != 3 || digits == 0) return bad("it is not of the form hh:mm:ss:ff");
  if (fields[0] > 23 || fields[1] > 59 || fields[2] > 59 || fields[3] >= base)
    return bad("a field is out of range");
  const bool drop = last_separator != ':';
  const std::int64_t minutes = fields[0] * 60 + fields[1];
  const std::int64_t count = (minutes * 60 + fields[2]) * base + fields[3];
  if (!drop) return count;
  if (!has_drop_frame(rate))
    return bad(fmt::format("there is no drop-frame timecode at {} frames per second", rate.to_string()));
  const std::int64_t dropped = dropped_per_minute(rate);
  if (fields[1] % 10 != 0 && fields[2] == 0 && fields[3] < dropped)
    return bad("drop-frame leaves that number out");
  return count - dropped * (minutes - minutes / 10);
}

}  // namespace studio
