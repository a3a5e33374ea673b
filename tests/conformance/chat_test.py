# The official Python client against the server: chat, streams, sampling, structured answers, images.
import asyncio
import json
import unittest

import openai
from pydantic import BaseModel

from common import FRESH, MODEL, TEXT_MODEL, Suite

PIXEL = ("data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E"
         "rkJggg==")


class Person(BaseModel):
    name: str
    age: int


class Chat(Suite):
    def test_an_answer_has_every_field(self):
        answer = self.ask()
        self.assertTrue(answer.id)
        self.assertEqual(answer.object, "chat.completion")
        self.assertGreater(answer.created, 1_600_000_000)
        self.assertTrue(answer.model)
        choice = answer.choices[0]
        self.assertEqual(choice.index, 0)
        self.assertEqual(choice.message.role, "assistant")
        self.assertTrue(choice.message.content.strip())
        self.assertIsNone(choice.message.tool_calls)
        self.assertIn(choice.finish_reason, ("stop", "length"))
        self.assertGreater(answer.usage.prompt_tokens, 0)
        self.assertEqual(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens)

    def test_a_stream_says_the_same_as_the_whole(self):
        whole = self.ask("Count from one to five in words.", extra_headers=FRESH)
        chunks = list(self.ask("Count from one to five in words.", stream=True, extra_headers=FRESH))
        self.assertEqual({chunk.object for chunk in chunks}, {"chat.completion.chunk"})
        self.assertEqual(len({chunk.id for chunk in chunks}), 1)
        deltas = [chunk.choices[0] for chunk in chunks if chunk.choices]
        self.assertEqual(deltas[0].delta.role, "assistant")
        text = "".join(choice.delta.content or "" for choice in deltas)
        self.assertEqual(text, whole.choices[0].message.content)
        self.assertEqual(deltas[-1].finish_reason, whole.choices[0].finish_reason)
        self.assertEqual([choice.finish_reason for choice in deltas[:-1]], [None] * (len(deltas) - 1))
        self.assertTrue(all(chunk.usage is None for chunk in chunks))

    def test_usage_comes_last_in_a_stream_that_asks_for_it(self):
        chunks = list(self.ask(stream=True, stream_options={"include_usage": True}, extra_headers=FRESH))
        self.assertEqual(chunks[-1].choices, [])
        self.assertGreater(chunks[-1].usage.prompt_tokens, 0)
        self.assertGreater(chunks[-1].usage.completion_tokens, 0)
        self.assertTrue(all(chunk.usage is None for chunk in chunks[:-1]))

    def test_the_stream_helper_collects_the_answer(self):
        with self.ai.chat.completions.stream(model=MODEL, messages=[{"role": "user", "content": "Say hi."}],
                                             temperature=0, max_tokens=64) as stream:
            kinds = {event.type for event in stream}
            final = stream.get_final_completion()
        self.assertIn("content.delta", kinds)
        self.assertTrue(final.choices[0].message.content)

    def test_stop_words_end_the_answer_and_are_not_in_it(self):
        answer = self.ask("Write exactly: one two three four five", stop=["three", "drei"], max_tokens=24)
        self.assertNotIn("three", answer.choices[0].message.content)
        self.assertEqual(answer.choices[0].finish_reason, "stop")

    def test_both_names_of_the_token_limit_hold(self):
        for name in ("max_tokens", "max_completion_tokens"):
            with self.subTest(name):
                options = {"max_tokens": None, name: 5}
                answer = self.ask("Tell a very long story.", **options)
                self.assertEqual(answer.choices[0].finish_reason, "length")
                self.assertLessEqual(answer.usage.completion_tokens, 5)

    def test_a_seed_repeats_what_was_drawn(self):
        # Drawn twice by the engine itself the words may part: a prompt that is read in one go and one that is half
        # in its prefix cache differ in the last bits. The response cache makes the promise good.
        said = [self.ask("Invent a name for a cat.", temperature=1.2, seed=seed, max_tokens=12)
                .choices[0].message.content for seed in (7, 7, 8, 9)]
        self.assertEqual(said[0], said[1])
        self.assertGreater(len(set(said)), 1)

    def test_n_gives_as_many_choices(self):
        answer = self.ask("Invent a name for a dog.", n=2, temperature=1, max_tokens=8)
        self.assertEqual(sorted(choice.index for choice in answer.choices), [0, 1])

    def test_logprobs(self):
        answer = self.ask(logprobs=True, top_logprobs=2, max_tokens=3)
        content = answer.choices[0].logprobs.content
        self.assertEqual(len(content), answer.usage.completion_tokens)
        for token in content:
            self.assertLessEqual(token.logprob, 0)
            self.assertEqual(len(token.top_logprobs), 2)
        self.assertIsNone(self.ask(max_tokens=3).choices[0].logprobs)

    def test_content_may_come_in_parts_and_in_any_script(self):
        answer = self.ask(messages=[
            {"role": "system", "content": [{"type": "text", "text": "Answer with one word."}]},
            {"role": "user", "content": [{"type": "text", "text": "Capitale d'Italia? "}, {"type": "text", "text": "🇮🇹 東"}]}])
        self.assertTrue(answer.choices[0].message.content)

    def test_the_developer_role_is_a_system_message(self):
        answer = self.ask(messages=[{"role": "developer", "content": "Answer only: yes"}, {"role": "user", "content": "Ok?"}])
        self.assertTrue(answer.choices[0].message.content)

    def test_fields_nobody_knows_pass_through(self):
        self.assertTrue(self.ask(extra_body={"some_field_of_tomorrow": {"a": 1}}, user="me", metadata={"k": "v"},
                                 presence_penalty=0.1, frequency_penalty=0.1, top_p=0.9))

    def test_a_conversation_keeps_the_engines_prefix(self):
        first = [{"role": "system", "content": "You are a calm guide who knows every mountain of the Alps. " * 8},
                 {"role": "user", "content": "Hello!"}]
        answer = self.ask(messages=first, extra_headers=FRESH)
        more = first + [{"role": "assistant", "content": answer.choices[0].message.content},
                        {"role": "user", "content": "Name one mountain."}]
        answer = self.ask(messages=more, extra_headers=FRESH)
        self.assertGreater(answer.usage.prompt_tokens_details.cached_tokens, 60)

    def test_many_at_once(self):
        async def all_of_them():
            async with openai.AsyncOpenAI(base_url=str(self.ai.base_url), api_key="x", max_retries=0) as ai:
                return await asyncio.gather(*[
                    ai.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": f"Say {n}."}],
                                               temperature=0, max_tokens=4) for n in range(6)])
        answers = asyncio.run(all_of_them())
        self.assertEqual(len({answer.id for answer in answers}), 6)

    def test_a_stream_that_is_left_ends_the_generation(self):
        stream = self.ask("Count from one to five hundred in words.", stream=True, max_tokens=2000, extra_headers=FRESH)
        for _, _ in zip(range(3), stream):
            pass
        stream.close()
        self.assertTrue(self.ask("Say done.", max_tokens=4, timeout=60, extra_headers=FRESH).choices)

    def test_the_completions_endpoint(self):
        answer = self.ai.completions.create(model=MODEL, prompt="One, two, three,", max_tokens=6, temperature=0)
        self.assertEqual(answer.object, "text_completion")
        self.assertTrue(answer.choices[0].text)
        streamed = self.ai.completions.create(model=MODEL, prompt="One, two, three,", max_tokens=6, temperature=0, stream=True)
        self.assertEqual("".join(chunk.choices[0].text for chunk in streamed if chunk.choices), answer.choices[0].text)


class Structured(Suite):
    def test_json_object(self):
        answer = self.ask("Give a JSON object with the keys a and b.", response_format={"type": "json_object"}, max_tokens=60)
        self.assertIsInstance(json.loads(answer.choices[0].message.content), dict)

    def test_json_schema(self):
        schema = {"type": "object", "properties": {"color": {"enum": ["red", "green"]}, "n": {"type": "integer"}},
                  "required": ["color", "n"], "additionalProperties": False}
        answer = self.ask("Name a color and a number.", max_tokens=60, response_format={
            "type": "json_schema", "json_schema": {"name": "thing", "strict": True, "schema": schema}})
        got = json.loads(answer.choices[0].message.content)
        self.assertIn(got["color"], ("red", "green"))
        self.assertIsInstance(got["n"], int)

    def test_the_parse_helper(self):
        answer = self.ai.chat.completions.parse(model=MODEL, temperature=0, max_tokens=60, response_format=Person,
                                                messages=[{"role": "user", "content": "Anna is 31 years old."}])
        self.assertEqual(answer.choices[0].message.parsed, Person(name="Anna", age=31))

    def test_the_parse_helper_on_a_stream(self):
        with self.ai.chat.completions.stream(model=MODEL, temperature=0, max_tokens=60, response_format=Person,
                                             messages=[{"role": "user", "content": "Bruno is 44 years old."}]) as stream:
            answer = stream.get_final_completion()
        self.assertEqual(answer.choices[0].message.parsed.age, 44)


class Images(Suite):
    def image(self, url):
        return [{"role": "user", "content": [{"type": "text", "text": "What is this?"},
                                             {"type": "image_url", "image_url": {"url": url}}]}]

    def test_a_model_without_eyes_refuses_them(self):
        error = self.refusal(openai.BadRequestError, model=TEXT_MODEL, messages=self.image(PIXEL))
        self.assertTrue(str(error.message))

    def test_addresses_of_this_machine_are_never_fetched(self):
        for url in ("http://127.0.0.1:1/x.png", "http://169.254.169.254/latest/meta-data", "file:///etc/passwd"):
            with self.subTest(url):
                self.assertEqual(self.refusal(openai.BadRequestError, model=TEXT_MODEL, messages=self.image(url)).status_code, 400)


if __name__ == "__main__":
    unittest.main()
