#!/usr/bin/env python3
"""pages_test.py SOURCE_DIR PYTHON: runs the tests of the modules of ui/ in a browser, and the pages over answers that are made up here: what
a real server seldom says. PYTHON is one with playwright and axe; where it or Chromium is missing the test is skipped (77)."""
import os
import pathlib
import shutil
import sys

SOURCE, PYTHON = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]
if not os.access(PYTHON, os.X_OK) or shutil.which("chromium") is None:
    print("pages_test: skipped, a browser or its driver is missing: `tools/setup server` installs them")
    sys.exit(77)
if os.path.abspath(PYTHON) != os.path.abspath(sys.executable):
    os.execv(PYTHON, [PYTHON, __file__, *sys.argv[1:]])

from playwright.sync_api import sync_playwright  # noqa: E402: only that Python has it

import made_up  # noqa: E402
import states  # noqa: E402

# A page of this machine may use the clipboard. Nothing listens there: every request is answered by route().
ORIGIN = "http://localhost:9"


def modules(browser):
    """The tests in *_test.js, which run by themselves."""
    page = browser.new_page()
    tests = sorted(path.name for path in pathlib.Path(__file__).parent.glob("*_test.js"))
    imports = "".join(f'import "/tests/{name}";' for name in tests)
    run = f'<!doctype html><title>t</title><script type="module">{imports}import {{ run_all }} from "/tests/check.js"; window.became = await run_all();</script>'
    page.on("pageerror", lambda error: print(f"pages_test: {error}", file=sys.stderr))
    made_up.answer(page, SOURCE, {"/run": (200, run, "text/html")}, ORIGIN)
    page.goto(f"{ORIGIN}/run")
    page.wait_for_function("window.became", timeout=30_000)
    became = page.evaluate("window.became")
    page.close()
    return became["passed"], [f"module: {one}" for one in became["failed"]]


def pages(browser):
    """Every function of states.py: a page in one state of the server."""
    passed, failed = 0, []
    for name, state in ((name, one) for name, one in vars(states).items() if name.startswith("it_")):
        context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
        page = context.new_page()
        faults = []
        page.on("pageerror", lambda error, faults=faults: faults.append(f"script: {error}"))
        page.on("console", lambda line, faults=faults: faults.append(line.text) if "Content Security Policy" in line.text else None)
        try:
            state(states.Place(page, SOURCE, ORIGIN))
        except Exception as error:  # the other states are still looked at
            faults.append(" ".join(str(error).split())[:400])
        context.close()
        passed += not faults
        failed += [f"{name}: {fault}" for fault in faults]
    return passed, failed


def main():
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        results = [modules(browser), pages(browser)]
        browser.close()
    failed = [fault for _, faults in results for fault in faults]
    print("\n".join(failed + [f"pages_test: {results[0][0]} of modules and {results[1][0]} states passed, {len(failed)} failed"]))
    return 1 if failed else 0


sys.exit(main())
