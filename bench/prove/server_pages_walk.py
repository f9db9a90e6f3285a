"""server_pages_walk.py URL KEY PICTURE SHOTS: walks the pages in Debian's Chromium as a person would, desktop and phone, light and
dark, keeps screenshots, and asks axe about each state; what it saw, as JSON. Runs in .deps/venv-server."""
import json
import pathlib
import sys

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

URL, KEY, PICTURE, SHOTS = sys.argv[1], sys.argv[2], sys.argv[3], pathlib.Path(sys.argv[4])
SIZES = {"desktop": {"width": 1280, "height": 860}, "phone": {"width": 390, "height": 844}}


class Walk:
    """One browser of one size and colour; every state that is kept is also given to axe."""

    def __init__(self, browser, size, colour):
        self.name = f"{size}-{colour}"
        self.context = browser.new_context(viewport=SIZES[size], color_scheme=colour)
        self.page = self.context.new_page()
        self.faults, self.states = [], 0
        self.page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))
        self.page.on("requestfailed", lambda request: None if "ERR_ABORTED" in (request.failure or "") else
                     self.faults.append(f"request: {request.url} {request.failure}"))
        self.page.on("request", lambda request: request.url.startswith((URL, "data:", "blob:")) or
                     self.faults.append(f"elsewhere: {request.url}"))

    def keep(self, state):
        self.states += 1
        self.page.wait_for_timeout(400)  # a transition may be under way
        self.page.screenshot(path=SHOTS / f"{self.name}-{state}.png", full_page=state.startswith("collection"))
        for violation in Axe().run(self.page).response["violations"]:
            where = ", ".join(str(node["target"][0]) for node in violation["nodes"][:3])
            self.faults.append(f"axe {state}: {violation['id']} ({violation['impact']}) at {where}")
        wide = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if wide > 0:
            self.faults.append(f"{state}: {wide} px wider than the screen")

    def told(self, text):
        expect(self.page.locator("#told")).to_contain_text(text, timeout=20_000)

    def sign_in(self):
        self.page.goto(f"{URL}/")
        field = self.page.get_by_label("Key", exact=True)
        field.fill("pk_wrong")
        field.press("Enter")
        expect(self.page.get_by_role("alert")).to_contain_text("no such key")
        self.keep("sign-in")
        field.fill(KEY)
        field.press("Enter")
        expect(self.page.locator("dialog .sign-in")).to_have_count(0)

    def search(self):
        page = self.page
        page.keyboard.press("/")
        expect(page.locator("#text")).to_be_focused()
        page.keyboard.type("a bird")
        page.keyboard.press("Enter")
        self.told("in ")
        expect(page.locator(".hit img").first).to_be_visible()
        self.keep("search-words")
        page.locator("#file").set_input_files(PICTURE)
        expect(page.locator("#mix-row")).to_be_visible()
        self.told("in ")
        self.keep("search-mix")
        page.locator(".hit .open").first.click()
        expect(page.locator("#item")).to_be_visible()
        self.keep("item")
        page.keyboard.press("Escape")
        expect(page.locator("#item")).to_be_hidden()
        page.locator("#where").fill("width >")
        page.locator("#where").press("Enter")
        expect(page.locator("#told.bad")).to_be_visible()
        self.keep("search-error")
        page.locator("#where").fill("@width > 99999")
        page.locator("#where").press("Enter")
        page.wait_for_timeout(600)
        self.keep("search-nothing")

    def collection(self):
        page = self.page
        page.goto(f"{URL}/ui/collection.html")
        expect(page.locator("#shown .hit").first).to_be_visible()
        self.keep("collection")
        before = page.locator("#facts").inner_text()
        page.locator("#name").fill(f"made-{self.name}")
        page.locator("#file").set_input_files([
            {"name": "whole.png", "mimeType": "image/png", "buffer": pathlib.Path(PICTURE).read_bytes()},
            {"name": "broken.jpg", "mimeType": "image/jpeg", "buffer": b"no picture"},
            {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no picture either"}])
        expect(page.locator("#rate")).to_contain_text("1 of 3", timeout=30_000)
        expect(page.locator("#refused")).to_be_visible(timeout=30_000)
        page.wait_for_timeout(500)
        self.keep("collection-upload")
        return before


def main():
    SHOTS.mkdir(parents=True, exist_ok=True)
    found = {}
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for size in SIZES:
            for colour in ("light", "dark"):
                walk = Walk(browser, size, colour)
                for part in (walk.sign_in, walk.search, walk.collection):
                    try:
                        part()
                    except Exception as error:  # the other parts are still walked
                        walk.faults.append(f"{part.__name__}: {str(error).splitlines()[0]}")
                found[walk.name] = {"states": walk.states, "faults": walk.faults}
                walk.context.close()
        browser.close()
    print(json.dumps(found))


main()
