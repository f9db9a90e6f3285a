"""server_pages_walk.py URL KEY ADMIN PICTURE SHOTS: walks the pages in Debian's Chromium as a person would, desktop and phone, light and
dark, first with the key of a writer, then with that of an admin; keeps screenshots, and asks axe about each state; what it saw, as JSON. Runs
in .deps/venv-server."""
import json
import pathlib
import re
import sys

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

URL, KEY, ADMIN, PICTURE, SHOTS = *sys.argv[1:5], pathlib.Path(sys.argv[5])
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
        self.page.on("console", lambda line: self.faults.append(line.text) if "Content Security Policy" in line.text else None)
        self.page.on("request", lambda request: request.url.startswith((URL, "data:", "blob:")) or
                     self.faults.append(f"elsewhere: {request.url}"))

    def keep(self, state):
        self.states += 1
        self.page.wait_for_timeout(400)  # a transition may be under way
        self.page.screenshot(path=SHOTS / f"{self.name}-{state}.png", full_page=not state.startswith("search"))
        for violation in Axe().run(self.page).response["violations"]:
            where = ", ".join(str(node["target"][0]) for node in violation["nodes"][:3])
            self.faults.append(f"axe {state}: {violation['id']} ({violation['impact']}) at {where}")
        wide = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if wide > 0:
            self.faults.append(f"{state}: {wide} px wider than the screen")

    def told(self, text):
        expect(self.page.locator("#told")).to_contain_text(text, timeout=20_000)

    def give_key(self, key):
        field = self.page.get_by_label("Key", exact=True)
        field.fill(key)
        field.press("Enter")
        expect(self.page.locator("dialog .sign-in")).to_have_count(0)

    def go(self, name):
        """To another page, by what stands above each."""
        self.page.get_by_role("navigation", name="Pages").get_by_role("link", name=name, exact=True).click()
        expect(self.page.locator(".nav [aria-current=page]")).to_have_text(name)

    def sign_in(self):
        self.page.goto(f"{URL}/")
        field = self.page.get_by_label("Key", exact=True)
        field.fill("pk_wrong")
        field.press("Enter")
        expect(self.page.get_by_role("alert")).to_contain_text("no such key")
        self.keep("sign-in")
        self.give_key(KEY)
        expect(self.page.locator("#caller")).to_contain_text("writer")

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
        expect(page.locator("#item-why meter")).to_have_count(2)  # the words, the picture
        self.keep("search-item")
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
        self.go("Collection")
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
        page.locator("#refused summary").click()
        page.wait_for_timeout(500)
        self.keep("collection-upload")
        page.locator("#where").fill("@width > 99999")
        page.locator("#where").press("Enter")
        self.told("Nothing passes this filter.")
        self.keep("collection-nothing")
        return before

    def item(self):
        page = self.page
        page.goto(f"{URL}/ui/collection.html?c=animals")
        page.locator("#shown .open").first.click()
        expect(page.locator("#shown")).to_contain_text("the signature is right")
        expect(page.locator("#hits .hit")).to_have_count(12)
        self.keep("item")
        page.goto(f"{URL}/ui/item.html?c=animals&id=none")
        expect(page.locator(".state")).to_contain_text("There is no such item")
        self.keep("item-none")

    def encoders(self):
        page = self.page
        self.go("Encoders")
        expect(page.locator(".card").first).to_contain_text("default")
        self.keep("encoders")
        page.locator(".card-link").first.focus()
        page.keyboard.press("Enter")
        expect(page.locator(".marks li").first).to_be_visible()
        self.keep("encoder")
        page.get_by_role("button", name="Copy the space of").first.click()
        expect(page.locator(".copies [role=status]").filter(has_text=re.compile("Copied"))).to_have_count(1)
        page.goto(f"{URL}/ui/encoders.html?e=none")
        expect(page.locator(".state")).to_contain_text("There is no encoder of that name")
        self.keep("encoder-none")

    def operations(self):
        page = self.page
        self.go("Operations")
        expect(page.locator("#panel-live")).to_contain_text("need the right “operate”")
        self.keep("operations-no-right")
        page.get_by_role("button", name="Sign out").click()
        self.give_key(ADMIN)
        expect(page.locator("#caller")).to_contain_text("admin")
        expect(page.locator(".tile").first.locator("strong")).to_have_text(re.compile(r"\d"), timeout=15_000)
        page.evaluate("""async () => { for (let i = 0; i < 12; ++i) await fetch("/v1/collections/animals/search", { method: "POST",
          headers: { "Content-Type": "application/json" }, body: JSON.stringify({ text: `a bird ${i}` }) }); }""")
        expect(page.locator("tr", has_text="Search by words").locator(".badge")).to_be_visible(timeout=15_000)
        page.wait_for_timeout(4500)
        self.keep("operations-live")
        page.locator("summary", has_text="All metrics").click()
        expect(page.get_by_role("region", name="All metrics")).to_contain_text("pictor_http_requests_total")

    def jobs(self):
        page = self.page
        page.get_by_role("tab", name="Jobs").click()
        panel = page.locator("#panel-jobs")
        expect(panel.get_by_role("heading").first).to_be_visible()
        if "has no jobs" not in panel.inner_text():
            page.get_by_role("button", name="Begin a job").click()
            self.keep("jobs-form")
            page.get_by_role("button", name="Begin", exact=True).click()
            expect(panel.locator("tbody tr").first).to_contain_text("done", timeout=30_000)
        self.keep("jobs")

    def access(self):
        page = self.page
        page.get_by_role("tab", name="Keys").click()
        page.get_by_role("button", name="Make a key").click()
        page.get_by_role("dialog").get_by_label("Name", exact=True).fill(f"shop {self.name}")
        self.keep("keys-form")
        page.get_by_role("button", name="Make the key").click()
        expect(page.locator("#secret")).to_have_text(re.compile("^pk_"))
        self.keep("keys-secret")
        page.get_by_role("button", name="I have kept it").click()
        page.get_by_role("button", name=f"Revoke key shop {self.name}").click()
        self.keep("keys-revoke")
        page.get_by_role("button", name="Revoke", exact=True).click()
        self.told("is revoked")
        self.keep("keys")
        page.get_by_role("tab", name="Tenants").click()
        page.get_by_role("button", name="Make a tenant").click()
        page.get_by_role("dialog").get_by_label("Name", exact=True).fill(self.name)
        page.get_by_role("button", name="Make the tenant").click()
        expect(page.get_by_role("region", name="Tenants")).to_contain_text(self.name)
        self.keep("tenants")
        page.get_by_role("tab", name="Audit log").click()
        expect(page.locator(".chain")).to_contain_text("none changed")
        expect(page.locator("#panel-audit tbody tr").first).to_be_visible()
        self.keep("audit")


def main():
    SHOTS.mkdir(parents=True, exist_ok=True)
    found = {}
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for size in SIZES:
            for colour in ("light", "dark"):
                walk = Walk(browser, size, colour)
                for part in (walk.sign_in, walk.search, walk.collection, walk.item, walk.encoders, walk.operations, walk.jobs, walk.access):
                    try:
                        part()
                    except Exception as error:  # the other parts are still walked
                        walk.faults.append(f"{part.__name__}: {str(error).splitlines()[0]}")
                found[walk.name] = {"states": walk.states, "faults": walk.faults}
                walk.context.close()
        browser.close()
    print(json.dumps(found))


main()
