// One question to one endpoint: sent, waited for, answered whole or in pieces.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "llm/chat.h"
#include "llm/model_access.h"

namespace studio {

// POST of `body` to `path`. A server that says "loading" (503) or "too many, later" (429 with
// Retry-After) is asked again until `timeout` is over. The 200's body, or an error of read_chat_error.
Result<std::string> post_json(const Access& access, std::string_view path, const std::string& body,
                              std::chrono::milliseconds timeout, const std::stop_token& stop);

// `told` becomes true with the first piece.
Result<ChatAnswer> exchange_chat(const Access& access, const ChatRequest& request);
Result<ChatAnswer> exchange_stream(const Access& access, const ChatRequest& request,
                                   const std::function<bool(std::string_view)>& piece, bool& told);

}  // namespace studio
