// The folder of an engine's Unix socket, in TMPDIR; what killed studios left there is removed.
#pragma once

#include <string>

#include "base/files.h"
#include "base/result.h"

namespace studio {

// Owned by a lock on the folder itself, which the kernel lets go when the process ends, however it ends.
// So another studio can tell a folder in use from one that was left behind.
class SocketFolder {
 public:
  // Removes first what others left. io when the socket's path would be too long or TMPDIR is not writable.
  static Result<SocketFolder> create();
  SocketFolder(SocketFolder&& other) noexcept;
  SocketFolder& operator=(SocketFolder&&) = delete;
  ~SocketFolder();

  std::string socket() const { return (path_ / "engine.sock").string(); }

 private:
  SocketFolder(Path path, int lock);
  Path path_;
  int lock_ = -1;
};

// Removes the folders of our own user that nobody holds; how many. create() does so.
int remove_stale_socket_folders();

}  // namespace studio
