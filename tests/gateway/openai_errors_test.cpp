// Failures come out in OpenAI's shape, with the status the official clients expect.
#include "gateway/openai_errors.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/json.h"

namespace studio {
namespace {

TEST(OpenAiErrors, OurKindsHaveTheirStatus) {
  const auto status = [](ErrorKind kind) { return api_error({kind, "m", ""}).status; };
  EXPECT_EQ(status(ErrorKind::invalid_input), 400);
  EXPECT_EQ(status(ErrorKind::not_found), 404);
  EXPECT_EQ(api_error({ErrorKind::not_found, "m", ""}).param, "model");
  EXPECT_EQ(status(ErrorKind::limit_exceeded), 429);
  EXPECT_EQ(status(ErrorKind::missing_part), 404);
  EXPECT_EQ(status(ErrorKind::timeout), 504);
  EXPECT_EQ(status(ErrorKind::internal), 500);
  const Error full{ErrorKind::limit_exceeded, "the queue is full", ""};
  EXPECT_EQ(api_error(full, std::chrono::seconds(3)).retry_after, std::chrono::seconds(3));
  const auto context =
      api_error({ErrorKind::limit_exceeded, "the prompt is longer than the context size", ""});
  EXPECT_EQ(context.status, 400);
  EXPECT_EQ(context.code, "context_length_exceeded");
  EXPECT_EQ(api_error({ErrorKind::io, "a", "b"}).message, "a (b)");
}

TEST(OpenAiErrors, TheBodyHasAllFourFields) {
  const auto json = parse_json(error_json(unknown_model("gpt-9\"")), "t").value();
  EXPECT_EQ(json["error"]["code"], "model_not_found");
  EXPECT_EQ(json["error"]["param"], "model");
  EXPECT_EQ(json["error"]["type"], "invalid_request_error");
  EXPECT_TRUE(json["error"]["message"].get<std::string>().contains("gpt-9\""));
  EXPECT_TRUE(parse_json(error_json(invalid_request("x")), "t").value()["error"]["param"].is_null());
  const std::string event = error_event(invalid_request("two\nlines"));
  EXPECT_TRUE(event.starts_with("data: {\"error\""));
  EXPECT_EQ(event.find('\n'), event.size() - 2);
}

TEST(OpenAiErrors, EnginesThatSpeakOtherwiseAreUnderstood) {
  // llama-server 0.5
  const auto context = engine_error(
      400,
      R"({"error":{"code":400,"message":"the request exceeds the available context size. try increasing it",)"
      R"("type":"exceed_context_size_error","n_prompt_tokens":9001,"n_ctx":8192}})",
      "llama-server");
  EXPECT_EQ(context.status, 400);
  EXPECT_EQ(context.code, "context_length_exceeded");
  EXPECT_EQ(context.type, "invalid_request_error");
  EXPECT_TRUE(context.message.contains("8192") && context.message.contains("9001")) << context.message;
  // vLLM
  const auto vllm =
      engine_error(400,
                   R"({"object":"error","message":"This model's maximum context length is 4096.",)"
                   R"("type":"BadRequestError","param":null,"code":400})",
                   "big");
  EXPECT_EQ(vllm.code, "context_length_exceeded");
  EXPECT_EQ(vllm.type, "invalid_request_error");
  // FastAPI, plain words, a proxy's page, nothing
  EXPECT_TRUE(engine_error(422, R"({"detail":"no such field"})", "e").message.contains("no such field"));
  EXPECT_TRUE(engine_error(500, R"({"error":"out of memory"})", "e").message.contains("out of memory"));
  const auto page =
      engine_error(502, "<html><head><title>502 Bad Gateway</title></head>\r\n<body>x</body></html>", "e");
  EXPECT_TRUE(page.message.contains("502 Bad Gateway")) << page.message;
  EXPECT_FALSE(page.message.contains("<")) << page.message;
  const auto blind =
      engine_error(500, R"({"error":{"code":500,"message":"image input is not supported"}})", "e");
  EXPECT_EQ(blind.status, 400);
  EXPECT_EQ(blind.type, "invalid_request_error");
  EXPECT_EQ(engine_error(503, "", "e").status, 503);
  EXPECT_EQ(engine_error(503, "", "e").type, "server_error");
}

TEST(OpenAiErrors, AnEnginesKeyIsTheGatewaysMatterAndIsNotShown) {
  const auto refused = engine_error(
      401, R"({"error":{"message":"Incorrect API key provided: sk-abcdef1234567","code":"invalid_api_key"}})",
      "h");
  EXPECT_EQ(refused.status, 502);
  EXPECT_FALSE(refused.message.contains("abcdef")) << refused.message;
  EXPECT_EQ(wrong_key("sk-studio-0123456789abcdef").message, "Incorrect API key provided: sk-***cdef.");
  EXPECT_EQ(wrong_key("short").message, "Incorrect API key provided: ***.");
}

}  // namespace
}  // namespace studio
