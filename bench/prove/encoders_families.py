"""Claims: encoders of the hub's families are read as the reference implementations read them, stage by stage."""
import subprocess

import claims
import common
import line_durability
from gtests import gtest

FAMILIES = 10
COSINE_WANTED = 0.99999


def fresh_families(context):
    """The ten families made anew, with weights, pictures and texts of another seed."""
    def measure():
        python = common.need(common.DEPS / "venv-golden/bin/python", "run `tools/setup golden`")
        out, seed = common.scratch() / "golden", context.random("golden").randrange(2**31)
        subprocess.run(["rm", "-rf", out], check=True)
        claims.say(f"families: making them with seed {seed}")
        for script in (["tools/golden/make.py", "--out", out, "--seed", seed], ["tests/golden/preprocessing_rules.py", out]):
            common.run([python, "-W", "ignore", *script], cwd=common.ROOT, timeout=1200).must(0)
        return out, seed
    return context.once("golden", measure)


def families(context, suffix):
    out, seed = fresh_families(context)
    ran = gtest(common.BUILD / "tests/conformance/families_test", f"Hub/*{suffix}*", {"PICTOR_GOLDEN": str(out), "CI": "1"})
    return ran, seed


@claims.claim("families-pixels", f"{FAMILIES} families: decoded pixels and prepared tensors bit-equal (EfficientNet: to 1e-6)",
              what="encoders")
def pixels(context):
    ran, seed = families(context, "pixels_and_tensors")
    return claims.Finding(len(ran) >= FAMILIES, f"{len(ran)} families equal, made anew with seed {seed}", {"tests": list(ran)})


@claims.claim("families-tokens", "token ids of every text tower equal to the reference's", what="encoders")
def tokens(context):
    ran, seed = families(context, "tokens_and_vectors")
    return claims.Finding(len(ran) >= 4, f"{len(ran)} text towers equal, seed {seed}", {"tests": list(ran)})


@claims.claim("families-vectors", f"fp32 vectors of every family: cosine >= {COSINE_WANTED} with the reference", what="encoders")
def vectors(context):
    ran, seed = families(context, "vectors")
    lowest = {name: float(test["cosine_min"]) for name, test in ran.items() if "cosine_min" in test}
    holds = len(lowest) >= FAMILIES and min(lowest.values()) >= COSINE_WANTED
    return claims.Finding(holds, f"least cosine {min(lowest.values()):.7f} of {len(lowest)} towers, seed {seed}", lowest)


@claims.claim("families-configurations", "preprocessing that no family has: equal to the reference or refused by name",
              what="encoders")
def configurations(context):
    out, seed = fresh_families(context)
    ran = gtest(common.BUILD / "tests/conformance/families_test", "Configurations/*", {"PICTOR_GOLDEN": str(out)})
    return claims.Finding(len(ran) >= 15, f"{len(ran)} configurations equal, the others refused with their reason",
                          {"equal": list(ran)})


@claims.claim("tokenizers", "14 tokenizers, 20,000 lines each: equal to the reference", what="encoders")
def tokenizers(context):
    ran = gtest(common.BUILD / "src/encode/encode_test", "TokenizerFamilies.*", {"CI": "1"})
    return claims.Finding(len(ran) >= 1, f"{len(ran)} tests of whole families passed", {"tests": list(ran)})


@claims.claim("how-to", "docs/how/bring-your-encoder.md: a CLIP of the hub's layout to a search in five commands", what="encoders")
def how_to(_):
    return line_durability.named(("how_test",))
