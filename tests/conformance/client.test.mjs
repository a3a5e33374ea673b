// The official npm client against the server: chat, streams, tools, structured answers, embeddings, errors, aborts.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { zodResponseFormat, zodFunction } from "openai/helpers/zod";
import { z } from "zod";

const url = process.env.STUDIO_CONFORMANCE_URL ?? "http://127.0.0.1:8420";
const model = process.env.STUDIO_CONFORMANCE_MODEL ?? "auto";
const embedder = process.env.STUDIO_CONFORMANCE_EMBEDDER ?? "";
const guarded = process.env.STUDIO_CONFORMANCE_GUARDED_URL ?? "";
const ai = new OpenAI({ baseURL: `${url}/v1`, apiKey: "unused", maxRetries: 0, timeout: 300_000 });
const fresh = { headers: { "cache-control": "no-store" } };
const user = (content) => [{ role: "user", content }];
const weather = {
  type: "function",
  function: {
    name: "get_weather",
    description: "Get the current weather of a city",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};

test("an answer has its fields and a request id", async () => {
  const answer = await ai.chat.completions.create({ model, messages: user("Say hello."), temperature: 0, max_tokens: 8 });
  assert.equal(answer.object, "chat.completion");
  assert.ok(answer.choices[0].message.content.trim());
  assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
  assert.ok(answer._request_id);
});

test("a stream says the same as the whole, and usage comes last", async () => {
  const request = { model, messages: user("Count from one to four in words."), temperature: 0, max_tokens: 12 };
  const whole = await ai.chat.completions.create(request, fresh);
  const stream = await ai.chat.completions.create({ ...request, stream: true, stream_options: { include_usage: true } }, fresh);
  let text = "", last;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta?.content ?? "";
    last = chunk;
  }
  assert.equal(text, whole.choices[0].message.content);
  assert.equal(last.choices.length, 0);
  assert.ok(last.usage.completion_tokens > 0);
});

test("the stream helper collects the answer", async () => {
  const stream = ai.chat.completions.stream({ model, messages: user("Say hi."), temperature: 0, max_tokens: 64 });
  let pieces = 0;
  stream.on("content", () => { pieces += 1; });
  const answer = await stream.finalChatCompletion();
  assert.ok(pieces > 0);
  assert.ok(answer.choices[0].message.content);
});

test("tools: required, streamed, with arguments in pieces", async () => {
  const stream = ai.chat.completions.stream({
    model, messages: user("What's the weather in Paris?"), tools: [weather], tool_choice: "required", temperature: 0, max_tokens: 60,
  });
  const answer = await stream.finalChatCompletion();
  const call = answer.choices[0].message.tool_calls[0];
  assert.equal(answer.choices[0].finish_reason, "tool_calls");
  assert.equal(call.function.name, "get_weather");
  assert.equal(JSON.parse(call.function.arguments).city, "Paris");
});

test("tools: the runner calls the function and tells its result", async () => {
  const asked = [];
  const runner = ai.chat.completions.runTools({
    model, messages: user("What's the weather in Rome?"), temperature: 0, max_tokens: 80,
    tools: [{
      type: "function",
      function: {
        name: "get_weather", description: "Get the current weather of a city", parse: JSON.parse,
        parameters: weather.function.parameters,
        function: ({ city }) => { asked.push(city); return JSON.stringify({ temperature: 17, sky: "sunny" }); },
      },
    }],
  });
  const said = await runner.finalContent();
  assert.deepEqual(asked, ["Rome"]);
  assert.ok(said);
});

test("tools: zod schemas", async () => {
  const answer = await ai.chat.completions.parse({
    model, messages: user("Set a timer for 7 minutes."), temperature: 0, max_tokens: 60, tool_choice: "required",
    tools: [zodFunction({ name: "set_timer", parameters: z.object({ minutes: z.number().int() }) })],
  });
  assert.deepEqual(answer.choices[0].message.tool_calls[0].function.parsed_arguments, { minutes: 7 });
});

test("structured answers by zod", async () => {
  const answer = await ai.chat.completions.parse({
    model, messages: user("Anna is 31 years old."), temperature: 0, max_tokens: 60,
    response_format: zodResponseFormat(z.object({ name: z.string(), age: z.number().int() }), "person"),
  });
  assert.deepEqual(answer.choices[0].message.parsed, { name: "Anna", age: 31 });
});

test("embeddings, which this client asks for in base64", { skip: embedder ? false : "no embedding model is here" }, async () => {
  const answer = await ai.embeddings.create({ model: embedder, input: ["a cat", "a kitten"] });
  assert.equal(answer.data.length, 2);
  const [a, b] = answer.data.map((item) => item.embedding);
  assert.equal(a.length, b.length);
  const near = a.reduce((sum, x, i) => sum + x * b[i], 0);
  assert.ok(near > 0.5 && near < 1.01, `cosine ${near}`);
});

test("models are listed", async () => {
  const ids = [];
  for await (const each of ai.models.list()) ids.push(each.id);
  assert.ok(ids.length > 0);
});

test("errors have their classes and codes", async () => {
  const create = (options) => ai.chat.completions.create({ model, messages: user("x"), max_tokens: 2, ...options });
  await assert.rejects(create({ model: "gpt-9" }), (error) => error instanceof OpenAI.NotFoundError && error.code === "model_not_found");
  await assert.rejects(create({ messages: "hello" }), OpenAI.BadRequestError);
  await assert.rejects(create({ messages: user("word ".repeat(60000)) }), (error) => error.code === "context_length_exceeded");
  await assert.rejects(create({ tools: [weather], tool_choice: { type: "function", function: { name: "x" } } }), OpenAI.BadRequestError);
});

test("an aborted stream ends, and the next request is answered", async () => {
  const controller = new AbortController();
  const stream = await ai.chat.completions.create(
    { model, messages: user("Count from one to five hundred in words."), max_tokens: 2000, stream: true },
    { ...fresh, signal: controller.signal });
  let pieces = 0;
  for await (const _ of stream) if (++pieces === 3) controller.abort();
  assert.ok(pieces >= 3);
  const next = await ai.chat.completions.create({ model, messages: user("Say done."), max_tokens: 4 }, { ...fresh, timeout: 60_000 });
  assert.ok(next.choices.length);
});

test("wrong keys are refused", { skip: guarded ? false : "no server with keys was started" }, async () => {
  const other = new OpenAI({ baseURL: `${guarded}/v1`, apiKey: "sk-wrong-key-0000", maxRetries: 0 });
  await assert.rejects(other.models.list(), OpenAI.AuthenticationError);
});
