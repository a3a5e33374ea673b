// Fades at the ends of the film, with their colours, and transitions between its pieces.
#include <algorithm>

#include <fmt/format.h>

#include "editing/goal_reader.h"

namespace studio::goal {
namespace {

enum class Edge { none, start, end, both };

struct Fade {
  Edge edge = Edge::none;
  std::string color;
  std::size_t last = 0;  // its last token
};

// "from white", "to black", "dal bianco", "in nero" right after a fade: the colour's place, and which way.
std::size_t color_after(const Reading& reading, const Clause& clause, std::size_t fade, Edge& says) {
  const auto& tokens = reading.tokens;
  Edge edge = Edge::none;
  for (std::size_t i = fade + 1; i < clause.end && i <= fade + 4; ++i) {
    const Token& token = tokens[i];
    if (token.is(W::color) && !token.used) {
      says = edge;
      return i;
    }
    if (token.is(W::from))
      edge = Edge::start;
    else if (token.is(W::to) || token.is(W::in))
      edge = Edge::end;
    else if (!token.is(W::the) && !token.is(W::a) && !token.is(W::at_start) && !token.is(W::at_end) &&
             !token.is(W::with))
      break;
  }
  return clause.end;
}

// What the words around a fade make of it; no edge: not a fade of the film's start or end.
Fade fade_at(Reading& reading, const Clause& clause, std::size_t i) {
  auto& tokens = reading.tokens;
  const Token& token = tokens[i];
  Fade fade{Edge::none, "", i};
  bool one_dissolve = token.is(W::transition) && token.raw.size() >= 11 && token.text == "crossfade" &&
                      (token.raw == "dissolvenza" || token.raw == "Dissolvenza");
  if (token.is(W::from_black)) fade = {Edge::start, "black", i};
  if (token.is(W::fade_black)) fade = {Edge::end, "black", i};
  if (token.is(W::fade_in)) fade.edge = token.text == "both" ? Edge::both : Edge::start;
  if (token.is(W::fade_out)) fade.edge = Edge::end;
  bool open_ended = one_dissolve || token.is(W::fade_word);
  if (fade.edge == Edge::none && !open_ended) return fade;
  Edge says = Edge::none;
  if (std::size_t c = color_after(reading, clause, i, says); c != clause.end) {
    fade.color = tokens[c].text;
    fade.last = c;
    if (open_ended) fade.edge = says;
  } else if (i > clause.begin && tokens[i - 1].is(W::color) && !tokens[i - 1].used) {  // "a white fade in"
    fade.color = tokens[i - 1].text;
    tokens[i - 1].used = true;
  }
  if (open_ended && fade.edge == Edge::none && token.is(W::fade_word)) {
    if (has(reading, clause, W::at_start)) fade.edge = Edge::start;
    if (has(reading, clause, W::at_end)) fade.edge = fade.edge == Edge::start ? Edge::both : Edge::end;
  }
  if (fade.edge != Edge::none)
    for (std::size_t j = i + 1; j <= fade.last; ++j) tokens[j].used = true;
  if (fade.color.empty()) fade.color = "black";
  return fade;
}

// "over 2 seconds", "of 2 s", "for half a second", "(1 s)"; the fade's, not the film's. 0: not said.
double fade_length(Reading& reading, const Clause& clause, std::size_t first, std::size_t last) {
  auto& tokens = reading.tokens;
  if (auto near = take_duration(reading, clause, first, true)) return *near;
  for (std::size_t i = last + 1; i < clause.end && i <= last + 4; ++i) {
    const Token& token = tokens[i];
    if (token.is(W::duration) && !token.used) {
      tokens[i].used = true;
      return token.value;
    }
    bool leads = token.text == "over" || token.is(W::of) || token.is(W::for_) || token.is(W::long_word) ||
                 token.is(W::in) || token.is(W::the) || token.is(W::about) || token.is(W::at_start) ||
                 token.is(W::at_end) || token.is(W::a);
    if (!leads) break;
  }
  if (std::size_t s = find_span(reading, clause); s != clause.end) {
    const SpanGroup& group = reading.groups[static_cast<std::size_t>(tokens[s].value)];
    if (group.last_s || group.first_s) {
      tokens[s].used = true;
      return group.last_s ? *group.last_s : *group.first_s;
    }
  }
  return 0;
}

bool between_pieces(const Reading& reading, const Clause& clause) {
  for (std::size_t j = clause.begin; j < clause.end; ++j) {
    const Token& token = reading.tokens[j];
    if ((token.is(W::between) || token.is(W::each) || token.is(W::every)) && !token.used) return true;
  }
  return false;
}

void add_edge(Reading& reading, bool opens, const std::string& color, double duration_s, bool with_sound) {
  TransitionWish wish{color == "white" ? "fade_white" : "fade_black", opens ? "start" : "end", duration_s,
                      color == "white" || color == "black" ? "" : color};
  reading.brief.transitions.push_back(std::move(wish));
  if (with_sound) reading.brief.audio.push_back({opens ? "fade_in" : "fade_out", duration_s, "", {}, {}, {}});
  reading.brief.readings.push_back(
      fmt::format("fade {} {} over {:g} s", opens ? "in from" : "out to", color, duration_s));
}

}  // namespace

void read_fades(Reading& reading, const Clause& clause) {
  auto& tokens = reading.tokens;
  for (std::size_t i = clause.begin; i < clause.end; ++i) {
    Token& token = tokens[i];
    if (token.used) continue;
    Fade fade = fade_at(reading, clause, i);
    if (fade.edge == Edge::none) continue;
    token.used = true;
    if (negated(reading, clause, i)) {
      reading.brief.readings.push_back("no fade");
      continue;
    }
    double said = fade_length(reading, clause, i, fade.last), duration = said > 0 ? said : 1.0;
    bool sound_only = token.text == "sound" ||
                      ((token.is(W::fade_out) || token.is(W::fade_in)) &&
                       (has(reading, clause, W::sound_noun) || has(reading, clause, W::music_noun)));
    if (sound_only) {
      for (const char* action : {"fade_in", "fade_out"})
        if (fade.edge == Edge::both || (fade.edge == Edge::start) == (action == std::string_view("fade_in")))
          reading.brief.audio.push_back({action, duration, "", {}, {}, {}});
      for (std::size_t j = clause.begin; j < clause.end; ++j)
        if (tokens[j].is(W::sound_noun) || tokens[j].is(W::music_noun)) tokens[j].used = true;
      reading.brief.readings.push_back("fade of the sound");
      continue;
    }
    if (fade.edge == Edge::end && between_pieces(reading, clause)) {
      bool white = fade.color == "white";
      reading.brief.transitions.push_back(
          {white ? "fade_white" : "fade_black", "between", said > 0 ? said : 0.6, ""});
      reading.brief.readings.push_back("transitions through " + std::string(white ? "white" : "black"));
      continue;
    }
    // "Fade to black" says what the picture does; "fade out" is for the ear as well.
    bool with_sound = token.is(W::fade_out) || token.is(W::fade_in);
    if (fade.edge != Edge::end) add_edge(reading, true, fade.color, duration, with_sound);
    if (fade.edge != Edge::start) add_edge(reading, false, fade.color, duration, with_sound);
    for (std::size_t j = clause.begin; j < clause.end; ++j)  // where it stands is spent
      if ((tokens[j].is(W::at_end) && fade.edge != Edge::start) ||
          (tokens[j].is(W::at_start) && fade.edge != Edge::end))
        tokens[j].used = true;
  }
}

void read_transitions(Reading& reading, const Clause& clause) {
  auto& tokens = reading.tokens;
  for (std::size_t i = clause.begin; i < clause.end; ++i) {
    Token& token = tokens[i];
    if (token.used || !token.is(W::transition)) continue;
    token.used = true;
    if (negated(reading, clause, i)) {
      reading.brief.readings.push_back("no " + token.text);
      continue;
    }
    double duration = fade_length(reading, clause, i, i);
    reading.brief.transitions.push_back({token.text, "between", duration > 0 ? duration : 0.5, ""});
    reading.brief.readings.push_back("transitions: " + token.text);
  }
}

}  // namespace studio::goal
