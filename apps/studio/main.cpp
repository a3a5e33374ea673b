// The studio program: one word per job. Options in, values and exit codes out.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "commands.h"
#include "console.h"

#ifndef STUDIO_VERSION
#define STUDIO_VERSION "unknown"
#endif

namespace {

// How many letters must be added, left out or replaced to get from one word to the other (Levenshtein).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i] != b[j]);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

// With the command that was meant, where one is near.
std::string no_such_command(const CLI::App& program, std::string_view word) {
  std::string out = fmt::format("there is no command '{}'", word);
  std::size_t nearest = std::min<std::size_t>(3, word.size() / 2 + 1);
  std::string meant;
  for (const CLI::App* command : program.get_subcommands({}))
    if (const auto away = distance(word, command->get_name()); away < nearest) {
      nearest = away;
      meant = fmt::format("; did you mean '{}'?", command->get_name());
    }
  return out + meant;
}

// What was wrong, naming a word that is no command rather than the command that is missing.
std::string complaint(const CLI::App& program, const CLI::ParseError& error, const char* first_word) {
  if (!program.get_subcommands().empty()) return error.what();
  if (first_word == nullptr) return "say what to do: a command is missing";
  return first_word[0] == '-' ? error.what() : no_such_command(program, first_word);
}

// 2 for wrong use, whatever CLI11's own number for it is.
int report_parse(const CLI::App& program, const CLI::ParseError& error, const char* first_word) {
  if (error.get_exit_code() == 0) return program.exit(error);
  std::fprintf(stderr, "studio: %s\n  see: studio", complaint(program, error, first_word).c_str());
  for (const CLI::App* command : program.get_subcommands())
    std::fprintf(stderr, " %s", command->get_name().c_str());
  std::fprintf(stderr, " --help\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace studio::cli;
  const Interrupts interrupts;  // first: a Ctrl-C while options are read ends as any other does
  ::setenv("SVT_LOG", "1", 0);  // the AV1 encoder's greeting: stderr belongs to the person
  CLI::App program{"Watch, edit and judge film with AI on this machine.", "studio"};
  program.set_version_flag("--version", "studio " STUDIO_VERSION);
  program.require_subcommand(1);
  program.footer(
      "Example:\n"
      "  studio auto-edit clip.mp4 --goal \"funny 15 s highlight reel\" -o out.mp4\n"
      "\n"
      "Exit codes: 0 done, 1 failed, 2 wrong use, 3 missing model or part,\n"
      "            4 quality threshold not reached, 130 interrupted.\n"
      "'studio COMMAND --help' tells a command's options.");
  Chosen chosen;
  add_auto_edit(program, chosen);
  add_analyze(program, chosen);
  add_plan(program, chosen);
  add_render(program, chosen);
  add_evaluate(program, chosen);
  add_improve(program, chosen);
  add_parody(program, chosen);
  add_list(program, chosen);
  add_models(program, chosen);
  add_serve(program, chosen);
  add_status(program, chosen);
  add_logs(program, chosen);
  add_leases(program, chosen);
  add_keys(program, chosen);
  add_describe(program, chosen);
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return report_parse(program, error, argc > 1 ? argv[1] : nullptr);
  }
  try {
    return chosen.run ? chosen.run(interrupts.token()) : 2;
  } catch (const std::exception& error) {
    // Rooms return errors as values; what arrives here is our bug or an exhausted machine.
    std::fprintf(stderr, "studio: internal error: %s\n  please report this with the command you ran\n",
                 error.what());
    return 1;
  }
}
