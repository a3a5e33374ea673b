# The official Python client against the server: tools, every choice, parallel, streamed, over several turns.
import json
import unittest

import openai
from pydantic import BaseModel, Field

from common import FRESH, MODEL, Suite

WEATHER = {"type": "function", "function": {
    "name": "get_weather", "description": "Get the current weather of a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string", "description": "City name"},
                                                    "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]}},
                   "required": ["city"]}}}
TIMER = {"type": "function", "function": {
    "name": "set_timer", "description": "Start a countdown timer",
    "parameters": {"type": "object", "properties": {"minutes": {"type": "integer"}}, "required": ["minutes"]}}}


class SetLight(BaseModel):
    """Switch a lamp on or off"""
    room: str = Field(description="kitchen or hall")
    on: bool


class Tools(Suite):
    def call(self, text, **options):
        given = {"tools": [WEATHER, TIMER], "max_tokens": 80}
        given.update(options)
        return self.ask(text, **given).choices[0]

    def check(self, choice, name):
        """A proper call: id, type, arguments that are JSON of the tool's."""
        self.assertEqual(choice.finish_reason, "tool_calls")
        self.assertIsNone(choice.message.content)
        call = choice.message.tool_calls[0]
        self.assertTrue(call.id.startswith("call_"))
        self.assertEqual(call.type, "function")
        self.assertEqual(call.function.name, name)
        return json.loads(call.function.arguments)

    def test_auto_calls_the_tool_that_fits(self):
        self.assertEqual(self.check(self.call("What's the weather like in Paris right now?"), "get_weather")["city"], "Paris")
        self.assertEqual(self.check(self.call("Set a timer for 12 minutes."), "set_timer"), {"minutes": 12})

    def test_auto_answers_in_words_where_no_tool_is_needed(self):
        choice = self.call("Hello! How are you?")
        self.assertTrue(choice.message.content)
        self.assertFalse(choice.message.tool_calls)
        self.assertIn(choice.finish_reason, ("stop", "length"))

    def test_required_calls_always(self):
        choice = self.call("Hello!", tool_choice="required")
        self.check(choice, choice.message.tool_calls[0].function.name)

    def test_a_named_tool_is_called(self):
        named = {"type": "function", "function": {"name": "set_timer"}}
        self.assertIn("minutes", self.check(self.call("What's the weather in Rome?", tool_choice=named), "set_timer"))

    def test_none_calls_nothing(self):
        choice = self.call("What's the weather in Rome?", tool_choice="none", max_tokens=20)
        self.assertFalse(choice.message.tool_calls)
        self.assertTrue(choice.message.content)

    def test_allowed_tools_are_all_that_may_be_called(self):
        allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [
            {"type": "function", "function": {"name": "set_timer"}}]}}
        self.check(self.call("What's the weather in Rome?", tool_choice=allowed), "set_timer")

    def test_parallel_calls(self):
        choice = self.call("What's the weather in Rome and in Berlin?", max_tokens=120)
        self.check(choice, "get_weather")
        calls = choice.message.tool_calls
        self.assertEqual({json.loads(call.function.arguments)["city"] for call in calls}, {"Rome", "Berlin"})
        self.assertEqual(len({call.id for call in calls}), 2)

    def test_without_parallel_calls_there_is_one(self):
        choice = self.call("What's the weather in Rome and in Berlin?", parallel_tool_calls=False)
        self.check(choice, "get_weather")
        self.assertEqual(len(choice.message.tool_calls), 1)

    def streamed(self, **options):
        chunks = list(self.ask(stream=True, tools=[WEATHER, TIMER], max_tokens=120, extra_headers=FRESH, **options))
        calls, content, finish = {}, "", None
        for choice in (chunk.choices[0] for chunk in chunks if chunk.choices):
            content += choice.delta.content or ""
            for call in choice.delta.tool_calls or []:
                if call.index not in calls:
                    self.assertTrue(call.id and call.function.name)
                    calls[call.index] = {"name": call.function.name, "arguments": ""}
                else:
                    self.assertIsNone(call.id)
                calls[call.index]["arguments"] += call.function.arguments or ""
            finish = choice.finish_reason or finish
        return calls, content, finish, chunks

    def test_a_streamed_call(self):
        calls, content, finish, _ = self.streamed(text="What's the weather like in Paris right now?")
        self.assertEqual(finish, "tool_calls")
        self.assertEqual(content, "")
        self.assertEqual(calls[0]["name"], "get_weather")
        self.assertEqual(json.loads(calls[0]["arguments"])["city"], "Paris")

    def test_streamed_parallel_calls(self):
        calls, _, finish, _ = self.streamed(text="What's the weather in Rome and in Berlin?")
        self.assertEqual(finish, "tool_calls")
        self.assertEqual([json.loads(calls[i]["arguments"])["city"] for i in sorted(calls)], ["Rome", "Berlin"])

    def test_streamed_words_beside_tools(self):
        calls, content, finish, _ = self.streamed(text="Hello! How are you?")
        self.assertEqual(calls, {})
        self.assertTrue(content)
        self.assertNotIn("{", content[:2])
        self.assertIn(finish, ("stop", "length"))

    def test_usage_in_a_stream_with_tools(self):
        *_, chunks = self.streamed(text="What's the weather in Rome?", stream_options={"include_usage": True})
        self.assertGreater(chunks[-1].usage.completion_tokens, 0)

    def test_a_result_is_told_to_the_user(self):
        asked = [{"role": "user", "content": "What's the weather in Rome?"}]
        choice = self.call("", messages=asked)
        self.check(choice, "get_weather")
        messages = asked + [choice.message.to_dict(), {"role": "tool", "tool_call_id": choice.message.tool_calls[0].id,
                                                       "content": '{"temperature": 17, "sky": "sunny"}'}]
        told = self.call("", messages=messages)
        self.assertFalse(told.message.tool_calls, told.message)
        self.assertTrue(told.message.content)

    def test_the_parse_helper_gives_arguments_as_values(self):
        answer = self.ai.chat.completions.parse(
            model=MODEL, temperature=0, max_tokens=80, tools=[openai.pydantic_function_tool(SetLight)],
            tool_choice="required", messages=[{"role": "user", "content": "Turn on the light in the kitchen."}])
        light = answer.choices[0].message.tool_calls[0].function.parsed_arguments
        self.assertEqual(light, SetLight(room="kitchen", on=True))

    def test_the_former_functions_field(self):
        answer = self.ask("What's the weather in Oslo?", functions=[WEATHER["function"]],
                          function_call={"name": "get_weather"}, max_tokens=60)
        self.assertEqual(answer.choices[0].message.function_call.name, "get_weather")
        self.assertEqual(json.loads(answer.choices[0].message.function_call.arguments)["city"], "Oslo")

    def test_a_call_cut_by_the_token_limit_says_so(self):
        choice = self.call("What's the weather in Rome?", tool_choice="required", max_tokens=8)
        self.assertEqual(choice.finish_reason, "length")

    def test_what_makes_no_sense_is_refused(self):
        for options in ({"tool_choice": {"type": "function", "function": {"name": "nothing"}}},
                        {"tools": None, "tool_choice": "required"},
                        {"tools": [WEATHER, WEATHER]},
                        {"tools": [{"type": "function", "function": {"name": "not a name"}}]},
                        {"messages": [{"role": "user", "content": "x"},
                                      {"role": "tool", "tool_call_id": "call_x", "content": "y"}]}):
            with self.subTest(options):
                with self.assertRaises(openai.BadRequestError) as caught:
                    self.call("x", **options)
                self.assertEqual(caught.exception.type, "invalid_request_error")


if __name__ == "__main__":
    unittest.main()
