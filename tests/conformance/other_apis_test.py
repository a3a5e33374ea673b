# Tools through the Responses API with the official Python client, and through Anthropic's Messages API by hand.
import json
import unittest
import urllib.error
import urllib.request

import openai

from common import MODEL, URL, Suite

WEATHER = {"type": "function", "name": "get_weather", "description": "Get the current weather of a city", "strict": False,
           "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}
TIMER = {"type": "function", "name": "set_timer", "description": "Start a countdown timer", "strict": False,
         "parameters": {"type": "object", "properties": {"minutes": {"type": "integer"}}, "required": ["minutes"]}}
QUESTION = "What's the weather like in Paris right now?"


class Responses(Suite):
    def create(self, text, **options):
        given = {"model": MODEL, "input": text, "tools": [WEATHER, TIMER], "temperature": 0, "max_output_tokens": 80}
        return self.ai.responses.create(**{**given, **options})

    def test_a_call_is_an_item_of_the_output(self):
        answer = self.create(QUESTION)
        self.assertEqual(answer.status, "completed")
        call = next(item for item in answer.output if item.type == "function_call")
        self.assertEqual(call.name, "get_weather")
        self.assertEqual(json.loads(call.arguments), {"city": "Paris"})
        self.assertTrue(call.call_id)
        self.assertGreater(answer.usage.input_tokens, 0)
        self.assertEqual(answer.tools[0].name, "get_weather")

    def test_words_where_no_tool_is_needed(self):
        answer = self.create("Hello! How are you?")
        self.assertTrue(answer.output_text)
        self.assertEqual([item.type for item in answer.output], ["message"])

    def test_a_result_is_told_to_the_user(self):
        first = self.create(QUESTION)
        call = first.output[0]
        second = self.create([{"role": "user", "content": QUESTION}, *[item.to_dict() for item in first.output],
                              {"type": "function_call_output", "call_id": call.call_id, "output": '{"temperature": 17}'}])
        self.assertIn("17", second.output_text)

    def test_a_named_tool_and_parallel_calls(self):
        answer = self.create("Twelve minutes!", tool_choice={"type": "function", "name": "set_timer"})
        self.assertEqual([item.name for item in answer.output], ["set_timer"])
        answer = self.create("What's the weather in Rome and in Berlin?")
        self.assertEqual([json.loads(item.arguments)["city"] for item in answer.output], ["Rome", "Berlin"])

    def test_a_stream_is_put_together_by_the_clients_own_helper(self):
        with self.ai.responses.stream(model=MODEL, input=QUESTION, tools=[WEATHER, TIMER], temperature=0,
                                      max_output_tokens=80) as stream:
            events = list(stream)
            final = stream.get_final_response()
        self.assertEqual(events[0].type, "response.created")
        self.assertEqual([event.sequence_number for event in events], list(range(len(events))))
        pieces = "".join(event.delta for event in events if event.type == "response.function_call_arguments.delta")
        self.assertEqual(json.loads(pieces), {"city": "Paris"})
        self.assertEqual(final.output[0].arguments, pieces)
        with self.ai.responses.stream(model=MODEL, input="Hello! How are you?", tools=[WEATHER], temperature=0,
                                      max_output_tokens=300) as stream:
            words = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        self.assertEqual(stream.get_final_response().output_text, words)

    def test_what_is_not_here_is_refused(self):
        for options in ({"tools": [{"type": "web_search_preview"}]}, {"previous_response_id": "resp_1"},
                        {"tool_choice": {"type": "function", "name": "nothing"}}):
            with self.subTest(options), self.assertRaises(openai.BadRequestError) as caught:
                self.create("x", **options)
            self.assertEqual(caught.exception.type, "invalid_request_error")


class Messages(unittest.TestCase):
    TOOLS = [{"name": tool["name"], "description": tool["description"], "input_schema": tool["parameters"]}
             for tool in (WEATHER, TIMER)]

    def send(self, **options):
        body = {"model": MODEL, "max_tokens": 80, "temperature": 0, "tools": self.TOOLS,
                "messages": [{"role": "user", "content": QUESTION}], **options}
        request = urllib.request.Request(f"{URL}/v1/messages", json.dumps(body).encode(),
                                         {"content-type": "application/json", "anthropic-version": "2023-06-01"})
        try:
            with urllib.request.urlopen(request, timeout=300) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def test_a_call_is_a_block(self):
        status, text = self.send()
        self.assertEqual(status, 200, text)
        message = json.loads(text)
        self.assertEqual(message["stop_reason"], "tool_use")
        call = message["content"][-1]
        self.assertEqual((call["type"], call["name"], call["input"]), ("tool_use", "get_weather", {"city": "Paris"}))
        told = json.loads(self.send(messages=[
            {"role": "user", "content": QUESTION}, {"role": "assistant", "content": message["content"]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call["id"],
                                          "content": '{"temperature": 17}'}]}])[1])
        self.assertEqual(told["stop_reason"], "end_turn")
        self.assertIn("17", told["content"][0]["text"])

    def test_choices(self):
        message = json.loads(self.send(tool_choice={"type": "tool", "name": "set_timer"})[1])
        self.assertEqual(message["content"][0]["name"], "set_timer")
        message = json.loads(self.send(tool_choice={"type": "any", "disable_parallel_tool_use": True})[1])
        self.assertEqual([block["type"] for block in message["content"]], ["tool_use"])
        message = json.loads(self.send(tool_choice={"type": "none"})[1])
        self.assertEqual(message["content"][0]["type"], "text")

    def test_a_stream_of_blocks(self):
        _, text = self.send(stream=True)
        events = [(lines[0][7:], json.loads(lines[1][6:]))
                  for lines in (event.split("\n") for event in text.strip().split("\n\n")) if lines[0][0] != ":"]
        for name, data in events:
            self.assertEqual(name, data["type"])
        self.assertEqual((events[0][0], events[-2][0], events[-1][0]), ("message_start", "message_delta", "message_stop"))
        pieces = "".join(data["delta"]["partial_json"] for name, data in events if name == "content_block_delta")
        self.assertEqual(json.loads(pieces), {"city": "Paris"})
        self.assertEqual(events[-2][1]["delta"]["stop_reason"], "tool_use")
        self.assertGreater(events[-2][1]["usage"]["output_tokens"], 0)

    def test_errors_have_its_shape(self):
        for options in ({"messages": []}, {"tool_choice": {"type": "tool", "name": "nothing"}},
                        {"tools": [{"type": "bash_20250124", "name": "bash"}]}):
            status, text = self.send(**options)
            with self.subTest(options):
                self.assertEqual(status, 400, text)
                self.assertEqual(json.loads(text)["error"]["type"], "invalid_request_error")


if __name__ == "__main__":
    unittest.main()
