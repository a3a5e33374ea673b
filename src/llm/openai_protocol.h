// The OpenAI protocol as bytes: a request's body, an answer's meaning.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "llm/chat.h"
#include "net/http.h"

namespace studio {

// POST /chat/completions, not streamed: one body in, one body out.
Json chat_body(const ChatRequest& request, std::string_view model);

// `from` names the endpoint in errors. An answer that is not the protocol's is engine_failed.
Result<ChatAnswer> read_chat_answer(std::string_view body, std::string_view from);

// One piece of a stream: its text is returned, finish reason and usage go into `answer`.
std::string read_chat_piece(const Json& piece, ChatAnswer& answer);

// POST /embeddings. The vectors come back in the order of the texts.
Json embeddings_body(std::span<const std::string> texts, std::string_view model);
Result<std::vector<std::vector<float>>> read_embeddings(std::string_view body, std::size_t count,
                                                        std::string_view from);

// What a status other than 200 means: limit_exceeded when the prompt does not fit the context,
// not_found for an unknown model, invalid_input for a schema or field that the server refuses,
// engine_failed for the rest. Never repeats the key.
Error read_chat_error(int status, std::string_view body, std::string_view from);

}  // namespace studio
