// studio keys: who may use the server. Works on the keys' file, so also before a server runs.
#include <algorithm>
#include <ctime>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "console.h"
#include "gateway/config.h"
#include "gateway/keys.h"
#include "server_client.h"

namespace studio::cli {
namespace {

struct Options {
  CommonOptions common;
  Path config;
  NewKey key;
  std::string id;
  double days = 0;
};

using Action = Result<Outcome> (*)(KeyStore&, const Options&);

Result<Outcome> list(KeyStore& keys, const Options& options) {
  Json all = Json::array();
  std::vector<ApiKey> known = keys.list();
  std::ranges::stable_sort(known, {}, &ApiKey::name);
  for (const ApiKey& key : known) {
    all.push_back(key_json(key));
    const bool expired = key.expires_at > 0 && key.expires_at < std::time(nullptr);
    print(options.common, fmt::format("{:<16} ...{:<5} {:<20} {:<20} {}\n", key.id, key.hint, key.name,
                                      fmt::format("{}", fmt::join(key.scopes, ",")),
                                      key.revoked ? "revoked"
                                      : expired   ? "expired"
                                                  : "valid"));
  }
  return Outcome::with({{"schema", "studio.keys/1"}, {"keys", std::move(all)}});
}

Result<Outcome> make(KeyStore& keys, const Options& options) {
  NewKey wish = options.key;
  wish.lifetime = std::chrono::seconds(static_cast<std::int64_t>(options.days * 86'400));
  TRY_ASSIGN(const KeyStore::Made made, keys.make(wish));
  tell_server();
  print(options.common, made.secret + "\n");
  say(options.common, "this is shown once; only its hash is kept");
  Json document = key_json(made.key);
  document["secret"] = made.secret;
  return Outcome::with(std::move(document));
}

Result<Outcome> revoke(KeyStore& keys, const Options& options) {
  TRY(keys.revoke(options.id));
  tell_server();
  return Outcome::with({{"schema", "studio.keys/1"}, {"revoked", options.id}});
}

CLI::App* add(CLI::App& keys, Chosen& chosen, const char* name, const char* description,
              const std::shared_ptr<Options>& options, Action action) {
  CLI::App* command = keys.add_subcommand(name, description);
  command->add_option("--config", options->config, "The gateway's configuration (its keys.file)")
      ->type_name("FILE");
  add_common_options(*command, options->common);
  command->callback([options, action, &chosen] {
    chosen.run = [options, action](std::stop_token) {
      return conclude(options->common, [&]() -> Result<Outcome> {
        TRY_ASSIGN(const GatewayConfig config, read_gateway_config(options->config));
        KeyStoreOptions where;
        where.file = config.keys.file.empty() ? data_folder() / "keys.db" : config.keys.file;
        TRY_ASSIGN(const auto store, KeyStore::open(where));
        return action(*store, *options);
      });
    };
  });
  return command;
}

}  // namespace

void add_keys(CLI::App& program, Chosen& chosen) {
  CLI::App* keys = program.add_subcommand("keys", "API keys of the server: list, add, revoke");
  keys->require_subcommand(1);
  add(*keys, chosen, "list", "Every key, without its secret", std::make_shared<Options>(), list);
  auto made = std::make_shared<Options>();
  CLI::App* command = add(*keys, chosen, "add", "Make a key; its secret is printed once", made, make);
  command->add_option("name", made->key.name, "What to call it")->required()->type_name("NAME");
  command->add_option("--scope", made->key.scopes, "inference, admin, metrics or *; several (inference)")
      ->check(CLI::IsMember({"inference", "admin", "metrics", "*"}))
      ->type_name("SCOPE");
  command->add_option("--model", made->key.models, "Only these models; several (all)")->type_name("MODEL");
  command->add_option("--requests-per-minute", made->key.limits.requests_per_minute, "0: no limit (0)")
      ->check(CLI::Range(0.0, 1e9))
      ->type_name("N");
  command->add_option("--tokens-per-minute", made->key.limits.tokens_per_minute, "0: no limit (0)")
      ->check(CLI::Range(0.0, 1e12))
      ->type_name("N");
  command->add_option("--days", made->days, "How long it is valid, 0 is for ever (0)")
      ->check(CLI::Range(0.0, 36'500.0))
      ->type_name("N");
  auto revoked = std::make_shared<Options>();
  command = add(*keys, chosen, "revoke", "A key is no longer valid", revoked, revoke);
  command->add_option("id", revoked->id, "The key's id or name")->required()->type_name("ID");
  keys->footer("Example: studio keys add laptop --requests-per-minute 60");
}

}  // namespace studio::cli
