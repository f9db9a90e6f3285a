"""Claim: the pages work in a browser, desktop and phone, light and dark, and are accessible."""
import json
import shutil

import claims
import common
import server_house
from index_store import shown_by
from server_contract import SERVER_VENV
from server_house import claim


@claim("pages", "every page walked in a browser, desktop and phone, light and dark: no error, no request to elsewhere, axe finds nothing")
def pages(_):
    python = common.need(SERVER_VENV / "bin" / "python", "`tools/setup server` makes it")
    if shutil.which("chromium") is None:
        raise common.Missing("chromium is missing: `tools/setup server` installs it")
    animals = common.stamps_folder() / "animals"
    shots = common.ROOT / "build" / "pages"
    with server_house.home() as folder:
        server_house.pictor(folder, "--quiet", "index", animals, "-c", "animals")
        keys = [server_house.pictor(folder, "--quiet", "key", "create", "--role", role) for role in ("writer", "admin")]
        with server_house.served(folder) as address:
            went = common.run([python, common.ROOT / "bench" / "prove" / "server_pages_walk.py", f"http://{address[0]}:{address[1]}", *keys,
                               common.pictures(animals)[0], shots], timeout=1800)
    found = json.loads(went.must(0).out)
    faults = [f"{name}: {fault}" for name, walk in found.items() for fault in walk["faults"]]
    states = sum(walk["states"] for walk in found.values())
    return claims.Finding(not faults, f"{states} states, {len(faults)} faults" + (f": {'; '.join(faults[:5])}" if faults else "") +
                          f"; screenshots in {shots.relative_to(common.ROOT)}", found)


claim("page-states", "the modules of the pages, and pages over a server that refuses, fails, has nothing, or answers what is new")(
    lambda _: shown_by(("pages_test",), "states of pages"))
