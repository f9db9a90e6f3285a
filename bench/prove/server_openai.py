"""server_openai.py BASE_URL KEY: asks by the official openai package; what it saw, as JSON. Runs in .deps/venv-server."""
import array
import json
import sys

import openai

TEXTS, MODEL = ["a red boat", "a cat"], "lite2-minilm"


def as_f32(numbers):
    """Their bits as float32: decimals name the nearest one, and are read as doubles."""
    return array.array("f", numbers).tobytes()


def main():
    client = openai.OpenAI(base_url=sys.argv[1], api_key=sys.argv[2])
    default = client.embeddings.create(model=MODEL, input=TEXTS)  # which asks for base64
    floats = client.embeddings.create(model=MODEL, input=TEXTS, encoding_format="float")
    refused = ""
    try:
        client.with_options(api_key="pk_none").embeddings.create(model=MODEL, input="x")
    except openai.OpenAIError as error:
        refused = type(error).__name__
    same = all(as_f32(a.embedding) == as_f32(b.embedding) for a, b in zip(default.data, floats.data))
    print(json.dumps({"version": openai.__version__, "vectors": len(default.data), "dim": len(default.data[0].embedding), "same": same,
                      "refused": refused}))


main()
