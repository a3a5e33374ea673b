// A free TCP port of 127.0.0.1, for engines that cannot listen on a Unix socket.
#pragma once

#include "base/result.h"

namespace studio {

// `preferred` when it is free (and not 0), else one that the kernel gives. Another process may take
// it before it is used: whoever starts an engine on it must be ready for that.
Result<int> free_loopback_port(int preferred = 0);

}  // namespace studio
