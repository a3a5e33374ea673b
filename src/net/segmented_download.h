// A large file over several range requests at the same time, and what all ways of downloading share.
#pragma once

#include "net/download.h"

namespace studio::download {

// True: <target>.part is whole. False: this way is not for this file (size not known, too small, one
// connection, or a server without ranges), and the part is as one stream left it or empty.
// What arrived is kept on every error; the next call asks only for the rest.
//
//   part      |#########|####     |         |##       |   written in place
//   part.map  [  16 MiB,    7 MiB,        0,    3 MiB ]   bytes there, of each segment
Result<bool> fetch_segments(const DownloadRequest& request, const Path& part, const Job& job);

// A GET of the file, without range and size bound.
HttpRequest get_request(const DownloadRequest& request, std::stop_token stop);
std::unexpected<Error> fail_write(const Path& path, int code);
Error status_error(const DownloadRequest& request, int status);
// A broken connection or a server in trouble, not a wrong address, a missing key or a full disk.
bool is_worth_a_retry(const Error& error);
// interrupted when stopped meanwhile.
Result<void> wait(std::chrono::milliseconds pause, std::stop_token stop);

}  // namespace studio::download
