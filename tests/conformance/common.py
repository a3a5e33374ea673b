# What the suites of the Python client share: the addresses under test and short ways to ask.
import os
import unittest

import openai

URL = os.environ.get("STUDIO_CONFORMANCE_URL", "http://127.0.0.1:8420")
MODEL = os.environ.get("STUDIO_CONFORMANCE_MODEL", "auto")
# A model that only reads text; `auto` would look for one that sees.
TEXT_MODEL = os.environ.get("STUDIO_CONFORMANCE_TEXT_MODEL", MODEL)
EMBEDDER = os.environ.get("STUDIO_CONFORMANCE_EMBEDDER", "")
# A second server that asks for keys; empty: those tests are skipped.
GUARDED_URL = os.environ.get("STUDIO_CONFORMANCE_GUARDED_URL", "")
GUARDED_KEY = os.environ.get("STUDIO_CONFORMANCE_KEY", "")

FRESH = {"cache-control": "no-store"}  # never from the response cache


def client(**options):
    given = {"base_url": URL + "/v1", "api_key": "unused", "max_retries": 0, "timeout": 300}
    return openai.OpenAI(**{**given, **options})


class Suite(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.ai = client()

    def ask(self, text="Say hello.", **options):
        """One chat request, deterministic and short unless told otherwise."""
        given = {"model": MODEL, "messages": [{"role": "user", "content": text}], "temperature": 0, "max_tokens": 16}
        given.update(options)
        return self.ai.chat.completions.create(**{k: v for k, v in given.items() if v is not None})

    def refusal(self, kind, **options):
        """The exception that a request must raise."""
        with self.assertRaises(kind) as caught:
            self.ask(**options)
        return caught.exception
