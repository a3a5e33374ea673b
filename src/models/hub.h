// What a model hub of the Hugging Face kind promises: its addresses, tokens, hashes and local cache.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/files.h"
#include "base/progress.h"
#include "net/http.h"

namespace studio {

// A file at a hub or at any other HTTP server, ready to be asked for.
struct RemoteFile {
  Endpoint endpoint;
  std::string path;
  HttpHeaders headers;  // the token, where the person gave one for this hub
  std::string url;      // as it is asked for, for messages
};

// `url` as the catalog has it. HF_ENDPOINT puts a mirror in the hub's place; HF_TOKEN, else the file
// that the hub's own tools keep ($HF_TOKEN_PATH, $HF_HOME/token), goes to the hub or that mirror only.
Result<RemoteFile> remote_file(const std::string& url);

struct Declared {
  std::string sha256;       // empty: the server declares none
  std::uint64_t bytes = 0;  // 0: not told
};

// A HEAD request: a hub answers with the hash and the size of what it links to (x-linked-etag,
// x-linked-size), other servers with the size alone. not_found, unsupported (401 and 403: a licence
// to accept, a token), engine_failed. A server that knows no HEAD gives an empty Declared.
Result<Declared> ask_declared(const RemoteFile& file, const std::string& name, const Job& job);

// A file that the hub's own tools have brought to this machine.
struct HubCached {
  Path file;
  std::string sha256;  // by the name of its blob; empty when that is no SHA-256
};

// Looks for <hub>/<org>/<name>/resolve/<revision>/<file> in $HF_HUB_CACHE, $HF_HOME/hub or
// ~/.cache/huggingface/hub (models--org--name/snapshots/<commit>/<file>). With a `sha256` only that
// very file is found.
std::optional<HubCached> find_in_hub_cache(const std::string& url, std::string_view sha256);

}  // namespace studio
