// studio logs: the log of the server or of one engine, followed through its rotation.
#include <fstream>
#include <thread>

#include <sys/stat.h>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "console.h"
#include "models/catalog.h"
#include "server_client.h"

namespace studio::cli {
namespace {

using namespace std::chrono_literals;

struct Options {
  CommonOptions common;
  ServerChoice server;
  std::string name;
  int lines = 40;
  bool follow = false;
};

Path logs_folder() {
  return cache_folder() / "logs";
}

std::vector<std::string> log_names() {
  std::vector<std::string> names;
  std::error_code ec;
  for (const auto& item : std::filesystem::directory_iterator(logs_folder(), ec))
    if (item.path().extension() == ".log") names.push_back(item.path().stem().string());
  std::ranges::sort(names);
  return names;
}

// By an alias the log is its model's.
std::string model_id(const std::string& name) {
  const auto catalog = ModelCatalog::load();
  const auto entry = catalog ? catalog->entry(name) : std::unexpected(catalog.error());
  return entry ? entry->id : name;
}

// The server's word for where a model's log is, where one runs.
std::optional<Path> log_of_model(const Options& options) {
  const auto server = find_server(options.server);
  if (!server) return std::nullopt;
  if ((options.name == "server" || options.name == "gateway") && !server->log.empty()) return server->log;
  const auto answer = server_models(*server, options.server);
  if (!answer) return std::nullopt;
  for (const Json& model : (*answer)["models"])
    if (model.is_object() && model.value("id", "") == options.name && model.contains("log") &&
        model["log"].is_string() && !model["log"].get<std::string>().empty())
      return Path(model["log"].get<std::string>());
  return std::nullopt;
}

Result<Path> find_log(const Options& options) {
  std::error_code ec;
  if (const auto told = log_of_model(options); told && std::filesystem::exists(*told, ec)) return *told;
  // Also without a server: by the file's name, or by the model's at its end ("llama-server-<model>").
  std::vector<std::string> found;
  const std::string wanted = options.name == "server" ? "serve" : options.name;
  for (const std::string& name : log_names()) {
    if (name == wanted) return logs_folder() / (name + ".log");
    if (name.ends_with("-" + options.name)) found.push_back(name);
  }
  if (found.size() == 1) return logs_folder() / (found.front() + ".log");
  return fail(ErrorKind::not_found, fmt::format("find the log of {}: there is none", options.name),
              log_names().empty() ? "logs are written once an engine has started"
                                  : fmt::format("there are {}", fmt::join(log_names(), ", ")));
}

// Where the last `lines` lines begin. Reads backwards: a log may be large.
std::streamoff start_of_last(std::ifstream& in, std::streamoff size, int lines) {
  constexpr std::streamoff kBlock = 64 * 1024;
  std::string block;
  int seen = 0;
  for (std::streamoff end = size; end > 0;) {
    const std::streamoff begin = std::max<std::streamoff>(0, end - kBlock);
    block.resize(static_cast<std::size_t>(end - begin));
    in.seekg(begin);
    in.read(block.data(), static_cast<std::streamsize>(block.size()));
    for (std::streamoff i = end - begin - 1; i >= 0; --i)
      if (block[static_cast<std::size_t>(i)] == '\n' && begin + i != size - 1 && ++seen == lines)
        return begin + i + 1;
    end = begin;
  }
  return 0;
}

// Copies to stdout from `at` on; false once nobody reads it any more.
bool copy_from(std::ifstream& in, std::streamoff& at) {
  char block[64 * 1024];
  in.clear();
  in.seekg(at);
  while (true) {
    in.read(block, sizeof block);
    const auto n = in.gcount();
    if (n <= 0) break;
    at += n;
    if (std::fwrite(block, 1, static_cast<std::size_t>(n), stdout) != static_cast<std::size_t>(n))
      return false;
  }
  return std::fflush(stdout) == 0;
}

ino_t number_of(const Path& file) {
  struct stat status{};
  return ::stat(file.c_str(), &status) == 0 ? status.st_ino : 0;
}

Result<Outcome> run(const Options& options, std::stop_token stop) {
  if (options.name.empty()) {
    const auto names = log_names();
    for (const std::string& name : names) print(options.common, name + "\n");
    return Outcome::with({{"schema", "studio.logs/1"}, {"folder", logs_folder().string()}, {"names", names}});
  }
  Options asked = options;
  asked.name = model_id(options.name);
  TRY_ASSIGN(const Path file, find_log(asked));
  std::ifstream in(file, std::ios::binary);
  std::error_code ec;
  auto size = static_cast<std::streamoff>(std::filesystem::file_size(file, ec));
  std::streamoff at = start_of_last(in, size, options.lines);
  Json document = {{"schema", "studio.logs/1"}, {"folder", logs_folder().string()}, {"file", file.string()}};
  if (options.common.json == "-") {  // stdout is the document's
    in.seekg(at);
    document["text"] = std::string(std::istreambuf_iterator<char>(in), {});
    return Outcome::with(std::move(document));
  }
  bool read = copy_from(in, at);
  for (ino_t open = number_of(file); options.follow && read && !stop.stop_requested();) {
    std::this_thread::sleep_for(100ms);
    read = copy_from(in, at);
    // Rotated or begun anew: the rest of the old one is read, then the new one from its beginning.
    const ino_t now = number_of(file);
    size = static_cast<std::streamoff>(std::filesystem::file_size(file, ec));
    if (now == 0 || ec) continue;
    if (now != open || size < at) {
      in = std::ifstream(file, std::ios::binary);
      open = now;
      at = 0;
    }
  }
  return Outcome::with(std::move(document));
}

}  // namespace

void add_logs(CLI::App& program, Chosen& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* command = program.add_subcommand("logs", "The log of a model's engine, or of the server");
  command->add_option("name", options->name, "A model's id, a log's name, or server; nothing lists them")
      ->type_name("NAME");
  command->add_flag("-f,--follow", options->follow, "Go on as it is written, until Ctrl-C");
  command->add_option("-n,--lines", options->lines, "How many of the last lines (40)")
      ->check(CLI::Range(1, 1'000'000))
      ->type_name("N");
  add_server_options(*command, options->server);
  add_common_options(*command, options->common);
  command->footer("Example: studio logs -f qwen2.5-coder-0.5b");
  command->callback([options, &chosen] {
    chosen.run = [options](std::stop_token stop) {
      return conclude(options->common, [&] { return run(*options, stop); });
    };
  });
}

}  // namespace studio::cli
