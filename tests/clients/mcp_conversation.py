#!/usr/bin/env python3
"""Holds a conversation with `pictor mcp` by the official client library, and prints what it saw as one line of JSON.

Usage: mcp_conversation.py PROGRAM PICTURES      the folder of pictures is indexed into a data folder of its own

Runs in an environment that has the package `mcp` (tools/requirements-server.txt). It ends with status 1 where something is not as
the protocol or the documents say, with the claim that failed as "failed". Everything is asked twice: of a data folder, and of a
server with a key that may see one of two collections.
"""
import asyncio
import base64
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

from mcp import ClientSession, StdioServerParameters, stdio_client

TOOLS = {"search", "similar", "describe", "context"}
BUDGET = 6000


def expect(holds, what):
    if not holds:
        raise AssertionError(what)


def run(program, environment, *arguments):
    done = subprocess.run([program, *arguments], env=environment, capture_output=True, text=True, timeout=300)
    expect(done.returncode == 0, f"{' '.join(arguments)}: {done.stderr[-300:]}")
    return done.stdout


@contextlib.contextmanager
def served(program, environment):
    process = subprocess.Popen([program, "--json", "serve", "--listen", "127.0.0.1:0"], env=environment, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield json.loads(process.stdout.readline())["url"]
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def field(thing, *names):
    """Versions of the library name fields `isError` or `is_error`."""
    return next(getattr(thing, name) for name in names if hasattr(thing, name))


def structure(result):
    expect(not field(result, "isError", "is_error"), f"a call failed: {result.content}")
    told = field(result, "structuredContent", "structured_content")
    expect(json.loads(result.content[0].text) == told, "the text of a result is not its structure")
    return told


async def tools_work(session, secret):
    listed = await session.list_tools()
    expect({tool.name for tool in listed.tools} == TOOLS, f"tools: {[tool.name for tool in listed.tools]}")
    for tool in listed.tools:
        hint = field(tool.annotations, "readOnlyHint", "read_only_hint")
        expect(hint is True, f"'{tool.name}' is not said to only read")
    described = structure(await session.call_tool("describe", {}))
    names = [one["name"] for one in described["collections"]]
    expect(("secret" in names) != secret, f"collections that are seen: {names}")
    found = structure(await session.call_tool("search", {"text": "a boat", "k": 5, "collection": "open"}))
    expect(len(found["hits"]) == 5, "a search found no five")
    first = found["hits"][0]
    alike = structure(await session.call_tool("similar", {"id": first["id"], "k": 3, "collection": "open"}))
    expect(first["id"] not in [hit["id"] for hit in alike["hits"]], "an item is similar to itself")
    item = await session.call_tool("describe", {"id": first["id"], "collection": "open"})
    expect(structure(item)["item"]["id"] == first["id"], "another item is described")
    picture = base64.b64decode(item.content[1].data)
    expect(picture[:3] == b"\xff\xd8\xff", "the picture is no JPEG")
    return first


async def packs_keep_to_their_budget(session):
    result = await session.call_tool("context", {"text": "a boat", "budget_tokens": BUDGET, "items": 8, "collection": "open"})
    pack = structure(result)
    expect(0 < pack["tokens"]["used"] <= BUDGET, f"tokens: {pack['tokens']}")
    expect([entry["citation"] for entry in pack["entries"]] == list(range(1, len(pack["entries"]) + 1)), "citations have gaps")
    expect(pack["entries"], "the pack is empty")
    expect(len(result.content[0].text.encode()) <= BUDGET, "the text alone passes the budget")
    return {"entries": len(pack["entries"]), "pictures": len(result.content) - 1, "tokens": pack["tokens"]["used"]}


async def errors_are_told(session, secret):
    wrong = await session.call_tool("search", {"text": "a", "k": 100000, "collection": "open"})
    expect(field(wrong, "isError", "is_error"), "a wrong argument is no error")
    if secret:
        hidden = await session.call_tool("search", {"text": "a", "collection": "secret"})
        expect(field(hidden, "isError", "is_error"), "a collection is searched that the key is not for")
    for call in (session.call_tool("none", {}), session.read_resource("pictor://collections/open/items/none")):
        try:
            await call
        except Exception as error:  # of whatever type the library has it
            expect("none" in str(error), f"an error says '{error}'")
        else:
            raise AssertionError("what there is not is no error")


async def resources_are_read(session, first, secret):
    seen, cursor = [], None
    for _ in range(100):
        page = await session.list_resources(**({"params": cursor} if cursor else {}))
        seen += [str(one.uri) for one in page.resources]
        following = field(page, "nextCursor", "next_cursor")
        if not following:
            break
        from mcp import types
        cursor = types.PaginatedRequestParams(cursor=following)
    expect(len(seen) == len(set(seen)), "a resource is listed twice")
    expect(any("/secret" in uri for uri in seen) != secret, "resources of another collection")
    templates = await session.list_resource_templates()
    expect(len(field(templates, "resourceTemplates", "resource_templates")) == 3, "templates")
    item = (await session.read_resource(first["uri"])).contents[0]
    expect(json.loads(item.text)["id"] == first["id"], "another item is read")
    picture = (await session.read_resource(first["uri"] + "/picture")).contents[0]
    expect(base64.b64decode(picture.blob), "the picture has no bytes")
    return len(seen)


async def conversation(program, arguments, environment, secret):
    async with stdio_client(StdioServerParameters(command=program, args=arguments, env=environment)) as (read, write):
        async with ClientSession(read, write) as session:
            hello = await session.initialize()
            await session.send_ping()
            first = await tools_work(session, secret)
            saw = await packs_keep_to_their_budget(session)
            await errors_are_told(session, secret)
            saw["resources"] = await resources_are_read(session, first, secret)
            saw["protocol"] = field(hello, "protocolVersion", "protocol_version")
            return saw


def main(program, pictures):
    with tempfile.TemporaryDirectory(prefix="pictor-mcp-") as home:
        environment = {**os.environ, "HOME": home, "XDG_DATA_HOME": f"{home}/data", "XDG_CACHE_HOME": f"{home}/cache",
                       "XDG_CONFIG_HOME": f"{home}/config"}
        for name in ("open", "secret"):
            run(program, environment, "index", pictures, "--collection", name, "--keep", "thumbnail")
        folder = asyncio.run(conversation(program, ["mcp"], environment, False))
        key = json.loads(run(program, environment, "--json", "key", "create", "--name", "assistant", "--role", "reader", "--collections", "open"))
        with served(program, environment) as url:
            server = asyncio.run(conversation(program, ["--server", url, "mcp"], {**environment, "PICTOR_KEY": key["key"]}, True))
        return {"folder": folder, "server": server}


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        print(json.dumps(main(str(pathlib.Path(sys.argv[1]).resolve()), sys.argv[2])))
    except BaseExceptionGroup as group:
        error = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        print(json.dumps({"failed": f"{type(error).__name__}: {error}"}))
        sys.exit(1)
    except (AssertionError, OSError, KeyError, ValueError) as error:
        print(json.dumps({"failed": f"{type(error).__name__}: {error}"}))
        sys.exit(1)
