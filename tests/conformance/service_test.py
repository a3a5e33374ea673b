# The official Python client against the server: models, embeddings, errors, keys, limits, cache, request ids.
import base64
import http.client
import json
import struct
import unittest
import urllib.parse

import openai

from common import EMBEDDER, FRESH, GUARDED_KEY, GUARDED_URL, MODEL, URL, Suite, client


def raw(method, path, body=b"", headers=None, url=URL):
    """One exchange below the client: status, headers, parsed body."""
    at = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(at.hostname, at.port, timeout=60)
    connection.request(method, path, body, {"Content-Type": "application/json", **(headers or {})})
    response = connection.getresponse()
    text = response.read()
    connection.close()
    try:
        return response.status, response.headers, json.loads(text)
    except ValueError:
        return response.status, response.headers, text


class Models(Suite):
    def test_the_list_names_what_there_is(self):
        listed = list(self.ai.models.list())
        self.assertTrue(listed)
        for model in listed:
            self.assertEqual(model.object, "model")
            self.assertTrue(model.id)
        one = self.ai.models.retrieve(listed[0].id)
        self.assertEqual(one.id, listed[0].id)
        with self.assertRaises(openai.NotFoundError):
            self.ai.models.retrieve("no-such-model")


@unittest.skipUnless(EMBEDDER, "no embedding model is here")
class Embeddings(Suite):
    def embed(self, texts, **options):
        return self.ai.embeddings.create(model=EMBEDDER, input=texts, **options)

    def test_floats_and_base64_are_the_same_vectors(self):
        texts = ["a cat on a sofa", "un gatto sul divano"]
        floats = self.embed(texts, encoding_format="float")
        packed = self.embed(texts, encoding_format="base64")
        self.assertEqual([item.index for item in floats.data], [0, 1])
        self.assertGreater(floats.usage.prompt_tokens, 0)
        for a, b in zip(floats.data, packed.data):
            if isinstance(b.embedding, str):
                raw_bytes = base64.b64decode(b.embedding)
                b.embedding = list(struct.unpack(f"<{len(raw_bytes) // 4}f", raw_bytes))
            self.assertEqual(len(a.embedding), len(b.embedding))
            for x, y in zip(a.embedding, b.embedding):
                self.assertAlmostEqual(x, y, places=4)

    def test_the_default_form_is_understood(self):
        answer = self.embed("one text")
        self.assertEqual(len(answer.data), 1)
        self.assertIsInstance(answer.data[0].embedding[0], float)

    def test_near_texts_have_near_vectors(self):
        a, b, c = (item.embedding for item in self.embed(["a dog runs", "a puppy is running", "tax law of 1984"]).data)
        near = sum(x * y for x, y in zip(a, b))
        far = sum(x * y for x, y in zip(a, c))
        self.assertGreater(near, far + 0.2)


class Errors(Suite):
    def test_an_unknown_model(self):
        error = self.refusal(openai.NotFoundError, model="gpt-9")
        self.assertEqual(error.code, "model_not_found")
        self.assertEqual(error.type, "invalid_request_error")
        self.assertEqual(error.param, "model")

    def test_a_prompt_that_is_too_long(self):
        error = self.refusal(openai.BadRequestError, text="word " * 60000, max_tokens=4)
        self.assertEqual(error.code, "context_length_exceeded")

    def test_fields_that_are_wrong(self):
        for options in ({"messages": "hello"}, {"messages": [7]}):
            with self.subTest(options):
                self.assertEqual(self.refusal(openai.BadRequestError, **options).type, "invalid_request_error")

    def test_bodies_that_are_no_request(self):
        for body in (b"{", b"[]", b"\xff\xfe", b"null", b"", b'{"model": 7}', b'{"a":' * 300):
            status, _, answer = raw("POST", "/v1/chat/completions", body)
            with self.subTest(body[:20]):
                self.assertEqual(status, 400)
                self.assertEqual(set(answer["error"]), {"message", "type", "param", "code"})

    def test_paths_and_methods_that_are_not_there(self):
        self.assertEqual(raw("GET", "/v1/nothing")[0], 404)
        self.assertIn("error", raw("GET", "/v1/nothing")[2])
        self.assertIn(raw("GET", "/v1/chat/completions")[0], (404, 405))
        self.assertIn(raw("DELETE", "/v1/models")[0], (404, 405))

    def test_a_body_beyond_the_limit(self):
        status, _, answer = raw("POST", "/v1/chat/completions", b'{"a":"' + b"x" * (40 << 20) + b'"}')
        self.assertEqual(status, 413)
        self.assertIn("error", answer)


class Headers(Suite):
    def test_every_answer_has_a_request_id(self):
        answer = self.ask()
        self.assertTrue(answer._request_id)
        error = self.refusal(openai.NotFoundError, model="gpt-9")
        self.assertTrue(error.request_id)
        self.assertNotEqual(answer._request_id, error.request_id)

    def test_equal_deterministic_requests_are_answered_from_the_cache(self):
        create = self.ai.chat.completions.with_raw_response.create
        request = {"model": MODEL, "messages": [{"role": "user", "content": "Cache this: 8731."}], "temperature": 0,
                   "max_tokens": 6}
        create(**request)
        first = create(**request)
        self.assertEqual(first.headers.get("x-cache"), "hit")
        fresh = create(**request, extra_headers=FRESH)
        self.assertNotEqual(fresh.headers.get("x-cache"), "hit")
        self.assertEqual(first.parse().choices[0].message.content, fresh.parse().choices[0].message.content)
        drawn = {**request, "temperature": 0.8}
        create(**drawn)
        self.assertNotEqual(create(**drawn).headers.get("x-cache"), "hit")

    def test_a_kept_stream_is_given_as_a_stream(self):
        request = {"model": MODEL, "messages": [{"role": "user", "content": "Stream this: 8732."}], "temperature": 0,
                   "max_tokens": 6, "stream": True}
        def pieces():
            raw_answer = self.ai.chat.completions.with_raw_response.create(**request)
            return raw_answer.headers.get("x-cache"), [chunk.choices[0].delta.content for chunk in raw_answer.parse() if chunk.choices]
        _, made = pieces()
        state, kept = pieces()
        self.assertEqual(state, "hit")
        self.assertEqual(made, kept)
        self.assertGreater(len(kept), 2)

    def test_health_readiness_and_metrics(self):
        self.assertEqual(raw("GET", "/health")[0], 200)
        self.assertEqual(raw("GET", "/ready")[0], 200)
        status, _, text = raw("GET", "/metrics")
        self.assertEqual(status, 200)
        self.assertIn(b"studio_requests_total", text)


@unittest.skipUnless(GUARDED_URL, "no server with keys was started")
class Keys(Suite):
    def guarded(self, key, **options):
        return client(base_url=GUARDED_URL + "/v1", api_key=key, **options)

    def test_wrong_and_missing_keys_are_refused(self):
        with self.assertRaises(openai.AuthenticationError) as caught:
            self.guarded("sk-wrong-key-0000").models.list()
        self.assertEqual(caught.exception.code, "invalid_api_key")
        self.assertNotIn("wrong-key", str(caught.exception))
        self.assertEqual(raw("GET", "/v1/models", url=GUARDED_URL)[0], 401)
        self.assertEqual(raw("GET", "/admin/models", url=GUARDED_URL)[0], 401)
        self.assertEqual(raw("GET", "/health", url=GUARDED_URL)[0], 200)

    def test_past_the_rate_limit_comes_429_with_the_time_to_wait(self):
        ai = self.guarded(GUARDED_KEY)
        with self.assertRaises(openai.RateLimitError) as caught:
            for _ in range(40):
                self.counted(ai)
        self.assertGreater(float(caught.exception.response.headers["retry-after"]), 0)
        self.assertEqual(caught.exception.type, "rate_limit_error")

    @staticmethod
    def counted(ai):
        try:
            ai.chat.completions.create(model="gpt-9", messages=[{"role": "user", "content": "x"}])
        except openai.NotFoundError:
            pass


class Responses(Suite):
    def test_the_responses_api_where_the_engine_speaks_it(self):
        try:
            answer = self.ai.responses.create(model=MODEL, input="Say hello.", temperature=0, max_output_tokens=16)
        except (openai.NotFoundError, openai.InternalServerError) as error:
            if getattr(error, "status_code", 0) in (404, 501):
                self.skipTest("the engine does not speak /v1/responses")
            raise
        self.assertTrue(answer.output_text.strip())
        events = [event.type for event in self.ai.responses.create(model=MODEL, input="Say hello.", temperature=0,
                                                                   max_output_tokens=16, stream=True)]
        self.assertIn("response.output_text.delta", events)
        self.assertEqual(events[-1], "response.completed")


if __name__ == "__main__":
    unittest.main()
