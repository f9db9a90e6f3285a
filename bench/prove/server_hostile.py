"""Claims: clients that are slow, broken or hostile do no harm."""
import claims
import common
from index_store import shown_by_gtests
from server_house import claim

FUZZ_SECONDS = 60

claim("hostile-clients", "a slow client, half-closed sockets, 10,000 idle connections, a huge upload against a limit: others are answered, memory is bounded")(
    lambda _: shown_by_gtests("src/serve/serve_test", "HttpTest.*:HttpsTest.*:WorkQueue.*", "bounds of the server"))
claim("hostile-bodies", "bombs, forms, JSON and ids that are none are refused, and cost others nothing")(
    lambda _: shown_by_gtests("src/serve/serve_test", "ServerTest.*:Multipart.*", "refusals"))


@claim("fuzz", f"the fuzzer of requests runs clean for {FUZZ_SECONDS} s under ASan and UBSan")
def fuzz(context):
    common.run([common.ROOT / "tools" / "build", "fuzz", "serve_requests_fuzz"], timeout=3600).must(0)
    target = common.need(common.ROOT / "build" / "asan" / "fuzz" / "serve_requests_fuzz", "run `make fuzz`")
    corpus = common.scratch() / "fuzz-requests"
    corpus.mkdir(exist_ok=True)
    went = common.run([target, f"-max_total_time={FUZZ_SECONDS}", "-timeout=10", "-rss_limit_mb=2048", f"-seed={context.seed % 2**31 + 1}",
                       f"-artifact_prefix={corpus}/found-", corpus], timeout=FUZZ_SECONDS + 120)
    last = next((line for line in reversed(went.err.splitlines()) if line.startswith("Done")), went.err[-300:])
    return claims.Finding(went.status == 0, last, {"status": went.status})
