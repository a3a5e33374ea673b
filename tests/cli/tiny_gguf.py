#!/usr/bin/env python3
# tiny_gguf.py FILE: a whole GGUF file of a few kB with a header as a chat model has it, for transcripts.
import struct
import sys


def text(value):
    return struct.pack("<Q", len(value)) + value.encode()


def string(key, value):
    return text(key) + struct.pack("<I", 8) + text(value)


def number(key, value):
    return text(key) + struct.pack("<II", 4, value)


pairs = [string("general.architecture", "llama"), string("general.name", "Tiny Test 1B"),
         string("general.license", "mit"), number("llama.block_count", 1), number("llama.context_length", 2048),
         number("llama.embedding_length", 32), number("llama.feed_forward_length", 64),
         number("llama.attention.head_count", 2), number("llama.attention.head_count_kv", 1)]
table, data = b"", b""
for name, columns, rows in (("token_embd.weight", 32, 8), ("output.weight", 32, 8), ("blk.0.attn_k.weight", 32, 16)):
    table += text(name) + struct.pack("<IQQIQ", 2, columns, rows, 1, len(data))
    data += bytes(columns * rows * 2)
head = b"GGUF" + struct.pack("<IQQ", 3, 3, len(pairs)) + b"".join(pairs) + table
head += bytes(-len(head) % 32)
open(sys.argv[1], "wb").write(head + data)
