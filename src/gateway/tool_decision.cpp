// The model's odds and the request's own words, weighed.
#include "gateway/tool_decision.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include "gateway/call_bound.h"
#include "gateway/json_fields.h"

namespace studio {
namespace {

constexpr std::string_view kCallBegins = R"([{"name": ")", kSingleBegins = R"({"name": ")";

// ASCII, and the letters of Latin-1 in UTF-8 (C3 80 to C3 9E).
std::string lower(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x80)
      out += static_cast<char>(std::tolower(c));
    else if (i > 0 && static_cast<unsigned char>(text[i - 1]) == 0xC3 && c >= 0x80 && c <= 0x9E && c != 0x97)
      out += static_cast<char>(c + 0x20);
    else
      out += text[i];
  }
  return out;
}

// Words that stand in any request and so tell tools apart by chance only. English, Italian, German, French,
// Spanish.
bool says_nothing(std::string_view word) {
  static constexpr std::array kWords{
      "about", "all",    "and",    "any",    "are",  "can",   "could", "does", "for",    "from",  "give",
      "has",   "have",   "her",    "his",    "how",  "into",  "its",   "like", "make",   "many",  "more",
      "much",  "need",   "not",    "now",    "one",  "our",   "out",   "over", "please", "that",  "the",
      "their", "them",   "there",  "they",   "this", "two",   "use",   "want", "was",    "what",  "when",
      "where", "which",  "who",    "will",   "with", "would", "you",   "your", "che",    "chi",   "come",
      "con",   "cosa",   "dal",    "dalla",  "del",  "della", "dove",  "gli",  "nel",    "nella", "per",
      "quale", "quando", "quanti", "quanto", "sono", "una",   "uno",   "auf",  "das",    "dem",   "den",
      "der",   "des",    "die",    "ein",    "eine", "einen", "für",   "ich",  "ist",    "mit",   "und",
      "von",   "was",    "wie",    "wird",   "avec", "ces",   "dans",  "des",  "est",    "les",   "mes",
      "mon",   "par",    "pour",   "que",    "qui",  "sur",   "une",   "con",  "del",    "las",   "los",
      "para",  "por",    "una"};
  return std::ranges::find(kWords, word) != kWords.end();
}

// Of three letters and more; names in snake_case and camelCase are taken apart.
std::set<std::string> words_of(std::string_view text) {
  std::set<std::string> out;
  std::string word;
  const auto end = [&] {
    std::string low = lower(word);
    if (low.size() >= 3 && !says_nothing(low)) out.insert(std::move(low));
    word.clear();
  };
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool letter = std::isalnum(byte) || byte >= 0x80;
    if (letter && !word.empty() && std::isupper(byte) &&
        std::islower(static_cast<unsigned char>(word.back())))
      end();
    if (letter)
      word += c;
    else
      end();
  }
  end();
  return out;
}

// The same word, or two forms of one: "delete" and "deleted", "temperature" and "temperatura".
double likeness(std::string_view a, std::string_view b) {
  if (a == b) return 1;
  const auto shared = static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
  const std::size_t shorter = std::min(a.size(), b.size());
  if (shared >= 4 && 10 * shared >= 6 * shorter) return 0.8;
  return shorter >= 5 && (a.contains(b) || b.contains(a)) ? 0.8 : 0;
}

using Card = std::map<std::string, double>;  // a tool's words, and what each weighs

void add_words(Card& card, std::string_view text, double weight) {
  for (const std::string& word : words_of(text)) card[word] = std::max(card[word], weight);
}

Card card_of(const Json& tool) {
  Card card;
  add_words(card, text_of(tool, "name"), 1);
  add_words(card, text_of(tool, "description"), 0.7);
  const auto parameters = tool.find("parameters");
  if (parameters == tool.end() || !parameters->is_object() || !parameters->contains("properties"))
    return card;
  const Json& properties = (*parameters)["properties"];
  if (!properties.is_object()) return card;
  for (const auto& [name, schema] : properties.items()) {
    add_words(card, name, 0.6);
    if (!schema.is_object() || !schema.contains("enum") || !schema["enum"].is_array()) continue;
    for (const Json& value : schema["enum"])
      if (value.is_string()) add_words(card, value.get<std::string>(), 1);
  }
  return card;
}

double best_in(const Card& card, const std::string& word) {
  double best = 0;
  for (const auto& [own, weight] : card) best = std::max(best, weight * likeness(word, own));
  return best;
}

double in_common(const Card& card, const std::vector<Card>& all, const std::set<std::string>& words) {
  double sum = 0;
  for (const std::string& word : words) {
    const double own = best_in(card, word);
    if (own == 0) continue;
    const auto having = std::ranges::count_if(all, [&](const Card& one) { return best_in(one, word) > 0; });
    sum += own * std::log(1 + static_cast<double>(all.size()) / static_cast<double>(having));
  }
  return sum;
}

// Something to make an argument of: digits, a path, an address, a quotation, a name within a sentence.
bool names_something(std::string_view text) {
  bool sentence_begins = true;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find_first_of(" \n\t", at), text.size());
    std::string_view word = text.substr(at, end - at);
    at = end + 1;
    if (word.empty()) continue;
    const bool ends =
        word.ends_with('.') || word.ends_with('!') || word.ends_with('?') || word.ends_with(':');
    if (word.starts_with('"') || word.contains("\u201c") || word.contains("\u00ab")) return true;
    while (!word.empty() && std::string_view(".,!?;:'()").contains(word.back())) word.remove_suffix(1);
    if (word.find_first_of("0123456789/@_.") != std::string_view::npos) return true;
    if (!sentence_begins && word.size() > 1 && std::isupper(static_cast<unsigned char>(word.front())))
      return true;
    sentence_begins = ends;
  }
  return false;
}

struct Situation {
  std::string wish;              // the user's last words
  bool after_results = false;    // the last message is a tool's
  int results = 0;               // since those words
  std::set<std::string> called;  // since those words
  bool called_before = false;    // earlier in the conversation
};

Situation situation_of(const Json& messages) {
  Situation now;
  std::size_t last_user = 0;
  for (std::size_t i = 0; i < messages.size(); ++i)
    if (text_of(messages[i], "role") == "user") last_user = i;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const Json& message = messages[i];
    const std::string role = text_of(message, "role");
    const bool result = role == "tool" || role == "function";
    if (i == last_user && message.is_object() && message.contains("content")) {
      const Json& content = message["content"];
      if (content.is_string()) now.wish = content.get<std::string>();
      if (content.is_array())
        for (const Json& part : content) now.wish += text_of(part, "text");
    }
    if (result && i < last_user) now.called_before = true;
    if (i < last_user) continue;
    now.results += result;
    if (i + 1 == messages.size()) now.after_results = result;
    if (message.is_object() && message.contains("tool_calls") && message["tool_calls"].is_array())
      for (const Json& call : message["tool_calls"])
        if (call.is_object() && call.contains("function"))
          now.called.insert(text_of(call["function"], "name"));
    if (message.is_object() && message.contains("function_call"))
      now.called.insert(text_of(message["function_call"], "name"));
  }
  return now;
}

std::vector<Json> functions_of(const Json& request, const CompiledTools& tools) {
  std::vector<Json> out;
  for (const char* key : {"tools", "functions"})
    if (const auto list = request.find(key); list != request.end() && list->is_array())
      for (const Json& item : *list) {
        const Json& function = item.is_object() && item.contains("function") ? item["function"] : item;
        if (std::ranges::find(tools.names, text_of(function, "name")) != tools.names.end())
          out.push_back(function);
      }
  return out;
}

// A tool that can be called with nothing but a choice among given values asks for no words of the user's.
bool needs_text(const Json& tool) {
  const auto parameters = tool.find("parameters");
  if (parameters == tool.end() || !parameters->is_object()) return false;
  const Json& required = parameters->contains("required") ? (*parameters)["required"] : Json();
  if (!required.is_array() || !parameters->contains("properties")) return false;
  return std::ranges::any_of(required, [&](const Json& name) {
    if (!name.is_string()) return false;
    const auto found = (*parameters)["properties"].find(name.get<std::string>());
    return found != (*parameters)["properties"].end() && found->is_object() && !found->contains("enum") &&
           text_of(*found, "type") != "boolean";
  });
}

}  // namespace

std::string decision_request(const CompiledTools& tools) {
  if (!tools.constrained || !tools.text_allowed || tools.text_is_json || tools.names.empty()) return {};
  auto body = parse_json(tools.engine_request, "the compiled request");
  if (!body) return {};
  for (const char* key : {"response_format", "stream", "stream_options", "max_completion_tokens", "n"})
    body->erase(key);
  (*body)["messages"].push_back(
      {{"role", "assistant"}, {"content", tools.parallel ? kCallBegins : kSingleBegins}});
  (*body)["max_tokens"] = 1;
  (*body)["temperature"] = 0;
  (*body)["logprobs"] = true;
  (*body)["top_logprobs"] = 20;  // the most that OpenAI's API allows
  return to_text(*body, -1);
}

std::optional<NextTokens> next_tokens(const CompiledTools& tools, std::string_view answer) {
  const auto json = parse_json(answer, "the engine's answer");
  if (!json || !json->is_object()) return std::nullopt;
  const auto at = Json::json_pointer("/choices/0/logprobs/content/0/top_logprobs");
  if (!json->contains(at) || !(*json)[at].is_array()) return std::nullopt;
  NextTokens found;
  for (const Json& token : (*json)[at]) {
    std::string text = lower(text_of(token, "token"));
    text.erase(0, std::min(text.find_first_not_of(" \""), text.size()));
    if (text.empty() || !token.contains("logprob") || !token["logprob"].is_number()) continue;
    const double probability = std::exp(token["logprob"].get<double>());
    if (tools.words_name.starts_with(text))
      found.words += probability;
    else if (std::ranges::any_of(tools.names,
                                 [&](const std::string& n) { return lower(n).starts_with(text); }))
      found.tools += probability;
  }
  return found;
}

double words_in_common(const Json& tool, const std::vector<Json>& all, std::string_view text) {
  std::vector<Card> cards;
  for (const Json& one : all) cards.push_back(card_of(one));
  return in_common(card_of(tool), cards, words_of(text));
}

ToolOptions::Next decide_next(const Json& request, const CompiledTools& tools, const NextTokens& thought,
                              std::vector<std::string>& without) {
  using Next = ToolOptions::Next;
  const std::vector<Json> functions = functions_of(request, tools);
  if (functions.empty() || !request.contains("messages")) return Next::open;
  const Situation now = situation_of(request["messages"]);
  std::vector<Card> cards;
  for (const Json& function : functions) cards.push_back(card_of(function));
  const std::set<std::string> words = words_of(now.wish);
  double best = 0, best_called = 0, best_new = 0;
  for (std::size_t i = 0; i < functions.size(); ++i) {
    const double common = in_common(cards[i], cards, words);
    best = std::max(best, common);
    double& kind = now.called.contains(text_of(functions[i], "name")) ? best_called : best_new;
    kind = std::max(kind, common);
  }
  const double odds = std::log((thought.tools + 1e-3) / (thought.words + 1e-3));
  if (now.after_results) {
    // A step that is still to do: its tool fits the wish, and better than what was called.
    if (best_new > 1.3 && best_new > 1.3 * best_called && odds > -1) {
      without.assign(now.called.begin(), now.called.end());
      return Next::calls;
    }
    const bool more_wanted = calls_asked_for(now.wish, 8) > now.results;
    return more_wanted && odds > 0.5 ? Next::open : Next::words;
  }
  // It would write a tool that there is not: none of these fits.
  if (thought.tools < 0.05 && thought.words < 0.05 && best < 2) return Next::words;
  const bool something = names_something(now.wish);
  // Nothing in the words that any tool speaks of, and nothing to fill its arguments with.
  if (best == 0 && !something && std::ranges::all_of(functions, needs_text)) return Next::words;
  const double again = now.called_before && something ? 1 : 0;  // "And in Milan?"
  return odds + 0.5 * best + (something ? 0.5 : 0) + again > -0.4 ? Next::calls : Next::words;
}

}  // namespace studio
