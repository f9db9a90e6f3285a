"""Answers of a server that is not there, for pages_test.py."""
import json
import re
import urllib.parse

TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
HEAD = {"name": "joint", "dim": 384, "metric": "cosine", "images": True, "texts": True, "space": "ab" * 32}


def csp(source):
    """As the server sends it, read from its code."""
    text = (source / "src/serve/system_api.cpp").read_text()
    parts = re.search(r'"Content-Security-Policy",((?:\s*"[^"]*")+)', text).group(1)
    return "".join(re.findall(r'"([^"]*)"', parts))


def problem(status, detail, code="denied"):
    return status, {"type": "about:blank", "title": code, "status": status, "detail": detail, "code": code}


def caller(role="admin", tenant="", key="0123456789ab", rights=("inspect", "read", "write", "review", "erase", "operate", "govern")):
    return {"key": key, "tenant": tenant, "role": role, "rights": list(rights), "collections": []}


def collection(name="animals", **more):
    made = {"name": name, "encoder": "lite2-minilm", "keep": "thumbnail", "heads": [HEAD], "items": 786, "sequence": 9, "segments": 1, "segments_damaged": 0,
            "rows_fresh": 0, "database_bytes": 2**20, "segment_bytes": 2**20, "blob_bytes": 0, "graphs": 0, "graph_bytes": 0, "lists": 0, "list_bytes": 0,
            "external": False, "recall": [{"at": 10, "queries": 60, "recall": 0.97, "low": 0.95, "high": 0.985}], "search": {"recall": None, "deadline_ms": None}}
    return {**made, **more}


def encoder(name="lite2-minilm", **more):
    return {"name": name, "default": name == "lite2-minilm", "description": "For pictures and words.", "licence": "Apache-2.0", "source": "a package", "precision": "f32",
            "ready": True, "advice": "", "added": False, "folder": "/e", "bytes": 10**8, "grid": None, "heads": [HEAD], **more}


CARD = {"card": 1, "name": "lite2-minilm", "files": [{"path": "image.onnx", "sha256": "cd" * 32, "bytes": 24_000_000}],
        "sources": [{"what": "EfficientNet-Lite2", "licence": "Apache-2.0", "package": "p", "version": "1", "download": {"file": "p.whl", "sha256": "ef" * 32, "bytes": 1}}],
        "prepare": {"width": 260, "height": 260, "fit": "crop_then_resize", "filter": "bicubic", "mean": [1, 2, 3], "std": [4, 5, 6]}}


def key(name, **more):
    return {"id": "00112233aabb", "name": name, "role": "reader", "tenant": "", "collections": [], "live": True, "created_us": 1_700_000_000_000_000, "expires_us": None,
            "revoked_us": None, "requests_per_second": 0, "requests_per_day": 0, "requests_today": 3, **more}


def item(name="boats/1.png", **more):
    return {"id": name, "source": name, "text": "a boat", "metadata": {"kind": "boat", "tags": ["x"]}, "content": "01" * 32, "format": "png", "width": 640, "height": 480,
            "born": 1, "created_us": 1_700_000_000_000_000, "receipt": {}, **more}


def metrics(step, without=()):
    """Counters that grow by the number of the step; families in `without` are left out."""
    counts = [("pictor_http_requests_total", "counter", [('{result="answered"}', 100 * step), ('{result="failed"}', step), ('{result="too_many"}', 0), ('{result="refused"}', 0)]),
              ("pictor_http_waiting", "gauge", [("", 200)]), ("pictor_http_connections", "gauge", [("", 1)]),
              ("pictor_search_seconds", "histogram", [('_bucket{kind="text",le="0.05"}', 9 * step), ('_bucket{kind="text",le="0.5"}', 10 * step),
                                                      ('_bucket{kind="text",le="+Inf"}', 10 * step), ('_sum{kind="text"}', step), ('_count{kind="text"}', 10 * step)]),
              ("pictor_new_and_unknown", "gauge", [("", 42)])]
    return "".join(f"# HELP {name} What it is.\n# TYPE {name} {kind}\n" + "".join(f"{name}{labels} {value}\n" for labels, value in rows)
                   for name, kind, rows in counts if name not in without)


def job(state, **more):
    return {"id": f"7-{state}", "kind": "verify", "collection": "animals", "state": state, "created_us": 1_700_000_000_000_000, "started_us": 1_700_000_000_000_000, "ended_us": None,
            "done": 30, "total": 100, "unit": "rows", "key": "", "request": {}, "result": None, "problem": None, **more}


# What a server with a little in it says; a state changes some of it.
ANSWERS = {
    "/v1/whoami": (200, caller()), "/v1/collections": (200, {"collections": [collection()]}), "/v1/collections/animals": (200, collection()),
    "/v1/encoders": (200, {"encoders": [encoder(), encoder("other", ready=False, advice="pictor encoder pull hf:x/y", licence="")]}),
    "/v1/encoders/lite2-minilm": (200, encoder(card=CARD, card_sha256="99" * 32)),
    "/v1/version": (200, {"version": "0.1.0", "api": "v1", "build": ["OpenVINO"]}), "/readyz": (200, {"ready": True, "why_not": []}),
    "/v1/keys": (200, {"keys": [key("shop"), key("old", id="ffeeddccbbaa", live=False, revoked_us=1)]}), "/v1/tenants": (200, {"tenants": []}),
    "/v1/audit": (200, {"lines": [{"line": 1, "time_us": 1_700_000_000_000_000, "operation": "putItem", "status": 201, "key": "00112233aabb", "role": "writer"}], "next": None}),
    "/v1/audit/verify": (200, {"whole": True, "lines": 1, "head": "1:" + "0f" * 32, "problem": None}),
    "/v1/collections/animals/items": (200, {"items": [item(f"{name}.png", metadata={"kind": name}) for name in ("boat", "car", "cat")], "next": None}),
    "/v1/collections/animals/facets": problem(404, "there is no such operation", "not_found"),
}


def answer(page, source, answers, origin, asked=None):
    """`answers`: path -> (status, body or text[, type]), or a function of the request that gives one."""
    policy = csp(source)

    def respond(route):
        request = route.request
        path = urllib.parse.unquote(urllib.parse.urlsplit(request.url).path)
        folder = {"/ui/": source / "ui", "/tests/": source / "tests/pages"}.get(path[:path.rfind("/") + 1])
        if asked is not None:
            asked.append((request.method, path, request.post_data))
        if folder is not None:
            file = folder / path.rsplit("/", 1)[1]
            if not file.exists():
                return route.fulfill(status=404, body="none")
            return route.fulfill(status=200, body=file.read_text(), headers={"Content-Type": TYPES[file.suffix], "Content-Security-Policy": policy})
        found = answers.get(f"{request.method} {path}") or answers.get(path) or problem(404, f"nothing is made up for {path}", "not_found")
        status, body, *kind = found(request) if callable(found) else found
        text = body if isinstance(body, str) else json.dumps(body)
        return route.fulfill(status=status, body=text, headers={"Content-Type": kind[0] if kind else "application/json"})

    page.route(f"{origin}/**", respond)
