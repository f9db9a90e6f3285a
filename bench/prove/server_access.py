"""Claims: roles do what their table says, and tenants are apart, also in how long an answer takes."""
import math
import statistics
import time

import claims
import common
import server_house
from index_store import shown_by_gtests
from server_house import claim

PAIRS, T_MAX = 10_000, 4.5
ITEMS = 100
SERVE_TEST = "src/serve/serve_test"

claim("roles", "every operation with a key of every role, without one, and with one that ended: what the table says, and nothing else")(
    lambda _: shown_by_gtests(SERVE_TEST, "Roles.*:GovernApiTest.each_role*:GovernApiTest.a_key_*", "roles"))
claim("tenants", "a key of tenant A sees no byte of tenant B: in results, errors, metrics or caches")(
    lambda _: shown_by_gtests(SERVE_TEST, "GovernApiTest.a_tenant_sees*:GovernApiTest.an_admin_of_a_tenant*", "tenants"))
claim("audit", "what changes something has a line before it is answered, and no change of the log goes unseen")(
    lambda _: claims.Finding(*merged(shown_by_gtests(SERVE_TEST, "GovernApiTest.what_was_done*", "audit"),
                                     shown_by_gtests("src/govern/govern_test", "AuditTest.*:GovernCrash.*", "audit"))))


def merged(*found):
    return all(one.holds for one in found), "; ".join(one.figure for one in found), {"parts": [one.numbers for one in found]}


def welch(a, b):
    """Welch's t of two samples."""
    spread = statistics.variance(a) / len(a) + statistics.variance(b) / len(b)
    return (statistics.mean(a) - statistics.mean(b)) / math.sqrt(spread)


def timed(client, path):
    begin = time.perf_counter_ns()
    status, body = client.ask("GET", path)
    return time.perf_counter_ns() - begin, status, len(body)


def compared(client, random, there, nowhere):
    """Microseconds of both kinds of path, in pairs whose order is drawn; raises when the answers themselves tell."""
    took = {True: [], False: []}
    for _ in range(PAIRS):
        for exists in random.sample((True, False), 2):
            us, status, _ = timed(client, random.choice(there if exists else nowhere))
            if status != 404:
                raise RuntimeError(f"an item of another tenant answers with {status}")
            took[exists].append(us / 1000)
    return welch(took[True], took[False]), {str(key): statistics.median(value) for key, value in took.items()}


@claim("tenants-timing", f"|t| < {T_MAX} (Welch, {PAIRS:,} pairs) between ids that another tenant has and ids that nobody has")
def timing(context):
    random = context.random("tenants-timing")
    pictures = common.pictures(common.stamps_folder())
    with server_house.home() as folder:
        keys = {}
        for tenant in ("a", "b"):
            server_house.pictor(folder, "tenant", "put", tenant)
            keys[tenant] = server_house.pictor(folder, "--quiet", "key", "create", "--role", "writer", "--tenant", tenant)
        ids = [f"{random.getrandbits(64):016x}" for _ in range(2 * ITEMS)]
        with server_house.served(folder) as address:
            a, b = (server_house.Client(address, keys[tenant]) for tenant in ("a", "b"))
            for one, picture in zip(ids[:ITEMS], random.sample(pictures, ITEMS)):
                for collection in ("photos", "of-b-alone"):
                    b.must("PUT", f"/v1/collections/{collection}/items/{one}", picture.read_bytes(), "application/octet-stream")
            a.must("PUT", "/v1/collections/photos/items/own", pictures[0].read_bytes(), "application/octet-stream")
            paths = [[f"/v1/collections/photos/items/{one}" for one in part] for part in (ids[:ITEMS], ids[ITEMS:])]
            in_shared = compared(a, random, *paths)
            collections = [f"/v1/collections/{name}/items/x" for name in ("of-b-alone", "of-nobody-1")]
            in_names = compared(a, random, collections[:1], collections[1:])
    worst = max(abs(in_shared[0]), abs(in_names[0]))
    return claims.Finding(worst < T_MAX, f"|t| {abs(in_shared[0]):.2f} for ids of a collection of the same name, {abs(in_names[0]):.2f} for names of "
                          f"collections; medians {in_shared[1]['True']:.0f} and {in_shared[1]['False']:.0f} us",
                          {"ids": in_shared, "collections": in_names})
