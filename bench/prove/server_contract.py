"""Claims: the server keeps its contract, and the clients that people have work with it."""
import json
import re

import claims
import common
import server_house
from index_store import shown_by
from server_house import claim

EXAMPLES = 50
SERVER_VENV = common.DEPS / "venv-server"


@claim("contract", f"schemathesis: no 5xx and no answer that is not in the contract, every operation, up to {EXAMPLES} examples each")
def contract(context):
    tool = common.need(SERVER_VENV / "bin" / "schemathesis", "`tools/setup server` makes it")
    pictures = common.pictures(common.stamps_folder())
    with server_house.home() as folder:
        key = server_house.pictor(folder, "--quiet", "key", "create", "--role", "admin")
        with server_house.served(folder) as address:
            client = server_house.Client(address, key)
            client.must("PUT", "/v1/collections/photos/items/a", pictures[0].read_bytes(), "application/octet-stream")
            went = common.run([tool, "run", common.ROOT / "api" / "openapi.yaml", "--url", f"http://{address[0]}:{address[1]}",
                               "--header", f"Authorization: Bearer {key}", "--max-examples", EXAMPLES, "--seed", context.seed % 2**31,
                               "--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
                               "--no-color", "--exclude-operation-id", "revokeKey"], timeout=3000, env={"PYTHONWARNINGS": "ignore"})
            # By a connection of its own: the first has been idle for too long.
            alive = server_house.Client(address, key).ask("GET", "/healthz")[0]
    cases = re.search(r"(\d+) generated", went.out)
    text = f"{cases.group(1) if cases else '?'} requests" if went.status == 0 else " ".join(went.out.split())[-600:]
    return claims.Finding(went.status == 0 and alive == 200, text, {"status": went.status, "tail": went.out[-4000:]})


@claim("openai-client", "the official openai package gets vectors of words, as float and as base64, and sees a wrong key as its own error")
def openai_client(_):
    python = common.need(SERVER_VENV / "bin" / "python", "`tools/setup server` makes it")
    with server_house.home() as folder:
        key = server_house.pictor(folder, "--quiet", "key", "create", "--role", "reader")
        with server_house.served(folder) as address:
            went = common.run([python, common.ROOT / "bench" / "prove" / "server_openai.py", f"http://{address[0]}:{address[1]}/v1", key], timeout=300)
    found = json.loads(went.must(0).out)
    good = found["vectors"] == 2 and found["dim"] == 384 and found["same"] and found["refused"] == "AuthenticationError"
    return claims.Finding(good, f"openai {found['version']}: {found['vectors']} vectors of {found['dim']} numbers, base64 and float "
                          f"{'the same' if found['same'] else 'DIFFER'}, a wrong key is an {found['refused']}", found)


claim("examples", "the curl examples of docs/how/serve.md and keys-and-tenants.md do what they say")(
    lambda _: shown_by(("serve_how_test",), "the examples", env={"CI": "1"}))
