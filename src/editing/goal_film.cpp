// Which film is seen: kept, left out, alone, first, last, before other film.
#include <algorithm>

#include <fmt/format.h>

#include "editing/goal_leftovers.h"
#include "editing/goal_reader.h"

namespace studio::goal {
namespace {

enum class Mode { none, keep, avoid, only, opening, ending };

void add_complement(Reading& reading, const std::vector<SpanWish>& only) {
  for (SpanWish out : all_but(reading, only)) {
    out.words = "only";
    reading.brief.avoid.push_back(std::move(out));
  }
}

// These ask for film among other film; "keep", "use", "show" alone mean that and nothing else.
bool inclusive(const std::string& verb) {
  static constexpr std::string_view verbs[] = {
      "include",   "including", "must have",    "must contain",   "must include", "must be in",
      "must keep", "feature",   "featuring",    "contain",        "make sure",    "be sure to include",
      "focus on",  "includi",   "deve esserci", "devono esserci", "includendo"};
  return std::ranges::find(verbs, verb) != std::end(verbs);
}

// "The second half in color", "the rest as it is": film about which nothing is asked.
void read_left_alone(Reading& reading) {
  auto& tokens = reading.tokens;
  for (const Clause& clause : reading.clauses) {
    if (has(reading, clause, W::keep) || has(reading, clause, W::only) || has(reading, clause, W::avoid))
      continue;
    bool colored = false;
    for (std::size_t i = clause.begin; i + 1 < clause.end; ++i) {
      const std::string& next = tokens[i + 1].text;
      colored = colored ||
                (tokens[i].is(W::in) &&
                 (next == "color" || next == "colour" || next == "colors" || next == "colours")) ||
                (tokens[i].text == "a" && next == "colori");
    }
    if (!colored) continue;
    for (std::size_t i = clause.begin; i < clause.end; ++i)
      if (tokens[i].is(W::span) || tokens[i].text == "colori" || tokens[i].text == "colors")
        tokens[i].used = true;
  }
}

// Words for what is done to film, not for what it shows.
bool is_craft(std::string_view word) {
  static constexpr std::string_view words[] = {
      "transition", "transitions", "effects",  "filter",      "filters",     "speed",   "changes",
      "graphics",   "overlay",     "overlays", "texts",       "colors",      "colours", "color",
      "colour",     "pitch",       "tone",     "quality",     "resolution",  "ratio",   "proportions",
      "speeds",     "zooms",       "titles",   "transizioni", "transizione", "filtri",  "effetti",
      "cambi",      "grafica",     "scritte",  "testi",       "colori",      "tono",    "qualità",
      "rapporto",   "animations",  "fancy",    "gimmicks",    "stickers",    "emojis",  "subtitles"};
  return std::ranges::find(words, word) != std::end(words);
}

// "Order: the third clip, the first clip", "swap the first and the last shot".
void read_swaps(Reading& reading) {
  static constexpr std::string_view verbs[] = {"swap", "exchange", "switch", "scambia", "scambiare"};
  auto& tokens = reading.tokens;
  if (reading.sources.size() != 1) return;
  for (const Clause& clause : reading.clauses)
    for (std::size_t i = clause.begin; i < clause.end; ++i) {
      if (std::ranges::find(verbs, tokens[i].text) == std::end(verbs) || tokens[i].used) continue;
      std::vector<std::string> swapped;
      for (std::size_t j = i + 1; j < clause.end; ++j)
        if (tokens[j].is(W::span))
          for (const SpanWish& span : reading.groups[static_cast<std::size_t>(tokens[j].value)].spans)
            if (!span.shot.empty()) swapped.push_back(span.shot);
      if (swapped.size() != 2) continue;
      for (std::size_t j = i; j < clause.end; ++j) tokens[j].used = true;
      const EditSource& source = reading.sources.front();
      std::vector<SpanWish> order;
      for (const Shot& shot : source.analysis.shots) {
        SpanWish span;
        span.source = source.id;
        span.start_s = shot.start.seconds();
        span.end_s = shot.end.seconds();
        span.shot = shot.id;
        span.words = "shots in order";
        order.push_back(span);
      }
      auto first = std::ranges::find(order, swapped[0], &SpanWish::shot),
           second = std::ranges::find(order, swapped[1], &SpanWish::shot);
      if (first == order.end() || second == order.end()) continue;
      std::iter_swap(first, second);
      reading.brief.keep = std::move(order);
      reading.brief.order = Order::as_listed;
      reading.brief.readings.push_back(swapped[0] + " and " + swapped[1] + " change places");
    }
}

// A named piece of content that no measurement finds: left to the model; a place for it cannot be kept.
void describe(Reading& reading, const Clause& clause, Mode mode) {
  if (mode == Mode::none) return;
  std::size_t first = clause.end;
  bool unknown = false;
  std::string words;
  for (std::size_t i = clause.begin; i < clause.end; ++i) {
    const Token& token = reading.tokens[i];
    if (token.used || token.is(W::span) || token.is(W::duration) || token.is(W::file) ||
        token.is(W::music_noun) || token.is(W::sound_noun) || token.is(W::effect) || token.is(W::title) ||
        token.is(W::caption) || token.is(W::quoted) || token.is(W::cuts) || token.is(W::watermark))
      return;
    // "Do not rotate it" is about an act, "no people" about what is seen.
    if (token.is(W::no) && token.text != "no" && !token.text.starts_with("nessun")) return;
    bool verb = token.is(W::keep) || token.is(W::start_with) || token.is(W::end_with) || token.is(W::only) ||
                token.is(W::avoid) || token.is(W::no);
    if (verb) {
      first = i + 1;
      words.clear();
      continue;
    }
    if (first == clause.end) continue;
    unknown = unknown ||
              (token.is(W::word) && token.text.size() > 2 && !is_filler(token.text) && !is_mood(token.text));
    words += (words.empty() ? "" : " ") + token.raw;
  }
  if (!unknown) return;
  // "keep the colors", "no transitions": the craft, not what pictures show; so it is, unless asked otherwise.
  bool craft = true;
  for (std::size_t i = first; i < clause.end; ++i) {
    const Token& token = reading.tokens[i];
    bool content =
        token.is(W::word) && token.text.size() > 2 && !is_filler(token.text) && !is_mood(token.text);
    craft = craft && (!content || is_craft(token.text));
  }
  for (std::size_t i = clause.begin; i < clause.end; ++i) reading.tokens[i].used = true;
  if (craft) {
    reading.brief.readings.push_back((mode == Mode::avoid ? "no " : "as it is: ") + words);
    return;
  }
  if (mode == Mode::keep || mode == Mode::only)
    reading.brief.described.push_back(words);
  else
    reading.brief.unmet.push_back(
        {words_of(reading, clause),
         "what pictures show is not recognised; name a shot or seconds of the film"});
}

// "c.mp4 before a.mp4", "shot 3 after shot 1": taken before anybody reads those spans otherwise.
void read_sequences(Reading& reading) {
  auto& tokens = reading.tokens;
  for (const Clause& clause : reading.clauses)
    for (std::size_t i = clause.begin; i < clause.end; ++i) {
      if (!tokens[i].is(W::span) || tokens[i].used) continue;
      std::size_t j = i + 1;
      while (j < clause.end && j < i + 3 && tokens[j].is(W::word)) ++j;  // "comes", "goes"
      if (j >= clause.end || !(tokens[j].is(W::before) || tokens[j].is(W::after))) continue;
      std::size_t k = j + 1;
      while (k < clause.end && tokens[k].is(W::the)) ++k;
      if (k >= clause.end || !tokens[k].is(W::span)) continue;
      const auto& one = reading.groups[static_cast<std::size_t>(tokens[i].value)].spans;
      const auto& two = reading.groups[static_cast<std::size_t>(tokens[k].value)].spans;
      if (one.empty() || two.empty()) continue;
      bool before = tokens[j].is(W::before);
      reading.brief.sequences.push_back(
          {before ? one.front() : two.front(), before ? two.front() : one.front()});
      for (std::size_t n = i; n <= k; ++n) tokens[n].used = true;
      reading.brief.readings.push_back(fmt::format("{} {} {}", tokens[i].raw, tokens[j].raw, tokens[k].raw));
    }
}

// "shots 6 5 4 3": nobody lists three or more against their order without meaning it.
bool unordered_list(const std::vector<SpanWish>& spans) {
  if (spans.size() < 3 || std::ranges::any_of(spans, [](const SpanWish& s) { return s.shot.empty(); }))
    return false;
  return !std::ranges::is_sorted(spans, {}, [](const SpanWish& s) { return std::pair(s.source, s.start_s); });
}

bool whole_source(const Reading& reading, const SpanWish& span) {
  const EditSource* source = find_source(reading.sources, span.source);
  return reading.sources.size() > 1 && source && span.shot.empty() && span.start_s < 0.01 &&
         span.end_s > source->analysis.source.duration_s - 0.01;
}

// Clips named one after the other: those are used, and in that order when a "then" says so.
void settle_sources(Reading& reading, bool in_order) {
  Brief& brief = reading.brief;
  auto& named = reading.named_sources;
  if (named.empty()) return;
  for (std::size_t i = 0; in_order && i + 1 < named.size(); ++i)
    brief.sequences.push_back({named[i], named[i + 1]});
  bool all = true;
  for (const EditSource& source : reading.sources) {
    auto uses = [&](const SpanWish& span) { return span.source == source.id; };
    bool used = std::ranges::any_of(named, uses) || std::ranges::any_of(brief.keep, uses) ||
                (brief.opening && uses(*brief.opening)) || (brief.ending && uses(*brief.ending));
    all = all && used;
    if (used || reading.includes) continue;
    SpanWish out;
    out.source = source.id;
    out.end_s = source.analysis.source.duration_s;
    out.words = "only";
    brief.avoid.push_back(out);
  }
  if (all) brief.every_source = true;
}

}  // namespace

std::vector<SpanWish> all_but(const Reading& reading, const std::vector<SpanWish>& spans) {
  std::vector<SpanWish> out;
  for (const EditSource& source : reading.sources) {
    std::vector<SpanWish> here;
    for (const SpanWish& span : spans)
      if (span.source == source.id) here.push_back(span);
    std::ranges::sort(here, {}, &SpanWish::start_s);
    double at = 0;
    auto add = [&](double start, double end) {
      if (end - start < 0.04) return;
      SpanWish part;
      part.source = source.id;
      part.start_s = start;
      part.end_s = end;
      out.push_back(part);
    };
    for (const SpanWish& span : here) {
      add(at, span.start_s);
      at = std::max(at, span.end_s);
    }
    add(at, source.analysis.source.duration_s);
  }
  return out;
}

void read_film(Reading& reading) {
  auto& tokens = reading.tokens;
  Brief& brief = reading.brief;
  Mode mode = Mode::none;
  std::size_t listed = 0;  // keep groups that followed a "then"
  // The verb of a clause without film of its own goes for no other film: "lose the sound, 8 to 9 s".
  bool spanned = false, mode_word = false;
  read_sequences(reading);
  read_left_alone(reading);
  read_swaps(reading);
  bool order_said = false;
  for (const Clause& clause : reading.clauses)  // "order: shot 3, shot 1"
    order_said = order_said || (clause.end - clause.begin <= 3 && has(reading, clause, W::order_word));
  for (Token& token : tokens)
    if (order_said && token.is(W::order_word)) token.used = true;
  for (const Clause& clause : reading.clauses) {
    Mode before = spanned || clause.begin == 0 || mode_word ? mode : Mode::none;
    mode = Mode::none;
    bool makes = false;
    spanned = mode_word = false;
    for (std::size_t i = clause.begin; i < clause.end; ++i) {
      Token& token = tokens[i];
      if (token.used) continue;
      switch (token.kind) {
        case W::keep:
          reading.includes = reading.includes || inclusive(token.text);
          if (mode != Mode::avoid && mode != Mode::only) mode = Mode::keep;
          break;
        case W::avoid: mode = Mode::avoid; break;
        case W::only: mode = Mode::only; break;
        case W::no:
          if (mode == Mode::none || mode == Mode::keep) mode = Mode::avoid;
          break;
        case W::start_with:
        case W::start_at: mode = Mode::opening; break;
        case W::end_with:
        case W::end_at: mode = Mode::ending; break;
        case W::make: makes = true; break;
        case W::cuts:
          if (token.text == "cut" && mode == Mode::none) mode = Mode::avoid;
          break;
        case W::span: {
          SpanGroup& group = reading.groups[static_cast<std::size_t>(token.value)];
          Mode here = mode;
          // "the first 3 seconds must be removed", "from 10 s to 15 s must be cut out"
          if (here == Mode::none)
            for (std::size_t j = i + 1; j < clause.end; ++j) {
              const std::string& word = tokens[j].text;
              if (tokens[j].is(W::avoid) || word == "removed" || word == "skipped" || word == "dropped" ||
                  word == "excluded" || word == "out" || word == "deleted")
                here = Mode::avoid;
            }
          if ((here == Mode::none || here == Mode::opening || here == Mode::ending) &&
              (group.from || (group.range && group.placed)))
            here = Mode::only;
          // "Put shot 6 first", "the fruit shot last"
          if ((here == Mode::none || here == Mode::keep) && i + 2 == clause.end &&
              (tokens[i + 1].is(W::first) || tokens[i + 1].is(W::last))) {
            here = tokens[i + 1].is(W::first) ? Mode::opening : Mode::ending;
            tokens[i + 1].used = true;
          }
          bool preceded_by_from = i > clause.begin && tokens[i - 1].is(W::from);
          if (preceded_by_from && (here == Mode::none || makes)) here = Mode::only;
          if (here == Mode::none && before != Mode::none && i == clause.begin) {
            // "start with shot 3, then shot 1": only the first of them opens it.
            bool edge = before == Mode::opening || before == Mode::ending;
            here = edge ? Mode::keep : before;
            if (edge) ++listed;
          }
          // A plain range without a verb or clock is a length: left for read_length.
          if (here == Mode::none && group.range && !group.placed) break;
          if (here == Mode::avoid && group.range && !group.placed && !group.from && !group.between &&
              has(reading, clause, W::long_word))
            break;
          if (here == Mode::none) here = Mode::keep;
          token.used = spanned = true;
          std::string spans;
          for (const SpanWish& span : group.spans)
            spans += fmt::format(" {} {:.2f}-{:.2f} s", span.source, span.start_s, span.end_s);
          if (group.spans.empty() && group.range)
            brief.unmet.push_back({token.raw, "that lies outside of the film"});
          switch (here) {
            case Mode::avoid:
              brief.avoid.insert(brief.avoid.end(), group.spans.begin(), group.spans.end());
              brief.readings.push_back("avoid" + spans);
              break;
            case Mode::only:
              if (group.starts && !group.spans.empty()) reading.start = group.spans.front();
              reading.only.insert(reading.only.end(), group.spans.begin(), group.spans.end());
              brief.readings.push_back("only" + spans);
              break;
            case Mode::opening:
              if (!group.spans.empty()) brief.opening = group.spans.front();
              brief.readings.push_back("open with" + spans);
              break;
            case Mode::ending:
              if (!group.spans.empty()) brief.ending = group.spans.back();
              brief.readings.push_back("end with" + spans);
              break;
            default:
              if (!group.spans.empty() && std::ranges::all_of(group.spans, [&](const SpanWish& span) {
                    return whole_source(reading, span);
                  })) {
                reading.named_sources.insert(reading.named_sources.end(), group.spans.begin(),
                                             group.spans.end());
                if (clause.begin > 0 && tokens[clause.begin - 1].is(W::open_clause)) ++listed;
                brief.readings.push_back("use" + spans);
                break;
              }
              if (unordered_list(group.spans)) ++listed;
              brief.keep.insert(brief.keep.end(), group.spans.begin(), group.spans.end());
              brief.readings.push_back("keep" + spans);
              if (clause.begin > 0 && tokens[clause.begin - 1].is(W::open_clause) &&
                  tokens[clause.begin - 1].text != ";" && tokens[clause.begin - 1].text != "but" &&
                  brief.keep.size() > group.spans.size())
                ++listed;
              break;
          }
          mode = here;
          break;
        }
        default: break;
      }
    }
    describe(reading, clause, mode);
    // The verb carries over to a following bare span ("keep shot 1, shot 3"), not over a sentence.
    if (clause.end < tokens.size() && tokens[clause.end].is(W::stop))
      mode = Mode::none;
    else if (mode == Mode::none && clause.end - clause.begin <= 1)
      mode = before;
    mode_word = clause.end - clause.begin <= 2;
  }
  if (order_said && brief.keep.size() > 1) ++listed;
  bool in_order = listed > 0 || order_said || brief.order == Order::as_listed;
  settle_sources(reading, in_order);
  if (!reading.named_sources.empty() && brief.keep.empty()) {
    if (brief.order == Order::as_listed) brief.order = Order::automatic;  // said by the sequences
  } else if (listed > 0 && brief.order == Order::automatic) {
    brief.order = Order::as_listed;
  }
}

namespace {

// A clip that stands in an inset is not also the film around it, unless it is asked for.
void settle_insets(Reading& reading) {
  Brief& brief = reading.brief;
  for (const std::string& id : reading.inset_sources) {
    auto uses = [&](const SpanWish& span) { return span.source == id; };
    const EditSource* source = find_source(reading.sources, id);
    if (!source || brief.every_source || std::ranges::any_of(brief.keep, uses) ||
        std::ranges::any_of(reading.named_sources, uses) || std::ranges::any_of(reading.only, uses) ||
        (brief.opening && uses(*brief.opening)) || (brief.ending && uses(*brief.ending)))
      continue;
    SpanWish out;
    out.source = id;
    out.end_s = source->analysis.source.duration_s;
    out.words = "only";
    brief.avoid.push_back(out);
  }
}

}  // namespace

void settle_kept(Reading& reading) {
  settle_insets(reading);
  Brief& brief = reading.brief;
  bool bounded = brief.length || brief.clips || brief.no_cuts || reading.shortens || brief.pace_asked ||
                 brief.cuts_per_minute;
  double kept = 0;
  for (const SpanWish& span : reading.only) kept += span.end_s - span.start_s;
  if (!reading.only.empty()) {
    add_complement(reading, reading.only);
    bool counted = brief.clips || brief.pace_asked || brief.cuts_per_minute || reading.shortens;
    if (brief.length && brief.length->max_s < kept - 0.05) {
      // A part of it: "5 s starting at 0:10" runs on from there, "only the first 10 s, 5 s" chooses.
      if (reading.start && !counted && brief.keep.empty()) {
        brief.opening = reading.start;
        brief.opening->end_s = std::min(reading.start->end_s, reading.start->start_s + 1);
        brief.no_cuts = true;
      }
    } else {
      brief.keep.insert(brief.keep.end(), reading.only.begin(), reading.only.end());
    }
    return;
  }
  if (brief.keep.empty()) return;
  auto listed_film = brief.keep;
  if (brief.opening) listed_film.push_back(*brief.opening);
  if (brief.ending) listed_film.push_back(*brief.ending);
  // "shot 3, then shot 1": a list of what is shown, not of what must not be missing.
  if (brief.order == Order::as_listed) return add_complement(reading, listed_film);
  // Nothing says how long or what else: "keep the first 5 seconds and the last 3" is the whole edit.
  auto within = [&](const std::optional<SpanWish>& span) {
    return !span || std::ranges::any_of(brief.keep, [&](const SpanWish& k) {
      return k.source == span->source && k.start_s <= span->start_s + 0.05 && k.end_s >= span->end_s - 0.05;
    });
  };
  bool all_within = std::ranges::all_of(brief.speeds, [&](const SpeedWish& w) { return within(w.span); }) &&
                    std::ranges::all_of(brief.effects, [&](const EffectWish& w) { return within(w.span); });
  if (!bounded && !reading.includes && brief.avoid.empty() && !brief.opening && !brief.ending &&
      !brief.every_source && all_within)
    add_complement(reading, brief.keep);
}

}  // namespace studio::goal
