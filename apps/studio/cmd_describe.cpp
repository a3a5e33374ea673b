// studio describe FORM: the program's own man page and shell completion, from its options as they are.
#include <algorithm>
#include <cstdio>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "commands.h"

namespace studio::cli {
namespace {

std::vector<const CLI::App*> commands_of(const CLI::App& program) {
  std::vector<const CLI::App*> out;
  for (const CLI::App* command : program.get_subcommands([](const CLI::App*) { return true; }))
    if (!command->get_group().empty()) out.push_back(command);  // no group: not for people
  return out;
}

std::vector<const CLI::Option*> flags_of(const CLI::App& command) {
  std::vector<const CLI::Option*> out;
  for (const CLI::Option* option : command.get_options())
    if (option->nonpositional() && !option->get_group().empty()) out.push_back(option);
  return out;
}

std::vector<const CLI::Option*> positionals_of(const CLI::App& command) {
  std::vector<const CLI::Option*> out;
  for (const CLI::Option* option : command.get_options())
    if (option->get_positional()) out.push_back(option);
  return out;
}

// "-o", "--output"
std::vector<std::string> names_of(const CLI::Option& option) {
  std::vector<std::string> out;
  for (const std::string& name : option.get_snames()) out.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) out.push_back("--" + name);
  return out;
}

bool takes_value(const CLI::Option& option) {
  return option.get_expected_max() > 0;
}

// What is written for its value: "FILE", and the words it may be when there is a closed set of them.
struct ValueForm {
  std::string name;
  std::vector<std::string> words;
  std::string range;  // "[0 - 256]"
};

// CLI11 tells both in one text: "TEXT:{draft,standard}", "INT:INT in [0 - 256]", "FILE".
ValueForm value_of(const CLI::Option& option) {
  const std::string told = option.get_type_name();
  ValueForm form{told.substr(0, told.find(':')), {}, ""};
  if (const auto range = told.find(" in ["); range != std::string::npos) form.range = told.substr(range + 4);
  const auto open = told.find('{');
  const auto close = told.find('}', open);
  if (open == std::string::npos || close == std::string::npos) return form;
  const std::string words = told.substr(open + 1, close - open - 1);
  for (std::size_t at = 0; at <= words.size();) {
    const auto comma = std::min(words.find(',', at), words.size());
    const std::string word = words.substr(at, comma - at);
    form.words.push_back(word.substr(0, word.find("->")));
    at = comma + 1;
  }
  if (form.name.empty() || form.name == "TEXT") form.name = "WORD";
  return form;
}

// --- man page (groff_man(7)) ---

std::string roff(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool line_start = i == 0 || text[i - 1] == '\n';
    if (line_start && (c == '.' || c == '\'')) out += "\\&";
    if (c == '-')
      out += "\\-";
    else if (c == '\\')
      out += "\\e";
    else
      out += c;
  }
  return out;
}

std::string man_option(const CLI::Option& option) {
  std::string head;
  for (const std::string& name : names_of(option))
    head += (head.empty() ? "" : ", ") + ("\\fB" + roff(name) + "\\fR");
  std::string body = roff(option.get_description());
  const auto add = [&body](const std::string& sentence) {
    if (!body.empty() && body.back() != '.' && body.back() != ')') body += ".";
    body += " " + roff(sentence);
  };
  if (takes_value(option)) {
    const ValueForm form = value_of(option);
    head += " \\fI" + roff(form.name) + "\\fR";
    if (!form.words.empty()) {
      std::string words;
      for (const std::string& word : form.words) words += (words.empty() ? "" : ", ") + word;
      add(fmt::format("One of {}.", words));
    }
    if (!form.range.empty()) add(fmt::format("Range: {}.", form.range));
    if (!option.get_default_str().empty()) add(fmt::format("Default: {}.", option.get_default_str()));
  }
  return ".TP\n" + head + "\n" + (body.empty() ? "\\&" : body) + "\n";
}

std::string man_synopsis(const CLI::App& command) {
  std::string out = "\\fBstudio " + roff(command.get_name()) + "\\fR";
  for (const CLI::Option* option : positionals_of(command)) {
    const std::string name = "\\fI" + roff(option->get_name(true)) + "\\fR";
    const std::string many = option->get_expected_max() > 1 ? name + " ..." : name;
    out += " " + (option->get_required() ? many : "[" + many + "]");
  }
  for (const CLI::Option* option : flags_of(command))
    if (option->get_required())
      out += " \\fB" + roff(names_of(*option).front()) + "\\fR \\fI" + roff(value_of(*option).name) + "\\fR";
  return out + " [\\fIoptions\\fR]";
}

std::string man_footer(const std::string& footer) {
  return footer.empty() ? "" : ".PP\n.nf\n" + roff(footer) + "\n.fi\n";
}

std::string man_page(const CLI::App& program) {
  std::string out =
      ".\\\" Written by `studio describe man`; do not edit.\n.TH STUDIO 1\n.SH NAME\nstudio \\- " +
      roff(program.get_description()) + "\n.SH SYNOPSIS\n";
  for (const CLI::App* command : commands_of(program)) out += man_synopsis(*command) + "\n.br\n";
  out += ".SH OPTIONS\n";
  for (const CLI::Option* option : flags_of(program)) out += man_option(*option);
  out += ".SH COMMANDS\n";
  for (const CLI::App* command : commands_of(program)) {
    out += ".SS studio " + roff(command->get_name()) + "\n" + roff(command->get_description()) + ".\n";
    for (const CLI::Option* option : positionals_of(*command))
      out += ".TP\n\\fI" + roff(option->get_name(true)) + "\\fR\n" + roff(option->get_description()) + "\n";
    for (const CLI::Option* option : flags_of(*command)) out += man_option(*option);
    for (const CLI::App* inner : commands_of(*command)) {
      std::string head = "\\fB" + roff(command->get_name() + " " + inner->get_name()) + "\\fR";
      for (const CLI::Option* option : positionals_of(*inner))
        head += " \\fI" + roff(option->get_name(true)) + "\\fR";
      out += ".TP\n" + head + "\n" + roff(inner->get_description()) + "\n";
    }
    out += man_footer(command->get_footer());
  }
  return out +
         ".SH EXIT STATUS\n.nf\n0    done\n1    failed: unreadable, missing or unsupported input, a full "
         "disk\n"
         "2    wrong use\n3    missing model or part\n4    quality threshold not reached, the best file is "
         "delivered\n"
         "130  interrupted\n.fi\n"
         ".SH FILES\n.TP\n\\fI$XDG_CACHE_HOME/animation\\-studio\\fR\nModels, engines and measured features; "
         "may be deleted.\n"
         ".SH ENVIRONMENT\n.TP\n\\fBSTUDIO_CONFIG_DIR\\fR\nWhere the configuration files are, instead of "
         "beside the program.\n";
}

// --- completion ---

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

std::string bash_completion(const CLI::App& program) {
  std::vector<std::string> names;
  for (const CLI::App* command : commands_of(program)) names.push_back(command->get_name());
  std::string out =
      "# bash completion for studio; written by `studio describe bash`.\n"
      "_studio() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
      "  COMPREPLY=()\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
      "    COMPREPLY=($(compgen -W '" +
      joined(names) +
      " --help --version' -- \"$word\"))\n"
      "    return\n"
      "  fi\n"
      "  case ${COMP_WORDS[1]} in\n";
  for (const CLI::App* command : commands_of(program)) {
    out += "    " + command->get_name() + ")\n";
    std::vector<std::string> flags;
    std::string values;
    for (const CLI::Option* option : flags_of(*command)) {
      const auto spelled = names_of(*option);
      flags.insert(flags.end(), spelled.begin(), spelled.end());
      const ValueForm form = value_of(*option);
      if (!takes_value(*option) || form.words.empty()) continue;
      std::string pattern;
      for (const std::string& name : spelled) pattern += (pattern.empty() ? "" : "|") + name;
      values += "        " + pattern + ") COMPREPLY=($(compgen -W '" + joined(form.words) +
                "' -- \"$word\")); return ;;\n";
    }
    if (!values.empty()) out += "      case $before in\n" + values + "      esac\n";
    for (const CLI::App* inner : commands_of(*command)) flags.push_back(inner->get_name());
    for (const CLI::Option* option : positionals_of(*command))
      if (const ValueForm form = value_of(*option); !form.words.empty())
        flags.insert(flags.end(), form.words.begin(), form.words.end());
    out += "      COMPREPLY=($(compgen -W '" + joined(flags) + "' -- \"$word\")) ;;\n";
  }
  return out +
         "  esac\n"
         "}\n"
         "complete -o default -F _studio studio\n";  // nothing of ours: file names
}

std::string quoted(std::string text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// In _arguments specifications brackets and colons have a meaning.
std::string zsh_text(std::string text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

std::string zsh_completion(const CLI::App& program) {
  std::string out =
      "#compdef studio\n# zsh completion for studio; written by `studio describe zsh`.\n_studio() {\n"
      "  if (( CURRENT == 2 )); then\n    local -a commands=(\n";
  for (const CLI::App* command : commands_of(program))
    out += "      " + quoted(command->get_name() + ":" + zsh_text(command->get_description())) + "\n";
  out +=
      "    )\n    _describe command commands\n    _arguments '--help[help]' '--version[version]'\n    "
      "return\n  fi\n"
      "  local command=$words[2]\n  shift words\n  (( CURRENT-- ))\n  case $command in\n";
  for (const CLI::App* command : commands_of(program)) {
    out += "    " + command->get_name() + ")\n      _arguments \\\n";
    for (const CLI::Option* option : flags_of(*command)) {
      const ValueForm form = value_of(*option);
      const std::string values = form.words.empty() ? "_files" : fmt::format("({})", joined(form.words));
      for (const std::string& name : names_of(*option)) {
        std::string spec = fmt::format("{}[{}]", name, zsh_text(option->get_description()));
        if (takes_value(*option)) spec += fmt::format(":{}:{}", zsh_text(form.name), values);
        out += "        " + quoted(spec) + " \\\n";
      }
    }
    out += "        '*:file:_files' ;;\n";
  }
  return out + "  esac\n}\n_studio \"$@\"\n";
}

std::string fish_completion(const CLI::App& program) {
  std::string out = "# fish completion for studio; written by `studio describe fish`.\n";
  for (const CLI::App* command : commands_of(program))
    out += fmt::format("complete -c studio -n __fish_use_subcommand -f -a {} -d {}\n", command->get_name(),
                       quoted(command->get_description()));
  for (const CLI::App* command : commands_of(program))
    for (const CLI::Option* option : flags_of(*command)) {
      std::string line =
          fmt::format("complete -c studio -n '__fish_seen_subcommand_from {}'", command->get_name());
      for (const std::string& name : option->get_snames()) line += " -s " + name;
      for (const std::string& name : option->get_lnames()) line += " -l " + name;
      if (takes_value(*option)) {
        const ValueForm form = value_of(*option);
        line += form.words.empty() ? " -r" : " -x -a " + quoted(joined(form.words));
      }
      out += line + " -d " + quoted(option->get_description()) + "\n";
    }
  return out;
}

}  // namespace

void add_describe(CLI::App& program, Chosen& chosen) {
  auto form = std::make_shared<std::string>();
  CLI::App* command = program.add_subcommand("describe", "Write the man page or a shell's completion");
  command->group("");  // for the installation, not for people
  command->add_option("form", *form, "What to write")
      ->required()
      ->check(CLI::IsMember({"man", "bash", "zsh", "fish"}));
  command->callback([form, &program, &chosen] {
    chosen.run = [form, &program](std::stop_token) {
      const std::string text = *form == "man"    ? man_page(program)
                               : *form == "bash" ? bash_completion(program)
                               : *form == "zsh"  ? zsh_completion(program)
                                                 : fish_completion(program);
      return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0 ? 0
                                                                                                         : 1;
    };
  });
}

}  // namespace studio::cli
