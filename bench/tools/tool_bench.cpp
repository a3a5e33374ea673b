// Function calling, measured: the engine's own parser beside ours, on the cases of cases.json and
// held_out.json.
//
//   tool_bench URL [--model NAME] [--split tune|check] [--kind K,K] [--only ours|engine] [--seconds S]
//   [--cases FILE] [-v]
//
// URL is an engine's address (http://127.0.0.1:9000, unix:/path.sock). Prints the share of right answers by
// kind.
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "gateway/tool_decision.h"
#include "gateway/tools.h"
#include "net/http.h"

using studio::Json;

namespace {

struct Options {
  studio::Endpoint endpoint;
  std::string model = "m", split, kinds, only;
  std::vector<std::string> files{STUDIO_TOOL_CASES "/cases.json", STUDIO_TOOL_CASES "/more_cases.json",
                                 STUDIO_TOOL_CASES "/held_out.json"};
  int seconds = 120;
  bool verbose = false;
};

struct Call {
  std::string name;
  Json arguments;
};

struct Answer {
  std::vector<Call> calls;
  std::string words, problem;
  int prompt_tokens = 0, completion_tokens = 0, asked = 0;
};

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

bool matches(const Json& want, const Json& got);

bool matches_object(const Json& want, const Json& got) {
  if (want.contains("$any")) return true;
  if (want.contains("$optional")) return matches(want["$optional"], got);
  if (want.contains("$one_of")) {
    for (const Json& one : want["$one_of"])
      if (matches(one, got)) return true;
    return false;
  }
  if (want.contains("$contains")) {
    if (!got.is_string()) return false;
    for (const Json& part : want["$contains"])
      if (!lower(got.get<std::string>()).contains(lower(part.get<std::string>()))) return false;
    return true;
  }
  if (!got.is_object()) return false;
  for (const auto& [key, value] : want.items()) {
    const bool optional = value.is_object() && value.contains("$optional");
    if (!got.contains(key) ? !optional : !matches(value, got[key])) return false;
  }
  for (const auto& [key, value] : got.items())
    if (!want.contains(key)) return false;
  return true;
}

bool matches(const Json& want, const Json& got) {
  if (want.is_object()) return matches_object(want, got);
  if (want.is_array()) {
    if (!got.is_array() || want.size() != got.size()) return false;
    for (std::size_t i = 0; i < want.size(); ++i)
      if (!matches(want[i], got[i])) return false;
    return true;
  }
  if (want.is_number() && got.is_number()) return std::abs(want.get<double>() - got.get<double>()) < 1e-9;
  return want == got;
}

bool is_right(const Json& test, const Answer& answer) {
  if (!answer.problem.empty()) return false;
  if (!test.contains("calls")) {
    if (!answer.calls.empty() || answer.words.find_first_not_of(" \n") == std::string::npos) return false;
    for (const Json& wanted : test["text"]) {  // "a|b": either
      bool found = false;
      std::string rest = wanted.get<std::string>() + "|";
      for (std::size_t bar; (bar = rest.find('|')) != std::string::npos; rest.erase(0, bar + 1))
        found = found || lower(answer.words).contains(lower(rest.substr(0, bar)));
      if (!found) return false;
    }
    return true;
  }
  if (answer.calls.size() != test["calls"].size()) return false;
  std::vector<bool> used(answer.calls.size());
  for (const Json& want : test["calls"]) {
    bool found = false;
    for (std::size_t i = 0; i < answer.calls.size() && !found; ++i) {
      found = !used[i] && want["name"] == answer.calls[i].name &&
              matches(want["arguments"], answer.calls[i].arguments);
      if (found) used[i] = true;
    }
    if (!found) return false;
  }
  return true;
}

void read_answer(const Json& body, Answer& answer) {
  const Json& message = body["choices"][0]["message"];
  if (message.contains("content") && message["content"].is_string()) answer.words = message["content"];
  if (message.contains("tool_calls") && message["tool_calls"].is_array())
    for (const Json& call : message["tool_calls"]) {
      const auto arguments =
          studio::parse_json(call["function"]["arguments"].get<std::string>(), "arguments");
      answer.calls.push_back({call["function"]["name"], arguments ? *arguments : Json()});
    }
  if (body.contains("usage")) {
    answer.prompt_tokens += body["usage"].value("prompt_tokens", 0);
    answer.completion_tokens += body["usage"].value("completion_tokens", 0);
  }
}

studio::Result<std::string> post(const Options& options, const std::string& body) {
  studio::HttpRequest request;
  request.method = "POST";
  request.endpoint = options.endpoint;
  request.path = "/v1/chat/completions";
  request.headers = {{"Content-Type", "application/json"}};
  request.body = body;
  request.timeout = std::chrono::seconds(options.seconds);
  TRY_ASSIGN(auto response, studio::send_http(request));
  if (response.status != 200)
    return studio::fail(studio::ErrorKind::engine_failed,
                        fmt::format("{}: {}", response.status, response.body.substr(0, 200)));
  return response.body;
}

studio::Result<void> ask_engine(const Options& options, const Json& request, Answer& answer) {
  ++answer.asked;
  TRY_ASSIGN(const std::string body, post(options, studio::to_text(request, -1)));
  TRY_ASSIGN(const Json json, studio::parse_json(body, "the answer"));
  read_answer(json, answer);
  return {};
}

studio::Result<void> ask_ours(const Options& options, const Json& request, Answer& answer) {
  studio::ToolOptions tool_options{.ask_again = true};
  TRY_ASSIGN(const auto first, studio::compile_tools(request, tool_options));
  if (const std::string question = studio::decision_request(*first); !question.empty()) {
    ++answer.asked;
    TRY_ASSIGN(const std::string body, post(options, question));
    if (const auto thought = studio::next_tokens(*first, body))
      tool_options.next = studio::decide_next(request, *first, *thought, tool_options.without);
  }
  for (int round = 0; round < 3; ++round) {
    TRY_ASSIGN(const auto tools, studio::compile_tools(request, tool_options));
    ++answer.asked;
    TRY_ASSIGN(const std::string body, post(options, tools->engine_request));
    std::vector<std::string> repeated;
    TRY_ASSIGN(const std::string text, studio::answer_from(*tools, body, &repeated));
    TRY_ASSIGN(const Json json, studio::parse_json(text, "the answer"));
    read_answer(json, answer);
    if (repeated.empty()) return {};
    tool_options.without.insert(tool_options.without.end(), repeated.begin(), repeated.end());
  }
  return {};
}

std::string told(const Answer& answer) {
  if (!answer.problem.empty()) return "error: " + answer.problem;
  std::string out;
  for (const Call& call : answer.calls)
    out += fmt::format("{}{} ", call.name, studio::to_text(call.arguments, -1));
  return out.empty() ? "\"" + answer.words.substr(0, 120) + "\"" : out;
}

// One set of tools by its name, or several together.
Json tools_of(const Json& document, const Json& names) {
  if (names.is_string()) return document["tools"][names.get<std::string>()];
  Json all = Json::array();
  for (const Json& name : names)
    for (const Json& tool : document["tools"][name.get<std::string>()]) all.push_back(tool);
  return all;
}

struct Score {
  int right = 0, all = 0;
};

void run(const Options& options, const Json& document, bool ours) {
  std::map<std::string, Score> by_kind;
  Score total;
  Answer sums;
  const auto start = std::chrono::steady_clock::now();
  for (const Json& test : document["cases"]) {
    const std::string kind = test["kind"], id = test["id"];
    if (!options.split.empty() && test["split"] != options.split) continue;
    if (!options.kinds.empty() && !("," + options.kinds + ",").contains("," + kind + ",")) continue;
    Json request{{"model", options.model},
                 {"messages", test["messages"]},
                 {"tools", tools_of(document, test["tools"])},
                 {"temperature", 0},
                 {"max_tokens", 200}};
    for (const char* key : {"tool_choice", "parallel_tool_calls"})
      if (test.contains(key)) request[key] = test[key];
    if (!request.contains("parallel_tool_calls")) request["parallel_tool_calls"] = true;
    Answer answer;
    if (const auto done = ours ? ask_ours(options, request, answer) : ask_engine(options, request, answer);
        !done)
      answer.problem = done.error().message;
    const bool right = is_right(test, answer);
    for (Score* score : {&by_kind[kind], &total}) {
      score->right += right;
      ++score->all;
    }
    sums.prompt_tokens += answer.prompt_tokens;
    sums.completion_tokens += answer.completion_tokens;
    sums.asked += answer.asked;
    if (options.verbose && !right) fmt::print("  {} {}: {}\n", ours ? "ours" : "engine", id, told(answer));
    std::fflush(stdout);
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  fmt::print("{:<14} {:3}/{:<3} {:3.0f}%  ", ours ? "ours" : "engine's own", total.right, total.all,
             total.all ? 100.0 * total.right / total.all : 0);
  for (const auto& [kind, score] : by_kind) fmt::print(" {} {}/{}", kind, score.right, score.all);
  fmt::print("\n{:<14} {} requests, {} prompt and {} completion tokens, {:.0f} s\n", "", sums.asked,
             sums.prompt_tokens, sums.completion_tokens, seconds.count());
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto next = [&] { return i + 1 < argc ? std::string(argv[++i]) : std::string(); };
    if (word == "--model")
      options.model = next();
    else if (word == "--split")
      options.split = next();
    else if (word == "--kind")
      options.kinds = next();
    else if (word == "--only")
      options.only = next();
    else if (word == "--cases")
      options.files = {next()};
    else if (word == "--seconds")
      options.seconds = std::stoi(next());
    else if (word == "-v")
      options.verbose = true;
    else if (const auto endpoint = studio::Endpoint::parse(word))
      options.endpoint = *endpoint;
  }
  if (options.endpoint.base_url.empty()) {
    fmt::print(
        stderr,
        "usage: tool_bench URL [--model NAME] [--split tune|check] [--kind K,K] [--only ours|engine] [-v]\n");
    return 2;
  }
  for (const std::string& file : options.files) {
    const auto document = studio::read_json_file(file);
    if (!document) {
      fmt::print(stderr, "error: {}\n", document.error().message);
      return 1;
    }
    fmt::print("{}:\n", std::filesystem::path(file).filename().string());
    if (options.only != "ours") run(options, *document, false);
    if (options.only != "engine") run(options, *document, true);
  }
  return 0;
}
