// Getting one large file: resumed where it stopped, verified, renamed into place.
#pragma once

#include <cstdint>
#include <string>

#include "base/files.h"
#include "base/progress.h"
#include "net/http.h"

namespace studio {

struct DownloadRequest {
  Endpoint endpoint;
  std::string path = "/";
  HttpHeaders headers;
  Path target;              // written as <target>.part until it is whole and right
  std::string sha256;       // lowercase hex; empty: not checked
  std::uint64_t bytes = 0;  // expected; 0: not known
  std::chrono::seconds stall_timeout{60};
  std::string name;  // for progress and messages

  // Range requests at the same time, for files of known size and at least two segments.
  int connections = 1;
  std::uint64_t segment_bytes = 0;  // 0: chosen by the size, 1 to 256 MiB
  // How often a connection that broke without bringing anything is tried again before the download
  // is given up (what came is kept); the pause doubles each time.
  int retries = 0;
  std::chrono::milliseconds retry_pause{500};
};

// Keeps <target>.part on a broken connection, so that the next call asks for the rest (HTTP Range);
// with several connections <target>.part.map beside it tells which pieces are there. A server that
// ignores ranges sends it all again over one connection. A finished file with the wrong hash is
// removed and refused (invalid_input). The space on the disk is checked before the first byte.
Result<void> download_file(const DownloadRequest& request, const Job& job = {});

// no_space, with both figures, unless the disk that holds `folder` has room for `bytes` more.
Result<void> require_space(const Path& folder, std::uint64_t bytes, std::string_view what);

}  // namespace studio
