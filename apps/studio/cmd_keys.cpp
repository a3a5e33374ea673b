// studio keys: who may use the server. Works on the keys' file, so also before a server runs, or, with
// --server, by asking that one.
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
  ServerChoice server;
  Path config;
  NewKey key;
  std::string id;
  double days = 0;
};

// What key_json() wrote.
Result<ApiKey> key_from(const Json& json) {
  JsonReader reader(json, "the server's key");
  ApiKey key;
  key.id = reader.required_string("id");
  key.name = reader.string("name", "");
  key.hint = reader.string("hint", "");
  key.scopes = reader.strings("scopes");
  key.models = reader.strings("models");
  key.limits.requests_per_minute = reader.number("requests_per_minute", 0);
  key.limits.tokens_per_minute = reader.number("tokens_per_minute", 0);
  key.made_at = reader.integer("made_at", 0);
  key.expires_at = reader.integer("expires_at", 0);
  key.revoked = reader.boolean("revoked", false);
  TRY(reader.result());
  return key;
}

// Where keys are kept: the file here, or a server that has it.
class KeyRing {
 public:
  static Result<KeyRing> open(const Options& options) {
    KeyRing ring(options.server);
    if (!options.server.url.empty()) {
      TRY_ASSIGN(ring.server_, named_server(options.server.url));
      return ring;
    }
    TRY_ASSIGN(const GatewayConfig config, read_gateway_config(options.config));
    KeyStoreOptions where;
    where.file = config.keys.file.empty() ? data_folder() / "keys.db" : config.keys.file;
    TRY_ASSIGN(ring.store_, KeyStore::open(where));
    return ring;
  }

  Result<std::vector<ApiKey>> list() {
    std::vector<ApiKey> all;
    if (store_) {
      all = store_->list();
    } else {
      TRY_ASSIGN(const Json answer, ask({.path = "/admin/keys"}));
      JsonReader reader(answer, "the server's keys");
      for (const Json& told : reader.array("keys")) {
        TRY_ASSIGN(ApiKey key, key_from(told));
        all.push_back(std::move(key));
      }
      TRY(reader.result());
    }
    std::ranges::stable_sort(all, {}, &ApiKey::name);
    return all;
  }

  // With its "secret".
  Result<Json> make(const NewKey& wish) {
    if (!store_)
      return ask({.method = "POST",
                  .path = "/admin/keys",
                  .body = to_text(Json{{"name", wish.name},
                                       {"scopes", wish.scopes},
                                       {"models", wish.models},
                                       {"requests_per_minute", wish.limits.requests_per_minute},
                                       {"tokens_per_minute", wish.limits.tokens_per_minute},
                                       {"lifetime_s", wish.lifetime.count()}},
                                  -1)});
    TRY_ASSIGN(const KeyStore::Made made, store_->make(wish));
    tell_servers();
    Json document = key_json(made.key);
    document["secret"] = made.secret;
    return document;
  }

  Result<void> revoke(const std::string& id) {
    if (!store_) {
      TRY(ask({.method = "DELETE", .path = "/admin/keys/" + url_encode(id)}));
      return {};
    }
    TRY(store_->revoke(id));
    tell_servers();
    return {};
  }

 private:
  explicit KeyRing(ServerChoice choice) : choice_(std::move(choice)) {}
  Result<Json> ask(const AdminRequest& request) { return ask_server(server_, choice_, request); }

  ServerChoice choice_;
  ServerState server_;
  std::unique_ptr<KeyStore> store_;  // null: the server is asked
};

using Action = Result<Outcome> (*)(KeyRing&, const Options&);

Result<Outcome> list(KeyRing& keys, const Options& options) {
  TRY_ASSIGN(const std::vector<ApiKey> known, keys.list());
  Json all = Json::array();
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

Result<Outcome> make(KeyRing& keys, const Options& options) {
  NewKey wish = options.key;
  wish.lifetime = std::chrono::seconds(static_cast<std::int64_t>(options.days * 86'400));
  TRY_ASSIGN(Json made, keys.make(wish));
  JsonReader reader(made, "the new key");
  print(options.common, reader.required_string("secret") + "\n");
  TRY(reader.result());
  say(options.common, "this is shown once; only its hash is kept");
  made["schema"] = "studio.key/1";
  return Outcome::with(std::move(made));
}

Result<Outcome> revoke(KeyRing& keys, const Options& options) {
  TRY(keys.revoke(options.id));
  return Outcome::with({{"schema", "studio.keys/1"}, {"revoked", options.id}});
}

CLI::App* add(CLI::App& keys, Chosen& chosen, const char* name, const char* description,
              const std::shared_ptr<Options>& options, Action action) {
  CLI::App* command = keys.add_subcommand(name, description);
  CLI::Option* config =
      command->add_option("--config", options->config, "The gateway's configuration (its keys.file)")
          ->type_name("FILE");
  add_server_options(*command, options->server);
  command->get_option("--server")->excludes(config);
  add_common_options(*command, options->common);
  command->callback([options, action, &chosen] {
    chosen.run = [options, action](std::stop_token) {
      return conclude(options->common, [&]() -> Result<Outcome> {
        TRY_ASSIGN(KeyRing ring, KeyRing::open(*options));
        return action(ring, *options);
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
