// Reading SubRip and WebVTT cues.
#include "render/subtitles.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace studio {
namespace {

constexpr std::size_t kMostCues = 100'000;

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find_first_of("\r\n");
    lines.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    const bool pair = text[end] == '\r' && end + 1 < text.size() && text[end + 1] == '\n';
    text.remove_prefix(end + (pair ? 2 : 1));
  }
  return lines;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// "01:02:03,450", "1:02:03.45", "02:03.450"
std::optional<Time> parse_stamp(std::string_view text) {
  text = trimmed(text);
  std::int64_t seconds = 0, millis = 0;
  int fields = 0;
  while (true) {
    std::int64_t value = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc{} || value < 0 || value > 1'000'000) return std::nullopt;
    seconds = seconds * 60 + value;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (++fields > 3) return std::nullopt;
    if (text.empty() || text.front() != ':') break;
    text.remove_prefix(1);
  }
  if (!text.empty()) {
    if (text.front() != ',' && text.front() != '.') return std::nullopt;
    int place = 100;
    for (const char c : text.substr(1, 3)) {
      if (c < '0' || c > '9') return std::nullopt;
      millis += (c - '0') * place;
      place /= 10;
    }
  }
  if (fields < 2) return std::nullopt;
  return Time::ticks(seconds * 1000 + millis, {1, 1000});
}

std::optional<TimeRange> parse_timing(std::string_view line) {
  const std::size_t arrow = line.find("-->");
  if (arrow == std::string_view::npos) return std::nullopt;
  const auto start = parse_stamp(line.substr(0, arrow));
  // After the end WebVTT and some SubRip files give positions: not used.
  std::string_view rest = trimmed(line.substr(arrow + 3));
  const auto end = parse_stamp(rest.substr(0, rest.find_first_of(" \t")));
  if (!start || !end) return std::nullopt;
  return TimeRange::between(*start, *end);
}

bool is_tag(std::string_view name) {
  return name == "i" || name == "b" || name == "u" || name == "s" || name == "font";
}

// Takes out the tags that SubRip players know; any other "<" is text.
std::string without_tags(std::string_view text, Cue& cue) {
  std::string plain;
  bool italic = text.starts_with("<i>");
  for (std::size_t i = 0; i < text.size();) {
    if (text.substr(i).starts_with("{\\an") && i + 5 < text.size() && text[i + 5] == '}') {
      cue.top = text[i + 4] >= '7' && text[i + 4] <= '9';
      i += 6;
      continue;
    }
    if (text[i] == '<') {
      const std::size_t close = text.find('>', i);
      if (close != std::string_view::npos) {
        std::string_view inside = text.substr(i + 1, close - i - 1);
        if (inside.starts_with('/')) inside.remove_prefix(1);
        if (is_tag(inside.substr(0, inside.find(' ')))) {
          i = close + 1;
          continue;
        }
      }
    }
    plain.push_back(text[i++]);
  }
  cue.italic = italic && text.ends_with("</i>");
  return plain;
}

std::string stamp(Time t) {
  const std::int64_t ms = std::max<std::int64_t>(0, t.to_ticks({1, 1000}));
  return fmt::format("{:02}:{:02}:{:02},{:03}", ms / 3'600'000, ms / 60'000 % 60, ms / 1000 % 60, ms % 1000);
}

bool is_number(std::string_view line) {
  line = trimmed(line);
  return !line.empty() && std::ranges::all_of(line, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

Result<std::vector<Cue>> parse_srt(std::string_view text, std::string_view origin) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const std::vector<std::string_view> lines = lines_of(text);
  std::vector<Cue> cues;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].find("-->") == std::string_view::npos) continue;
    const auto range = parse_timing(lines[i]);
    if (!range || range->duration < Time{})
      return fail(
          ErrorKind::invalid_input,
          fmt::format("read subtitles from {}: line {}: \"{}\" is not a time range", origin, i + 1, lines[i]),
          "write times as 00:01:02,500 --> 00:01:05,000");
    if (cues.size() == kMostCues)
      return fail(ErrorKind::limit_exceeded,
                  fmt::format("read subtitles from {}: more than {} cues", origin, kMostCues));
    std::string body;
    while (i + 1 < lines.size() && !trimmed(lines[i + 1]).empty()) {
      // Files with a lost blank line: the next cue's number and times end this one.
      const bool next_cue = lines[i + 1].find("-->") != std::string_view::npos;
      const bool number_of_next = is_number(lines[i + 1]) && i + 2 < lines.size() &&
                                  lines[i + 2].find("-->") != std::string_view::npos;
      if (next_cue || number_of_next) break;
      if (!body.empty()) body.push_back('\n');
      body += lines[++i];
    }
    Cue cue;
    cue.range = *range;
    cue.text = without_tags(body, cue);
    if (!cue.text.empty() && !cue.range.empty()) cues.push_back(std::move(cue));
  }
  if (cues.empty())
    return fail(ErrorKind::invalid_input,
                fmt::format("read subtitles from {}: there is no cue in it", origin),
                "give a SubRip (.srt), WebVTT (.vtt) or ASS (.ass) file");
  std::ranges::stable_sort(cues, {}, [](const Cue& cue) { return cue.range.start; });
  return cues;
}

Result<std::vector<Cue>> read_srt(const Path& path) {
  TRY_ASSIGN(const std::string text, read_file(path, 64u << 20));
  return parse_srt(text, path.string());
}

std::string to_srt(const std::vector<Cue>& cues) {
  std::string text;
  int number = 1;
  for (const Cue& cue : cues)
    text += fmt::format("{}\n{} --> {}\n{}\n\n", number++, stamp(cue.range.start), stamp(cue.range.end()),
                        cue.text);
  return text;
}

}  // namespace studio
