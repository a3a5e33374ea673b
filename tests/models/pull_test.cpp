// Pulling from a hub: a loopback server that behaves as hubs do, well and badly.
#include <cstdlib>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/catalog.h"
#include "models/import.h"
#include "support/fake_http_server.h"
#include "support/gguf_file.h"

namespace studio {
namespace {

using testing::FakeConnection;
using testing::FakeHttpServer;
using testing::FakeRequest;
using ::testing::HasSubstr;

// A variable of the environment for as long as this lives.
class Setting {
 public:
  Setting(const char* name, const std::string& value) : name_(name) { ::setenv(name, value.c_str(), 1); }
  ~Setting() { ::unsetenv(name_); }
  Setting(const Setting&) = delete;
  Setting& operator=(const Setting&) = delete;

 private:
  const char* name_;
};

std::string content(std::size_t bytes, char seed) {
  std::string text(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>(seed + i % 97 + i / 1009);
  return text;
}

// A hub that links to a host for its large files, and that host. Both are told how to misbehave.
struct FakeHub {
  std::map<std::string, std::string> files;     // path at the hub -> content
  std::map<std::string, std::string> declared;  // where the hub lies about the hash
  std::string token;                            // needed at the hub, refused at the file host
  bool ranges = true, declares = true;
  std::atomic<int> broken{0};  // answers of the file host still to be cut in the middle

  FakeHttpServer host{
      [this](const FakeRequest& request, FakeConnection& connection) { serve(request, connection); },
      FakeHttpServer::On::loopback};
  FakeHttpServer hub{
      [this](const FakeRequest& request, FakeConnection& connection) { link(request, connection); },
      FakeHttpServer::On::loopback};

  void link(const FakeRequest& request, FakeConnection& connection) {
    if (request.target.starts_with("/old/"))
      return connection.answer(307, "", "Location: /org/" + request.target.substr(5) + "\r\n");
    if (!token.empty() && request.header("Authorization") != "Bearer " + token)
      return connection.answer(401, "", "X-Error-Code: GatedRepo\r\n");
    const auto found = files.find(request.target);
    if (found == files.end()) return connection.answer(404, "");
    const auto lie = declared.find(request.target);
    std::string headers = "Location: " + host.endpoint().base_url + request.target + "?signed=1\r\n";
    if (declares)
      headers += "X-Linked-Etag: \"" + (lie == declared.end() ? sha256_of(found->second) : lie->second) +
                 "\"\r\nX-Linked-Size: " + std::to_string(found->second.size()) + "\r\n";
    connection.answer(302, "", headers);
  }
  void serve(const FakeRequest& request, FakeConnection& connection) {
    if (!request.header("Authorization").empty()) return connection.answer(400, "a token went astray");
    const std::string& text = files.at(request.target.substr(0, request.target.find('?')));
    const std::string size = std::to_string(text.size());
    if (request.method == "HEAD") {
      connection.write("HTTP/1.1 200 OK\r\nContent-Length: " + size + "\r\nConnection: close\r\n\r\n");
      return;
    }
    const std::string range = request.header("Range");
    if (!ranges || !range.starts_with("bytes=")) return connection.answer(200, text);
    const std::size_t from = std::stoul(range.substr(6));
    const std::string end = range.substr(range.find('-') + 1);
    const std::size_t to = end.empty() ? text.size() - 1 : std::stoul(end);
    const std::string piece = text.substr(from, to - from + 1);
    connection.write("HTTP/1.1 206 Partial\r\nContent-Length: " + std::to_string(piece.size()) +
                     "\r\nContent-Range: bytes " + std::to_string(from) + "-" + std::to_string(to) + "/" +
                     size + "\r\nConnection: close\r\n\r\n");
    connection.write(broken.fetch_sub(1) > 0 ? piece.substr(0, piece.size() / 2) : piece);
  }
};

struct PullTest : ::testing::Test {
  ScratchFolder folder = *ScratchFolder::create();
  FakeHub hub;
  // The person's settings must not decide a test.
  const Setting home{"HF_HOME", (folder.path() / "hf").string()};
  const Setting endpoint{"HF_ENDPOINT", hub.hub.endpoint().base_url + "/"};
  CatalogOptions options{.shipped = folder.path() / "shipped.yaml",
                         .lock = folder.path() / "lock.json",
                         .own = folder.path() / "own.yaml",
                         .imports = folder.path() / "models.d",
                         .models = folder.path() / "models"};

  void SetUp() override {
    ASSERT_TRUE(write_file_atomic(options.lock, R"({"schema": "studio.lock/1", "models": []})"));
  }
  ModelCatalog catalog(const std::string& models) {
    EXPECT_TRUE(write_file_atomic(options.shipped, "models:\n" + models));
    auto loaded = ModelCatalog::load(options);
    EXPECT_TRUE(loaded) << loaded.error().message;
    return *std::move(loaded);
  }
  // One model `m` of one file at the hub.
  ModelCatalog one(const std::string& file, const std::string& known = "", const std::string& source = "") {
    return catalog("  - {id: m, task: chat, engine: llama-server, file: m.bin, " + known +
                   "sources: [{url: https://huggingface.co/org/m/resolve/main/" + file + source + "}]}\n");
  }
  static std::string at(const std::string& file) { return "/org/m/resolve/main/" + file; }
  Path model_file() const { return options.models / "m" / "m.bin"; }
};

TEST_F(PullTest, FollowsTheHubToItsFileHostAndChecksWhatItDeclares) {
  hub.files[at("m.bin")] = content(100'000, 'a');
  const auto models = one("m.bin", "", ", sha256: hub");
  const auto path = models.pull(*models.entry("m"));
  ASSERT_TRUE(path) << path.error().message;
  EXPECT_EQ(*read_file(*path), hub.files[at("m.bin")]);
  EXPECT_TRUE(models.verify(*models.entry("m")));
}

TEST_F(PullTest, FollowsARepositoryThatMoved) {
  hub.files[at("m.bin")] = content(5000, 'a');
  const auto models = catalog(
      "  - {id: m, task: chat, engine: e, file: m.bin, sources: [{url: "
      "https://huggingface.co/old/m/resolve/main/m.bin}]}\n");
  const auto path = models.pull(*models.entry("m"));
  ASSERT_TRUE(path) << path.error().message;
}

TEST_F(PullTest, AnotherHashThanTheKnownOneIsRefusedBeforeTheDownload) {
  hub.files[at("m.bin")] = content(5000, 'a');
  const auto models = one("m.bin", "bytes: 5000, sha256: " + std::string(64, 'f') + ", ");
  const auto path = models.pull(*models.entry("m"));
  ASSERT_FALSE(path);
  EXPECT_EQ(path.error().kind, ErrorKind::invalid_input);
  EXPECT_THAT(path.error().message, HasSubstr(std::string(64, 'f')));
  EXPECT_TRUE(hub.host.requests().empty());
}

TEST_F(PullTest, BytesThatAreNotWhatTheHubDeclaredAreRefusedAndRemoved) {
  hub.files[at("m.bin")] = content(5000, 'a');
  hub.declared[at("m.bin")] = sha256_of("something else");
  const auto models = one("m.bin", "", ", sha256: hub");
  EXPECT_EQ(models.pull(*models.entry("m")).error().kind, ErrorKind::invalid_input);
  EXPECT_FALSE(std::filesystem::exists(model_file()));
  EXPECT_FALSE(std::filesystem::exists(model_file().string() + ".part"));
}

TEST_F(PullTest, WithoutAnyHashOnlyAnExplicitHubEntryIsRefused) {
  hub.declares = false;
  hub.files[at("m.bin")] = content(5000, 'a');
  const auto strict = one("m.bin", "", ", sha256: hub");
  EXPECT_FALSE(strict.pull(*strict.entry("m")));
  const auto open = one("m.bin");
  EXPECT_TRUE(open.pull(*open.entry("m")));
}

TEST_F(PullTest, AGatedModelNeedsItsTokenAndTheTokenGoesToTheHubAlone) {
  hub.token = "hf_secret";
  hub.files[at("m.bin")] = content(5000, 'a');
  const auto models = one("m.bin", "", ", sha256: hub");
  const auto refused = models.pull(*models.entry("m"));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("401"));
  EXPECT_THAT(refused.error().hint, HasSubstr("HF_TOKEN"));
  {
    const Setting token("HF_TOKEN", "hf_secret");
    const auto path = models.pull(*models.entry("m"));
    ASSERT_TRUE(path) << path.error().message;
  }
  EXPECT_TRUE(models.remove(*models.entry("m")));
  std::filesystem::create_directories(folder.path() / "hf");
  ASSERT_TRUE(write_file_atomic(folder.path() / "hf" / "token", "hf_secret\n"));
  EXPECT_TRUE(models.pull(*models.entry("m"))) << "the token that the hub's own tools keep";
}

TEST_F(PullTest, WhatTheHubDoesNotHaveIsSaid) {
  const auto models = one("m.bin");
  const auto path = models.pull(*models.entry("m"));
  ASSERT_FALSE(path);
  EXPECT_EQ(path.error().kind, ErrorKind::not_found);
  EXPECT_THAT(path.error().message, HasSubstr("404"));
}

TEST_F(PullTest, BrokenConnectionsAreTakenUpAgain) {
  hub.files[at("m.bin")] = content(200'000, 'a');
  hub.broken = 3;
  const auto models = one("m.bin", "", ", sha256: hub");
  const auto path = models.pull(*models.entry("m"));
  ASSERT_TRUE(path) << path.error().message;
  EXPECT_EQ(*read_file(*path), hub.files[at("m.bin")]);
}

// Large enough to be cut in pieces.
TEST_F(PullTest, ALargeFileComesOverSeveralConnections) {
  for (const bool ranges : {true, false}) {
    hub.ranges = ranges;
    hub.files[at("m.bin")] = content(5u << 20, ranges ? 'a' : 'b');
    const auto models = one("m.bin", "", ", sha256: hub");
    (void)models.remove(*models.entry("m"));
    const auto path = models.pull(*models.entry("m"));
    ASSERT_TRUE(path) << path.error().message;
    EXPECT_EQ(sha256_of(*read_file(*path)), sha256_of(hub.files[at("m.bin")]));
    if (ranges) {
      EXPECT_GE(hub.host.requests().size(), 4u);
    }
  }
}

TEST_F(PullTest, EveryFileOfAModelIsPulledAndAMissingOneIsNamed) {
  hub.files[at("a-00001-of-00002.bin")] = content(3000, 'a');
  hub.files[at("a-00002-of-00002.bin")] = content(2000, 'b');
  const std::string base = "https://huggingface.co/org/m/resolve/main/";
  const auto models = catalog(
      "  - id: m\n    task: vision\n    engine: llama-server\n    file: a-00001-of-00002.bin\n"
      "    sources: [{url: " +
      base +
      "a-00001-of-00002.bin}]\n    files:\n"
      "      - {role: part, file: a-00002-of-00002.bin, sources: [{url: " +
      base +
      "a-00002-of-00002.bin}]}\n"
      "      - {role: mmproj, file: eyes.bin, sources: [{url: " +
      base + "eyes.bin}]}\n");
  const ModelEntry entry = *models.entry("m");
  const auto refused = models.pull(entry);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("eyes.bin"));
  EXPECT_FALSE(models.present(entry));
  hub.files[at("eyes.bin")] = content(1000, 'c');
  const auto asked = hub.host.requests().size();
  ASSERT_TRUE(models.pull(entry));
  EXPECT_EQ(hub.host.requests().size(), asked + 1) << "what is there is not fetched again";
  EXPECT_EQ(models.companion_path(entry, "mmproj")->filename(), "eyes.bin");
  EXPECT_TRUE(models.companion_path(entry, "draft")->empty());
  EXPECT_TRUE(models.verify(entry));
  ASSERT_TRUE(write_file_atomic(options.models / "m" / "eyes.bin", content(1000, 'd')));
  EXPECT_THAT(models.verify(entry).error().message, HasSubstr("eyes.bin"));
  ASSERT_TRUE(models.pull(entry)) << "a damaged file is got again";
  EXPECT_TRUE(models.verify(entry));
}

TEST_F(PullTest, WhatTheHubsOwnToolsHaveFetchedIsUsedWhereItLies) {
  const std::string text = content(5000, 'a');
  const Path repository = folder.path() / "cache" / "models--org--m";
  const Setting cache("HF_HUB_CACHE", (folder.path() / "cache").string());
  std::filesystem::create_directories(repository / "blobs");
  std::filesystem::create_directories(repository / "snapshots" / "abc123");
  std::filesystem::create_directories(repository / "refs");
  ASSERT_TRUE(write_file_atomic(repository / "blobs" / sha256_of(text), text));
  ASSERT_TRUE(write_file_atomic(repository / "refs" / "main", "abc123"));
  std::filesystem::create_symlink(Path("../../blobs") / sha256_of(text),
                                  repository / "snapshots" / "abc123" / "m.bin");
  const auto models = one("m.bin", "", ", sha256: hub");
  const ModelEntry entry = *models.entry("m");
  EXPECT_EQ(*models.local_path(entry), repository / "snapshots" / "abc123" / "m.bin");
  EXPECT_TRUE(models.verify(entry));
  ASSERT_TRUE(models.pull(entry));
  EXPECT_TRUE(hub.hub.requests().empty());
  ASSERT_TRUE(models.remove(entry));
  EXPECT_TRUE(models.present(entry)) << "it is not ours to remove";

  const auto other = one("m.bin", "sha256: " + sha256_of("other bytes") + ", ");
  EXPECT_FALSE(other.present(*other.entry("m"))) << "another version of the file is not taken";
  ASSERT_TRUE(write_file_atomic(repository / "blobs" / sha256_of(text), content(5000, 'x')));
  EXPECT_THAT(models.verify(entry).error().message, HasSubstr("m.bin"));
}

TEST_F(PullTest, OfflineIsHonouredInTheHubsOwnWay) {
  const Setting offline("HF_HUB_OFFLINE", "1");
  hub.files[at("m.bin")] = content(5000, 'a');
  const auto models = one("m.bin");
  EXPECT_EQ(models.pull(*models.entry("m")).error().kind, ErrorKind::missing_part);
  EXPECT_TRUE(hub.hub.requests().empty());
}

TEST_F(PullTest, OfflineADamagedFileIsToldAsDamaged) {
  hub.files[at("m.bin")] = content(5000, 'a');
  const auto models = one("m.bin", "", ", sha256: hub");
  ASSERT_TRUE(models.pull(*models.entry("m")));
  ASSERT_TRUE(write_file_atomic(model_file(), content(5000, 'b')));
  options.offline = true;
  const auto offline = one("m.bin", "", ", sha256: hub");
  const auto path = offline.pull(*offline.entry("m"));
  ASSERT_FALSE(path);
  EXPECT_EQ(path.error().kind, ErrorKind::invalid_input);
  EXPECT_THAT(path.error().message, HasSubstr("m.bin"));
}

TEST_F(PullTest, AProxyOfTheEnvironmentIsAsked) {
  const std::string text = content(3000, 'p');
  FakeHttpServer proxy(
      [&](const FakeRequest& request, FakeConnection& connection) {
        if (request.target != "http://models.invalid/m.bin") return connection.answer(502, "");
        if (request.method == "HEAD")
          return (void)connection.write(
              "HTTP/1.1 200 OK\r\nContent-Length: 3000\r\nConnection: close\r\n\r\n");
        connection.answer(200, text);
      },
      FakeHttpServer::On::loopback);
  const Setting setting("http_proxy", proxy.endpoint().base_url);
  const auto models = catalog(
      "  - {id: m, task: chat, engine: e, file: m.bin, sources: [{url: http://models.invalid/m.bin}]}\n");
  const auto path = models.pull(*models.entry("m"));
  ASSERT_TRUE(path) << path.error().message;
  EXPECT_EQ(*read_file(*path), text);
}

TEST_F(PullTest, ATruncatedGgufThatNoHashVouchesForIsRefused) {
  hub.declares = false;
  const std::string whole = testing::small_model().bytes();
  hub.files[at("m.gguf")] = whole.substr(0, whole.size() - 5000);
  const auto models = catalog(
      "  - {id: m, task: chat, engine: e, file: m.gguf, sources: [{url: "
      "https://huggingface.co/org/m/resolve/main/m.gguf}]}\n");
  const auto path = models.pull(*models.entry("m"));
  ASSERT_FALSE(path);
  EXPECT_THAT(path.error().message, HasSubstr("cut off"));
  EXPECT_FALSE(std::filesystem::exists(options.models / "m" / "m.gguf"));
  hub.files[at("m.gguf")] = whole;
  EXPECT_TRUE(models.pull(*models.entry("m")));
}

struct ImportTest : PullTest {
  const Path file = folder.path() / "my model.gguf";
  void write(const std::string& bytes) { ASSERT_TRUE(write_file_atomic(file, bytes)); }
};

TEST_F(ImportTest, TakesIdTaskAndContextFromTheHeader) {
  write(testing::small_model().bytes());
  const auto models = catalog("  []\n");
  const auto imported = import_model(models, {.file = file});
  ASSERT_TRUE(imported) << imported.error().message;
  EXPECT_EQ(imported->id, "small");
  const auto again = ModelCatalog::load(options);
  ASSERT_TRUE(again) << again.error().message;
  const ModelEntry entry = *again->entry("small");
  EXPECT_EQ(entry.task, "chat");
  EXPECT_EQ(entry.context, 4096);
  EXPECT_GT(entry.memory_bytes, std::filesystem::file_size(file));
  EXPECT_EQ(*again->local_path(entry), file);
  EXPECT_TRUE(again->verify(entry));
  EXPECT_TRUE(import_model(*again, {.file = file})) << "the same file again renews its entry";
  ASSERT_TRUE(again->remove(entry));
  EXPECT_TRUE(std::filesystem::exists(file));
  EXPECT_EQ(ModelCatalog::load(options)->find("small"), nullptr);
}

TEST_F(ImportTest, AFileThatChangedAfterwardsIsTold) {
  std::string bytes = testing::small_model().bytes();
  write(bytes);
  ASSERT_TRUE(import_model(catalog("  []\n"), {.file = file}));
  bytes.back() = 'x';
  write(bytes);
  const auto models = ModelCatalog::load(options);
  EXPECT_EQ(models->verify(*models->entry("small")).error().kind, ErrorKind::invalid_input);
}

TEST_F(ImportTest, AnIdThatAnotherModelHasIsNotTakenOver) {
  write(testing::small_model().bytes());
  const auto models =
      catalog("  - {id: small, task: chat, engine: e, file: f, sources: [{url: http://x/f}]}\n");
  const auto imported = import_model(models, {.file = file});
  ASSERT_TRUE(imported) << imported.error().message;
  EXPECT_EQ(imported->id, "small-f16");
  EXPECT_EQ(import_model(models, {.file = file, .id = "small"}).error().kind, ErrorKind::wrong_usage);
  EXPECT_EQ(import_model(models, {.file = file, .id = "../up"}).error().kind, ErrorKind::wrong_usage);
}

TEST_F(ImportTest, DamagedFilesAndProjectorsAreRefused) {
  const auto models = catalog("  []\n");
  const std::string bytes = testing::small_model().bytes();
  write(bytes.substr(0, bytes.size() - 5000));
  EXPECT_THAT(import_model(models, {.file = file}).error().message, HasSubstr("cut off"));
  write("no model at all");
  EXPECT_EQ(import_model(models, {.file = file}).error().kind, ErrorKind::invalid_input);
  EXPECT_EQ(import_model(models, {.file = folder.path() / "none"}).error().kind, ErrorKind::not_found);
  write(bytes);
  EXPECT_EQ(import_model(models, {.file = file, .projector = file}).error().kind, ErrorKind::wrong_usage);
  EXPECT_FALSE(std::filesystem::exists(options.imports)) << "nothing was registered";
}

}  // namespace
}  // namespace studio
