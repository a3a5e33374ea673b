// Hub addresses, tokens and caches, as huggingface_hub's documentation describes them.
#include "models/hub.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include <fmt/format.h>

namespace studio {
namespace {

constexpr std::string_view kHub = "https://huggingface.co";

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

Path hub_home() {
  if (const std::string home = variable("HF_HOME"); !home.empty()) return home;
  if (const std::string cache = variable("XDG_CACHE_HOME"); cache.starts_with('/'))
    return Path(cache) / "huggingface";
  return Path(variable("HOME")) / ".cache" / "huggingface";
}

Path hub_cache() {
  for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"})
    if (const std::string folder = variable(name); !folder.empty()) return folder;
  return hub_home() / "hub";
}

std::string trimmed(std::string text) {
  const auto space = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
  while (!text.empty() && space(text.back())) text.pop_back();
  text.erase(text.begin(), std::ranges::find_if_not(text, space));
  return text;
}

std::string hub_token() {
  if (std::string token = trimmed(variable("HF_TOKEN")); !token.empty()) return token;
  if (variable("HF_HUB_DISABLE_IMPLICIT_TOKEN") == "1") return {};
  const std::string path = variable("HF_TOKEN_PATH");
  const auto file = read_file(path.empty() ? hub_home() / "token" : Path(path), 4096);
  return file ? trimmed(*file) : std::string();
}

bool is_of_hub(std::string_view url) {
  return url.starts_with(kHub) && (url.size() == kHub.size() || url[kHub.size()] == '/');
}

bool is_sha256(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string_view unquoted(std::string_view tag) {
  if (tag.starts_with("W/")) tag.remove_prefix(2);
  while (!tag.empty() && tag.front() == '"') tag.remove_prefix(1);
  while (!tag.empty() && tag.back() == '"') tag.remove_suffix(1);
  return tag;
}

std::uint64_t number(std::string_view text) {
  return std::strtoull(std::string(text).c_str(), nullptr, 10);
}

// <hub>/org/name/resolve/revision/file...
struct HubPath {
  std::string repository, revision, file;
};

std::optional<HubPath> take_apart(const std::string& url) {
  if (!is_of_hub(url)) return std::nullopt;
  const std::string path = url.substr(kHub.size() + 1);
  const std::size_t resolve = path.find("/resolve/");
  if (resolve == std::string::npos) return std::nullopt;
  const std::size_t revision = resolve + std::string_view("/resolve/").size();
  const std::size_t file = path.find('/', revision);
  if (file == std::string::npos) return std::nullopt;
  HubPath parts{path.substr(0, resolve), path.substr(revision, file - revision), path.substr(file + 1)};
  // Only names, no way out of the cache.
  if (parts.file.empty() || parts.file.contains("..") || parts.repository.contains("..") ||
      parts.revision.contains('.'))
    return std::nullopt;
  return parts;
}

// The snapshot that the revision's ref names first, then any other.
std::vector<Path> snapshots(const Path& repository, const std::string& revision) {
  std::vector<Path> found;
  const auto ref = read_file(repository / "refs" / revision, 256);
  const std::string commit = ref ? trimmed(*ref) : revision;
  if (!commit.empty() && !commit.contains('/')) found.push_back(repository / "snapshots" / commit);
  std::error_code ec;
  for (const auto& item : std::filesystem::directory_iterator(repository / "snapshots", ec))
    if (found.empty() || item.path() != found.front()) found.push_back(item.path());
  return found;
}

}  // namespace

Result<RemoteFile> remote_file(const std::string& url) {
  RemoteFile file;
  file.url = url;
  const bool hub = is_of_hub(url);
  if (std::string mirror = variable("HF_ENDPOINT"); hub && !mirror.empty()) {
    while (mirror.ends_with('/')) mirror.pop_back();
    if (!mirror.starts_with("http://") && !mirror.starts_with("https://"))
      return fail(ErrorKind::wrong_usage, fmt::format("ask the hub at {} (HF_ENDPOINT): no address", mirror),
                  "set HF_ENDPOINT to one such as https://huggingface.co, or unset it");
    file.url = mirror + url.substr(kHub.size());
  }
  const std::size_t scheme = file.url.find("://");
  const std::size_t slash = scheme == std::string::npos ? scheme : file.url.find('/', scheme + 3);
  TRY_ASSIGN(file.endpoint, Endpoint::parse(file.url.substr(0, slash)));
  file.path = slash == std::string::npos ? "/" : file.url.substr(slash);
  if (const std::string token = hub ? hub_token() : std::string(); !token.empty())
    file.headers.emplace_back("Authorization", "Bearer " + token);
  return file;
}

Result<Declared> ask_declared(const RemoteFile& file, const std::string& name, const Job& job) {
  HttpRequest head;
  head.method = "HEAD";
  head.endpoint = file.endpoint;
  head.path = file.path;
  head.headers = file.headers;
  head.timeout = std::chrono::seconds(30);
  head.stop = job.stop;
  // The hub declares in its own answer, which is a redirect; where it declares nothing (a renamed
  // repository, another server) the end of the redirects is asked.
  for (const int redirects : {0, 5}) {
    head.max_redirects = redirects;
    TRY_ASSIGN(const HttpResponse answer, send_http(head));
    const std::string what =
        fmt::format("ask {} for {}: the server answered {}", file.url, name, answer.status);
    if (answer.status == 401 || answer.status == 403)
      return fail(ErrorKind::unsupported, what,
                  "accept the model's licence on its page if it has one, and set HF_TOKEN to a token that "
                  "may read it");
    if (answer.status == 404 || answer.status == 410)
      return fail(ErrorKind::not_found, what, "the file is no longer there; another source may have it");
    if (answer.status == 405 || answer.status == 501) return Declared{};
    if (answer.status >= 400) return fail(ErrorKind::engine_failed, what, "try again later");
    std::string_view tag = unquoted(answer.header("x-linked-etag"));
    if (tag.empty()) tag = unquoted(answer.header("etag"));
    Declared declared{is_sha256(tag) ? std::string(tag) : std::string(),
                      number(answer.header("x-linked-size"))};
    if (answer.status < 300 && declared.bytes == 0) declared.bytes = number(answer.header("content-length"));
    if (answer.status < 300 || !declared.sha256.empty() || redirects > 0) return declared;
  }
  return Declared{};
}

std::optional<HubCached> find_in_hub_cache(const std::string& url, std::string_view sha256) {
  const auto wanted = take_apart(url);
  if (!wanted) return std::nullopt;
  std::string folder = "models--" + wanted->repository;
  for (std::size_t at = 0; (at = folder.find('/', at)) != std::string::npos;) folder.replace(at, 1, "--");
  for (const Path& snapshot : snapshots(hub_cache() / folder, wanted->revision)) {
    std::error_code ec;
    const Path file = snapshot / wanted->file;
    if (!std::filesystem::is_regular_file(file, ec)) continue;
    const Path blob = std::filesystem::weakly_canonical(file, ec);
    HubCached cached{file, ec ? std::string() : blob.filename().string()};
    if (!is_sha256(cached.sha256)) cached.sha256.clear();
    // A copy instead of a link tells no hash; then verify() reads it.
    if (is_sha256(sha256) && !cached.sha256.empty() && cached.sha256 != sha256) continue;
    return cached;
  }
  return std::nullopt;
}

}  // namespace studio
