// A person's note in plain words: what goes, what changes, what is wished for besides.
#include <algorithm>
#include <cctype>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "editing/patch_candidates.h"
#include "editing/planner.h"
#include "llm/chat.h"

namespace studio {
namespace {

std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// Does the word stand in the text as a word (not inside another)?
bool has_word(const std::string& text, std::string_view word) {
  const auto letter = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || (c & 0x80); };
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
    const bool starts = at == 0 || !letter(text[at - 1]);
    const bool ends = at + word.size() >= text.size() || !letter(text[at + word.size()]);
    if (starts && ends) return true;
  }
  return false;
}

bool any_word(const std::string& text, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(), [&](std::string_view w) { return has_word(text, w); });
}

std::string param(const Decision& d, const char* key) {
  const auto it = d.params.find(key);
  return it != d.params.end() && it->is_string() ? it->get<std::string>() : std::string();
}

// What a removal is about: the kinds of decision that words name.
struct Target {
  std::initializer_list<std::string_view> words;  // English, Italian
  bool (*is)(const Decision&);
  void (*from_brief)(Brief&);
};

const Target kTargets[] = {
    {{"title", "titles", "text", "texts", "titolo", "titoli", "testo", "testi", "scritta", "scritte"},
     [](const Decision& d) {
       return d.type == DecisionType::text_overlay && param(d, "kind") != "subtitles";
     },
     [](Brief& b) { b.texts.clear(); }},
    {{"caption", "captions", "meme", "didascalia", "didascalie"},
     [](const Decision& d) { return d.type == DecisionType::text_overlay && param(d, "kind") == "caption"; },
     [](Brief& b) { std::erase_if(b.texts, [](const TextWish& t) { return t.kind == "caption"; }); }},
    {{"subtitle", "subtitles", "sottotitolo", "sottotitoli"},
     [](const Decision& d) {
       return d.type == DecisionType::text_overlay && param(d, "kind") == "subtitles";
     },
     [](Brief& b) { b.subtitles.clear(); }},
    {{"music", "musica", "colonna sonora", "soundtrack"},
     [](const Decision& d) {
       return d.type == DecisionType::audio &&
              (param(d, "action") == "music" || param(d, "action") == "duck");
     },
     [](Brief& b) {
       std::erase_if(b.audio, [](const AudioWish& w) { return w.action == "music" || w.action == "duck"; });
     }},
    {{"sound effect", "sound effects", "sounds", "effetti sonori", "suoni"},
     [](const Decision& d) { return d.type == DecisionType::audio && param(d, "action") == "sound"; },
     [](Brief& b) { std::erase_if(b.audio, [](const AudioWish& w) { return w.action == "sound"; }); }},
    {{"transition", "transitions", "crossfade", "crossfades", "dissolve", "dissolves", "transizione",
      "transizioni", "dissolvenza", "dissolvenze"},
     [](const Decision& d) { return d.type == DecisionType::transition; },
     [](Brief& b) { b.transitions.clear(); }},
    {{"effect", "effects", "effetto", "effetti"},
     [](const Decision& d) { return d.type == DecisionType::effect; },
     [](Brief& b) { b.effects.clear(); }},
    {{"slow motion", "speed", "speed change", "ramp", "rallentatore", "velocità"},
     [](const Decision& d) { return d.type == DecisionType::speed; },
     [](Brief& b) { b.speeds.clear(); }},
    {{"split screen", "picture in picture", "inset", "riquadro", "schermo diviso"},
     [](const Decision& d) { return d.type == DecisionType::composite && param(d, "layout") != "frame"; },
     [](Brief& b) { b.composites.clear(); }},
};

bool says_remove(const std::string& note) {
  return any_word(note, {"remove",     "delete",    "drop",    "without", "no",       "take out", "take away",
                         "get rid of", "lose",      "cut out", "togli",   "togliere", "rimuovi",  "rimuovere",
                         "elimina",    "eliminare", "senza",   "leva",    "niente",   "via"});
}

bool says_anything_else(const std::string& clause) {
  return any_word(
      clause, {"add",      "put",    "use",   "make",    "with",   "keep",    "show",   "play",     "set",
               "change",   "end",    "start", "begin",   "fade",   "slow",    "faster", "in",       "more",
               "aggiungi", "metti",  "usa",   "con",     "tieni",  "fai",     "fallo",  "mantieni", "mostra",
               "più",      "cambia", "sfuma", "finisci", "inizia", "shorter", "longer", "slower"});
}

// The part of the note after which a removal word stands: "keep the music but remove the title".
std::vector<std::string> clauses_of(const std::string& note) {
  std::vector<std::string> clauses(1);
  std::string word;
  // "black and white", "bianco e nero" are one wish.
  const auto one_look = [&] {
    return (word == "and" || word == "e") &&
           (lowered(clauses.back()).ends_with("black") || lowered(clauses.back()).ends_with("bianco"));
  };
  const auto flush = [&] {
    if (one_look())
      clauses.back() += " " + word;
    else if (word == "but" || word == "and" || word == "then" || word == "ma" || word == "e" || word == "poi")
      clauses.emplace_back();
    else
      clauses.back() += (clauses.back().empty() ? "" : " ") + word;
    word.clear();
  };
  bool quoted = false;
  for (const char c : note) {
    if (c == '"') quoted = !quoted;
    if (!quoted && (c == ',' || c == ';' || c == '.' || c == '\n')) {
      flush();
      clauses.emplace_back();
    } else if (!quoted && c == ' ') {
      flush();
    } else {
      word += c;
    }
  }
  flush();
  std::erase_if(clauses, [](const std::string& clause) { return clause.empty(); });
  return clauses;
}

PatchStep removal(const Decision& d, const std::string& note) {
  PatchStep step;
  step.action = PatchAction::remove;
  step.target = d.id;
  step.reason = "note: " + note;
  step.origin = "person";
  return step;
}

// "remove the title", "senza musica", "drop the vignette", "remove shot 3"
std::optional<PatchCandidate> removals(const EditPlan& plan, const std::string& clause,
                                       const std::string& note, Brief& brief,
                                       std::span<const EditSource> sources) {
  if (!says_remove(clause)) return {};
  PatchCandidate candidate;
  candidate.id = "remove";
  candidate.gain = 1;
  std::set<std::string> gone;
  bool understood = false;
  const auto take = [&](const Decision& d) {
    if (gone.insert(d.id).second) candidate.steps.push_back(removal(d, note));
  };
  for (const Decision& d : plan.decisions) {
    // A thing by its own name: an effect's id, a decision's id, a text that is quoted.
    std::string name = param(d, "effect");
    std::replace(name.begin(), name.end(), '_', ' ');
    const std::string text = lowered(param(d, "text"));
    const bool quoted = !text.empty() && clause.find("\"" + text + "\"") != std::string::npos;
    if ((!name.empty() && has_word(clause, name)) || has_word(clause, lowered(d.id)) || quoted) {
      take(d);
      understood = true;
      std::erase_if(brief.effects, [&](const EffectWish& w) { return w.id == param(d, "effect"); });
      std::erase_if(brief.texts, [&](const TextWish& w) { return lowered(w.text) == text && !text.empty(); });
    }
  }
  if (!understood)
    for (const Target& target : kTargets) {
      if (!any_word(clause, target.words)) continue;
      understood = true;
      target.from_brief(brief);
      for (const Decision& d : plan.decisions)
        if (target.is(d)) take(d);
    }
  // Film that should go is read by the grammar of goals ("remove shot 3", "without the first 2 seconds").
  const Brief film = read_goal(clause, sources);
  for (const SpanWish& span : film.avoid) {
    brief.avoid.push_back(span);
    // Repair takes the film out; what is locked is named here, so that it is refused and said.
    for (const Decision& d : plan.decisions) {
      const double start = d.params.value("start_s", 0.0), end = d.params.value("end_s", 0.0);
      if (d.locked && d.type == DecisionType::cut && param(d, "source") == span.source &&
          start < span.end_s - 0.05 && end > span.start_s + 0.05)
        take(d);
    }
    std::erase_if(brief.keep, [&](const SpanWish& k) {
      return k.source == span.source && k.start_s < span.end_s && k.end_s > span.start_s;
    });
    understood = true;
  }
  if (!understood) return {};
  candidate.what = fmt::format("remove {} decision(s)", candidate.steps.size());
  return candidate;
}

// "Make the title blue": the colour of the texts that are there.
bool recolours(const std::string& clause, Brief& brief, std::span<const EditSource> sources) {
  if (brief.texts.empty() || clause.find('"') != std::string::npos ||
      !any_word(clause, {"title", "titles", "text", "texts", "caption", "captions", "letters", "titolo",
                         "titoli", "scritta", "scritte", "testo", "testi"}))
    return false;
  // The grammar of goals knows where a colour belongs, beside a text of any words.
  const Brief said = read_goal(clause + " title \"x\"", sources);
  if (said.texts.size() != 1 || said.texts.front().color.empty()) return false;
  for (TextWish& text : brief.texts) text.color = said.texts.front().color;
  return true;
}

// The comparatives of an editing room: they change what is there, rather than name a number.
bool comparatives(const std::string& clause, Brief& brief, const EditPlan& plan,
                  std::span<const EditSource> sources, bool& replan) {
  const double length = output_length_s(plan, sources);
  const auto set_length = [&](double seconds) {
    LengthWish wish;
    wish.target_s = std::max(1.0, seconds);
    wish.min_s = wish.target_s - 0.25;
    wish.max_s = wish.target_s + 0.25;
    brief.length = wish;
    brief.whole = false;
  };
  const bool much = any_word(clause, {"much", "lot", "molto", "way"}),
             little = any_word(clause, {"little", "bit", "slightly", "poco", "leggermente"});
  const double step = much ? 0.5 : little ? 0.88 : 0.75;
  if (any_word(clause, {"shorter", "più corto", "più breve", "accorcia", "accorcialo", "tighter", "shorten",
                        "trim it"})) {
    set_length(length * step);
    replan = true;
    return true;
  }
  if (any_word(clause, {"longer", "più lungo", "allunga", "allungalo", "lengthen", "extend"})) {
    set_length(length / step);
    replan = true;
    return true;
  }
  const auto shift_pace = [&](int by) {
    const int now = brief.pace == Pace::slow ? 0 : brief.pace == Pace::fast ? 2 : 1;
    const Pace paces[] = {Pace::slow, Pace::medium, Pace::fast};
    brief.pace = paces[std::clamp(now + by, 0, 2)];
    if (brief.cuts_per_minute) *brief.cuts_per_minute *= by > 0 ? 1.5 : 1 / 1.5;
    brief.pace_asked = true;
    if (!brief.length) set_length(length);  // the pace changes, the length stays
    replan = true;
  };
  if (any_word(clause, {"slower", "calmer", "più lento", "più calmo", "rallenta", "slow it down", "too fast",
                        "troppo veloce", "più lenta"})) {
    shift_pace(-1);
    return true;
  }
  if (any_word(clause,
               {"faster", "quicker", "snappier", "più veloce", "più rapido", "più ritmo", "velocizza",
                "speed it up", "too slow", "troppo lento", "livelier", "more energy", "più energia"})) {
    shift_pace(+1);
    return true;
  }
  return false;
}

// Wishes of the note over those of the plan: what the note says wins, what it does not say stays.
void merge(Brief& brief, const Brief& said, bool& replan) {
  if (said.length) brief.length = said.length, replan = true;
  if (said.pace_asked) brief.pace = said.pace, brief.pace_asked = true, replan = true;
  if (said.cuts_per_minute) brief.cuts_per_minute = said.cuts_per_minute, replan = true;
  if (said.style_asked || !said.style.empty())
    brief.style = said.style, brief.style_asked = true, replan = true;
  if (said.order != Order::automatic) brief.order = said.order, replan = true;
  if (said.opening) brief.opening = said.opening;
  if (said.ending) brief.ending = said.ending;
  if (said.clips) brief.clips = said.clips, replan = true;
  if (said.no_cuts) brief.no_cuts = true, replan = true;
  if (said.every_source) brief.every_source = true;
  if (said.frame) brief.frame = said.frame;
  if (!said.subtitles.empty()) brief.subtitles = said.subtitles;
  const auto append = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
  for (const SpanWish& keep : said.keep)
    std::erase_if(brief.avoid, [&](const SpanWish& a) {
      return a.source == keep.source && a.start_s < keep.end_s && a.end_s > keep.start_s;
    });
  append(brief.keep, said.keep);
  append(brief.avoid, said.avoid);
  // A title where one is takes its place: "change the title to X".
  for (const TextWish& text : said.texts) {
    std::erase_if(brief.texts,
                  [&](const TextWish& t) { return t.kind == text.kind && t.anchor == text.anchor; });
    brief.texts.push_back(text);
  }
  append(brief.speeds, said.speeds);
  append(brief.audio, said.audio);
  append(brief.effects, said.effects);
  append(brief.transitions, said.transitions);
  append(brief.composites, said.composites);
}

}  // namespace

std::vector<PatchCandidate> candidates_from_note(const EditPlan& plan, const std::string& note,
                                                 std::span<const EditSource> sources, ChatModel* model,
                                                 std::uint64_t seed, std::vector<std::string>& notes) {
  Brief brief = brief_of(plan, sources);
  const Json before = to_json(brief);
  const Brief old = brief;
  std::vector<PatchCandidate> out;
  bool replan = false, removing = false;
  std::string rest;  // what the grammar of goals shall read
  for (const std::string& original : clauses_of(note)) {
    const std::string clause = lowered(original);
    // "remove the title and the vignette": the second has no verb, so the first one's holds for it too.
    const bool goes_on = removing && !says_anything_else(clause);
    if (auto candidate = removals(plan, goes_on ? "remove " + clause : clause, note, brief, sources)) {
      out.push_back(*std::move(candidate));
      removing = true;
      continue;
    }
    removing = false;
    // A number makes it a plain wish ("10 seconds shorter" is read there too, when it can be).
    const bool numbers = std::any_of(clause.begin(), clause.end(),
                                     [](char c) { return std::isdigit(static_cast<unsigned char>(c)); });
    // "at half speed" in words is one as well.
    const bool counted = any_word(clause, {"half", "double", "twice", "triple", "quarter", "slow motion",
                                           "metà", "doppio", "doppia", "mezza", "rallentatore", "moviola"});
    if (recolours(clause, brief, sources)) continue;
    if (!numbers && !counted && comparatives(clause, brief, plan, sources, replan)) continue;
    rest += (rest.empty() ? "" : ", ") + original;
  }
  if (!rest.empty()) {
    const Brief said = read_goal(rest, sources);
    const Json plain = to_json(read_goal("", sources));
    if (to_json(said)["readings"] == plain["readings"] && out.empty() && !replan)
      notes.push_back(fmt::format("nothing in the note \"{}\" was understood as a wish", rest));
    merge(brief, said, replan);
  }
  if (to_json(brief) == before && out.empty()) return out;

  // A text that took another's place: the old decision goes.
  PatchCandidate changed;
  changed.id = "note";
  changed.gain = 1;
  changed.what = "change the wishes by the note";
  for (const TextWish& text : old.texts) {
    const bool stays = std::any_of(brief.texts.begin(), brief.texts.end(),
                                   [&](const TextWish& t) { return t.text == text.text; });
    if (stays) continue;
    for (const Decision& d : plan.decisions)
      if (d.type == DecisionType::text_overlay && param(d, "text") == text.text)
        if (std::none_of(out.begin(), out.end(), [&](const PatchCandidate& c) {
              return std::any_of(c.steps.begin(), c.steps.end(),
                                 [&](const PatchStep& s) { return s.target == d.id; });
            }))
          changed.steps.push_back(removal(d, note));
  }
  changed.brief = to_json(brief);
  if (replan) {
    // Length, pace, order and style are about the whole: the plan is made again under the changed brief, and
    // what differs becomes the patch. Locked decisions stay, whatever the new plan says.
    PlannerOptions options;
    options.mode = model ? PlannerMode::automatic : PlannerMode::rules;
    options.seed = seed;
    options.style = brief.style;
    auto planned = create_edit_plan(brief, sources, model, options);
    if (planned) {
      auto steps = steps_between(plan, planned->plan, "note: " + note, "person");
      changed.steps.insert(changed.steps.end(), steps.begin(), steps.end());
    } else {
      notes.push_back("the plan could not be made again for the note: " + planned.error().message);
    }
  }
  out.push_back(std::move(changed));
  return out;
}

}  // namespace studio
