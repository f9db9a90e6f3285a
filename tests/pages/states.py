"""The pages in states that a real server seldom is in; each function is one, called by pages_test.py with a Place."""
import itertools
import re

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

import made_up


class Place:
    def __init__(self, page, source, origin):
        self.page, self.source, self.origin, self.asked = page, source, origin, []

    def open(self, address, changes=None):
        made_up.answer(self.page, self.source, {**made_up.ANSWERS, **(changes or {})}, self.origin, self.asked)
        self.page.goto(f"{self.origin}/ui/{address}")
        return self.page

    def look(self):
        """axe finds nothing, and nothing is wider than the screen."""
        self.page.wait_for_timeout(250)
        found = [f"{one['id']} at {one['nodes'][0]['target'][0]}" for one in Axe().run(self.page).response["violations"]]
        assert not found, f"axe: {found}"
        assert self.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "wider than the screen"

    def count(self, path, method="GET"):
        return sum(1 for one in self.asked if one[:2] == (method, path))


def growing(without=()):
    steps = itertools.count(1)
    return lambda _: (200, made_up.metrics(next(steps), without), "text/plain")


def tile(page, title):
    return page.locator(".tile", has=page.get_by_role("heading", name=title, exact=True))


# --- operations ---

def it_shows_figures_with_levels_in_words(place):
    page = place.open("operations.html", {"/metrics": growing()})
    expect(tile(page, "Requests").locator("strong")).to_have_text(re.compile(r"\d"), timeout=10_000)
    expect(tile(page, "Errors").locator(".badge")).to_have_text("1.0 % failed")
    expect(tile(page, "Waiting").locator(".badge.act")).to_have_text("nearly full: more is refused")
    expect(page.locator("tr", has_text="Search by words").locator(".badge")).to_contain_text("100 ms is wanted")
    expect(page.locator(".spark").first).to_have_attribute("aria-label", re.compile("from .* to .*, now"))
    expect(page.get_by_role("region", name="Collections")).to_contain_text("below the 0.98 wanted, by chance perhaps")
    expect(page.locator("#ready")).to_contain_text("Ready")
    place.look()


def it_shows_what_metrics_there_are(place):
    page = place.open("operations.html", {"/metrics": growing(("pictor_http_waiting", "pictor_search_seconds"))})
    expect(tile(page, "Requests")).to_be_visible()
    expect(tile(page, "Waiting")).to_have_count(0)
    expect(page.locator("#panel-live")).to_contain_text("Nothing was timed yet.")
    page.locator("summary", has_text="All metrics").click()
    expect(page.get_by_role("region", name="All metrics")).to_contain_text("pictor_new_and_unknown")
    place.look()


def it_says_what_right_is_missing(place):
    page = place.open("operations.html", {"/v1/whoami": (200, made_up.caller("reader", rights=("inspect", "read"))), "/metrics": made_up.problem(403, "no")})
    expect(page.locator("#panel-live")).to_contain_text("need the right “operate”")
    expect(page.get_by_role("region", name="Collections")).to_contain_text("animals")
    for tab, words in (("Jobs", "Jobs are for operators"), ("Keys", "Keys are for admins"), ("Tenants", "Tenants are for admins"), ("Audit log", "Lines of the audit log are for admins")):
        page.get_by_role("tab", name=tab).click()
        expect(page.get_by_role("tabpanel")).to_contain_text(words)
    place.look()
    assert place.count("/metrics") == 0 and place.count("/v1/keys") == 0, "asked for what it may not have"


def it_says_why_it_is_not_ready(place):
    page = place.open("operations.html", {"/metrics": growing(), "/readyz": (503, {"ready": False, "why_not": ["no encoder has its weights"]})})
    expect(page.locator("#ready .badge.act")).to_have_text("Not ready")
    expect(page.locator("#ready")).to_contain_text("no encoder has its weights")
    place.look()


def it_asks_less_often_while_nothing_answers(place):
    page = place.page
    page.clock.install()
    place.open("operations.html", {"/metrics": made_up.problem(500, "The disk is on fire.", "internal")})
    expect(page.locator("#told.bad")).to_contain_text("The disk is on fire. It is asked again in 4 s.")
    expect(page.locator("#pulse")).to_have_text("No answer")
    page.clock.fast_forward(4500)
    expect(page.locator("#told")).to_contain_text("in 8 s")
    page.clock.fast_forward(1000)  # and what this machine takes meanwhile
    assert place.count("/metrics") == 2, "asked too soon"


def it_rests_when_it_is_told_to(place):
    page = place.open("operations.html", {"/metrics": growing()})
    expect(tile(page, "Requests")).to_be_visible()
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#pulse")).to_have_text("Paused")
    before = place.count("/metrics")
    page.wait_for_timeout(2600)
    assert place.count("/metrics") == before, "went on"
    page.get_by_role("button", name="Go on").click()
    page.wait_for_timeout(300)
    assert place.count("/metrics") > before, "did not go on"


def it_tabs_by_keyboard_and_by_address(place):
    page = place.open("operations.html#keys", {"/metrics": growing()})
    expect(page.get_by_role("tab", name="Keys")).to_have_attribute("aria-selected", "true")
    page.get_by_role("tab", name="Keys").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Tenants")).to_be_focused()
    expect(page.locator("#panel-tenants")).to_contain_text("There is the main tenant alone")
    page.keyboard.press("End")
    expect(page.locator("#panel-audit")).to_contain_text("1 line, none changed")
    assert page.url.endswith("#audit")
    place.look()


def it_shows_a_new_key_once_and_copies_it(place):
    made = {**made_up.key("shop"), "key": "pk_00112233aabb_secret"}
    page = place.open("operations.html#keys", {"/metrics": growing(), "POST /v1/keys": (201, made)})
    page.get_by_role("button", name="Make a key").click()
    place.look()
    page.get_by_role("dialog").get_by_label("Name", exact=True).fill("shop")
    page.get_by_role("dialog").get_by_label("Collections").fill("shop-*, photos")
    page.get_by_label("It ends").select_option("30")
    page.get_by_role("button", name="Make the key").click()
    expect(page.locator("#secret")).to_have_text("pk_00112233aabb_secret")
    page.get_by_role("button", name="Copy the key").click()
    assert page.evaluate("navigator.clipboard.readText()") == "pk_00112233aabb_secret"
    place.look()
    page.get_by_role("button", name="I have kept it").click()
    expect(page.get_by_text("pk_00112233aabb_secret")).to_have_count(0)
    body = next(body for method, path, body in place.asked if (method, path) == ("POST", "/v1/keys"))
    assert '"collections":["shop-*","photos"]' in body and '"expires_us":' in body and "requests_per_day" not in body, body


def it_says_in_the_form_why_no_key_was_made(place):
    page = place.open("operations.html#keys", {"/metrics": growing(), "POST /v1/keys": made_up.problem(400, "an admin's key is for all collections", "invalid")})
    page.get_by_role("button", name="Make a key").click()
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_role("alert")).to_have_text("an admin's key is for all collections")
    expect(page.locator("dialog")).to_be_visible()


def it_warns_before_the_first_key(place):
    page = place.open("operations.html#keys", {"/metrics": growing(), "/v1/keys": (200, {"keys": []})})
    expect(page.locator("#panel-keys")).to_contain_text("There is no key yet")
    place.look()
    page.get_by_role("button", name="Make a key").click()
    expect(page.locator("dialog .notice")).to_contain_text("This is the first key")
    expect(page.get_by_label("Role")).to_have_value("admin")


def it_revokes_only_what_was_confirmed(place):
    path = "/v1/keys/00112233aabb"
    page = place.open("operations.html", {"/metrics": growing(), f"DELETE {path}": (200, made_up.key("shop", live=False))})
    page.get_by_role("tab", name="Keys").click()
    page.get_by_role("button", name="Revoke key shop").click()
    expect(page.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Revoke key shop")).to_be_focused()
    assert place.count(path, "DELETE") == 0
    page.get_by_role("button", name="Revoke key shop").click()
    page.get_by_role("button", name="Revoke", exact=True).click()
    expect(page.locator("#told")).to_have_text("“shop” is revoked.")
    assert place.count(path, "DELETE") == 1
    page.wait_for_timeout(2500)  # figures are asked for meanwhile
    expect(page.locator("#told")).to_have_text("“shop” is revoked.")


def it_shows_a_broken_chain(place):
    page = place.open("operations.html#audit", {"/metrics": growing(), "/v1/audit/verify": (200, {"whole": False, "lines": 7, "head": "7:00", "problem": "line 4 was changed"})})
    expect(page.locator(".chain .badge.act")).to_have_text("Not whole")
    expect(page.locator(".chain")).to_contain_text("line 4 was changed")
    place.look()


def it_shows_jobs_stops_and_begins_them(place):
    jobs = [made_up.job("running"), made_up.job("failed", problem={"code": "io", "detail": "the disk is full"}),
            made_up.job("done", ended_us=1_700_000_004_000_000, result={"ok": False, "faults": [{}, {}]})]
    page = place.open("operations.html#jobs", {"/metrics": growing(), "/v1/jobs": (200, {"jobs": jobs}), "POST /v1/jobs": (202, made_up.job("waiting")),
                                               "POST /v1/jobs/7-running/cancel": (202, made_up.job("cancelled"))})
    rows = page.get_by_role("region", name="Jobs, newest first").locator("tbody tr")
    expect(rows.nth(0)).to_contain_text("30 rows of 100 rows")
    expect(rows.nth(1)).to_contain_text("the disk is full")
    expect(rows.nth(2).locator(".badge.act")).to_have_text("2 faults")
    place.look()
    page.get_by_role("button", name="Stop verify 7-running").click()
    page.get_by_role("button", name="Stop it").click()
    page.get_by_role("button", name="Begin a job").click()
    place.look()
    page.get_by_label("What", exact=True).select_option("backup")
    page.get_by_label("Folder of the backup").fill("/b")
    page.get_by_role("button", name="Begin", exact=True).click()
    expect(page.locator("#told")).to_have_text("It has begun.")
    assert place.count("/v1/jobs/7-running/cancel", "POST") == 1
    body = next(body for method, path, body in place.asked if (method, path) == ("POST", "/v1/jobs"))
    assert body == '{"kind":"backup","path":"/b"}', body


def it_says_that_a_server_has_no_jobs(place):
    page = place.open("operations.html#jobs", {"/metrics": growing()})
    expect(page.locator("#panel-jobs .state")).to_contain_text("This server has no jobs")
    place.look()


# --- encoders ---

def it_shows_encoders_and_who_uses_them(place):
    page = place.open("encoders.html")
    first = page.locator(".card").first
    expect(first).to_contain_text("lite2-minilm")
    expect(first.locator(".badge.accent")).to_have_text("default")
    expect(first).to_contain_text("1 collection, 786 items")
    expect(page.locator(".card").nth(1)).to_contain_text("no weights here")
    place.look()
    first.get_by_role("link").click()
    expect(page.locator("h1")).to_contain_text("lite2-minilm")
    assert page.url.endswith("encoders.html?e=lite2-minilm"), page.url


def it_shows_one_encoder_with_hashes_to_copy(place):
    page = place.open("encoders.html?e=lite2-minilm")
    expect(page.locator(".marks li.yes")).to_have_count(4)
    page.get_by_role("button", name="Copy the SHA-256 of image.onnx").click()
    assert page.evaluate("navigator.clipboard.readText()") == "cd" * 32
    expect(page.get_by_role("region", name="Collections that use it")).to_contain_text("animals")
    place.look()


def it_says_what_an_encoder_lacks(place):
    bare = made_up.encoder("bare", ready=False, advice="pictor encoder pull hf:x/y", licence="", heads=[], card=None, card_sha256="")
    page = place.open("encoders.html?e=bare", {"/v1/encoders/bare": (200, bare)})
    expect(page.locator(".marks li.no")).to_have_count(4)
    expect(page.locator(".notice")).to_contain_text("pictor encoder pull hf:x/y")
    place.look()


def it_has_words_for_no_encoders_errors_and_wrong_names(place):
    page = place.open("encoders.html", {"/v1/encoders": (200, {"encoders": []})})
    expect(page.locator(".state")).to_contain_text("There is no encoder")
    place.look()
    page.goto(f"{place.origin}/ui/encoders.html?e=none")
    expect(page.locator(".state")).to_contain_text("There is no encoder of that name")
    page.unroute_all()
    place.open("encoders.html", {"/v1/encoders": made_up.problem(500, "The cards cannot be read.", "io")})
    expect(page.locator(".state")).to_contain_text("The cards cannot be read.")
    place.look()


# --- items, search, collection ---

HITS = {"hits": [{"rank": rank, "id": name, "score": 1 - rank / 10, "source": name, "text": "", "width": 1, "height": 1, "format": "png", "metadata": {}}
                 for rank, name in ((1, "boats/1.png"), (2, "boat.png"))],
        "complete": True, "recall": "exact", "head": "joint", "space": "ab" * 32, "sequence": 9, "candidates": 786, "distances": 786, "ms": 1.5, "warnings": [],
        "distance_error": 0, "stages": [{"room": "backend", "what": "a scan", "ms": 1}]}
ITEM = {"/v1/collections/animals/items/boats/1.png": (200, made_up.item()),
        "/v1/collections/animals/items/boats/1.png/receipt": (200, {"state": "wrong", "receipt": {"encoder": "lite2-minilm", "card": "99" * 32}, "problem": "the signature does not fit"}),
        "/v1/collections/animals/items/boats/1.png/history": (200, {"versions": [
            {"id": "boats/1.png", "born": 2, "died": None, "born_us": 1_700_000_000_000_000, "died_us": None, "content": "01" * 32, "source": "new"},
            {"id": "boats/1.png", "born": 1, "died": 2, "born_us": None, "died_us": None, "content": "02" * 32, "source": "old"}]}),
        "/v1/collections/animals/search": (200, HITS)}


def it_shows_an_item_its_receipt_versions_and_neighbours(place):
    page = place.open("item.html?c=animals&id=boats/1.png", ITEM)
    expect(page.locator("#shown")).to_contain_text("the signature is wrong")
    expect(page.locator("#shown")).to_contain_text("the signature does not fit")
    expect(page.get_by_role("region", name="Versions").locator("tbody tr")).to_have_count(2)
    expect(page.locator("#hits .hit")).to_have_count(1)  # not itself
    place.look()


def it_says_that_there_is_no_such_item(place):
    page = place.open("item.html?c=animals&id=none")
    expect(page.locator(".state")).to_contain_text("There is no such item")
    page.goto(f"{place.origin}/ui/item.html")
    expect(page.locator(".state")).to_contain_text("The address names no item")
    place.look()


def it_filters_by_what_was_chosen_and_keeps_it_in_the_address(place):
    page = place.open("index.html?c=animals&q=a+boat", {**ITEM})
    page.get_by_role("checkbox", name="boat").check()
    page.get_by_role("checkbox", name="car").check()
    expect(page.locator("#facets summary")).to_have_text("Filters (2)")
    page.wait_for_timeout(300)
    body = [body for method, path, body in place.asked if path.endswith("/search")][-1]
    assert "kind in ('boat', 'car')" in body, body
    place.look()
    page.reload()
    expect(page.get_by_role("checkbox", name="boat")).to_be_checked()
    page.go_back()
    page.go_back()
    expect(page.locator("#facets summary")).to_have_text("Filters")


def it_takes_facets_of_a_server_that_counts_them(place):
    facets = {"items": 1239, "facets": [{"field": "kind", "items": 1239, "distinct": 2, "least": None, "greatest": None,
                                         "values": [{"value": "boat", "items": 1234}, {"value": "ship", "items": 5}]}]}
    page = place.open("collection.html", {"/v1/collections/animals/facets": (200, facets)})
    expect(page.locator("#facets")).to_contain_text("1,234")
    expect(page.locator("#facets")).not_to_contain_text("Counted over")
    page.get_by_role("checkbox", name="ship").check()
    page.wait_for_timeout(200)
    assert "f=" in page.url and place.count("/v1/collections/animals/items") == 3, place.asked
    place.look()


def it_says_why_a_picture_was_found(place):
    page = place.open("index.html?c=animals&q=a+boat", ITEM)
    page.locator(".hit .open").first.click()
    expect(page.locator("#item-why")).to_contain_text("the words “a boat”")
    expect(page.locator("#item-why meter")).to_have_count(1)
    body = [body for method, path, body in place.asked if path.endswith("/search")][-1]
    assert "@id = 'boats/1.png'" in body and '"head":"joint"' in body, body
    place.look()


def it_puts_refused_pictures_aside_by_their_cause(place):
    tries = itertools.count()

    def put(_):
        return made_up.problem(429, "too many", "busy") if next(tries) == 0 else (201, {"id": "x", "status": "added"})
    base = "/v1/collections/animals/items"
    page = place.open("collection.html", {f"PUT {base}/a.png": made_up.problem(400, "'a.png' is no picture", "unreadable"),
                                          f"PUT {base}/b.png": made_up.problem(400, "'b.png' is no picture", "unreadable"), f"PUT {base}/c.png": put})
    page.locator("#file").set_input_files([{"name": name, "mimeType": "image/png", "buffer": b"x"} for name in ("a.png", "b.png", "c.png")] +
                                          [{"name": "d.txt", "mimeType": "text/plain", "buffer": b"x"}])
    expect(page.locator("#rate")).to_contain_text("1 of 4 pictures added", timeout=15_000)  # c.png was sent again
    expect(page.locator("#refused summary")).to_have_text("3 put aside, 2 causes")
    page.locator("#refused summary").click()
    expect(page.locator("#refused h3").first).to_have_text("2 files: 'it' is no picture")
    place.look()


def it_offers_no_upload_to_who_may_not_write(place):
    page = place.open("collection.html", {"/v1/whoami": (200, made_up.caller("reader", rights=("inspect", "read")))})
    expect(page.locator("#shown .hit")).to_have_count(3)
    expect(page.locator("#drop")).to_be_hidden()
    expect(page.get_by_role("button", name="Delete boat")).to_be_hidden()
    place.look()


def it_leads_from_page_to_page_with_the_collection(place):
    page = place.open("index.html?c=animals", {"/metrics": growing()})
    for name, heading in (("Collection", "A collection"), ("Encoders", "Encoders"), ("Operations", "Operations"), ("Search", "Search pictures")):
        page.get_by_role("navigation", name="Pages").get_by_role("link", name=name, exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_contain_text(heading)
        expect(page.locator(".nav [aria-current=page]")).to_have_text(name)
        assert "c=animals" in page.url, page.url
