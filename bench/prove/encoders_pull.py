"""Claims: a pull survives every break of the connection, never registers wrong bytes, goes on where it was killed."""
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import claims
import common
import line_durability
import ours

ROUNDS = 40
BREAKS = ("drop", "close", "lie", "status", "norange", "etag", "shift")
WRONG = ("flip",)


class Server:
    """tests/hub/hub_server.py, serving a golden family."""

    def __init__(self, root):
        self.child = subprocess.Popen([str(common.VENV_PYTHON), str(common.ROOT / "tests/hub/hub_server.py"), str(root)],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.child.stdout.readline().split()[1])

    def ask(self, *words):
        print(*words, file=self.child.stdin, flush=True)
        return self.child.stdout.readline().strip()

    def log(self):
        return [self.child.stdout.readline().split() for _ in range(int(self.ask("log")))]

    def close(self):
        self.child.stdin.close()
        self.child.wait()


@contextlib.contextmanager
def hub():
    root = common.need(common.DEPS / "golden/clip/hub", "run `tools/setup golden`")
    server = Server(root)
    with tempfile.TemporaryDirectory(dir=common.scratch()) as folder:
        try:
            yield server, pathlib.Path(folder), [str(p.relative_to(root)) for p in sorted(root.rglob("*")) if p.is_file()]
        finally:
            server.close()


def settings(server, folder):
    return {"HF_ENDPOINT": f"http://127.0.0.1:{server.port}", "PICTOR_ENCODERS": str(folder / "encoders"),
            "PICTOR_MODELS": str(common.CARDS), "PICTOR_WEIGHTS": str(common.WEIGHTS), "PICTOR_DATA": str(folder / "data"),
            "XDG_CACHE_HOME": str(folder / "cache")}


def pull(server, folder, name):
    return ours.call("encoder", "pull", "hf:acme/tiny", "--name", name, "--quiet", env=settings(server, folder))


def registered(folder, name):
    return (folder / "encoders" / name / "card.json").exists()


@claims.claim("pull-breaks", f"{ROUNDS} pulls with random faults of the connection: each ends whole and verified", what="encoders")
def breaks(context):
    random, tried = context.random("pull"), []
    with hub() as (server, folder, files):
        for number in range(ROUNDS):
            server.ask("clear")
            kind, file = random.choice(BREAKS), random.choice([f for f in files if f.endswith(("onnx", "json"))])
            amount = random.choice((429, 500, 503)) if kind == "status" else random.randrange(1, 200_000)
            server.ask("fault", file, kind, random.randrange(1, 4), amount)
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            went = pull(server, folder, "pulled")
            for _ in range(3):  # what a person does: the same command again
                if went.status == 0:
                    break
                went = pull(server, folder, "pulled")
            ok = went.status == 0 and ours.call("encoder", "verify", "pulled", env=settings(server, folder)).status == 0
            tried.append({"kind": kind, "file": file, "number": amount, "ok": ok, "err": "" if ok else went.err[-300:]})
    bad = [one for one in tried if not one["ok"]]
    figure = f"{len(tried) - len(bad)} of {len(tried)} ended whole ({', '.join(sorted({one['kind'] for one in tried}))})"
    return claims.Finding(not bad, figure + (f"; first: {bad[0]}" if bad else ""), {"tried": tried})


@claims.claim("pull-wrong-bytes", "a byte that is not the listing's is never registered", what="encoders")
def wrong_bytes(context):
    random, let_in, tried = context.random("flip"), [], 0
    with hub() as (server, folder, files):
        for file in files:
            if not file.endswith(("onnx", "json")) or file in ("special_tokens_map.json", "tokenizer_config.json"):
                continue
            server.ask("clear")
            server.ask("fault", file, random.choice(WRONG), 100, random.randrange(100))
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            server.log()
            went = pull(server, folder, "pulled")
            if not any(file in entry for entry in server.log()):
                continue  # an encoder needs no such file: it was not asked for
            tried += 1
            if went.status == 0 or registered(folder, "pulled"):
                let_in.append(file)
    return claims.Finding(not let_in and tried >= 4, f"{tried} files flipped, {len(let_in)} let in", {"let_in": let_in})


@claims.claim("pull-resume", "killed at a random moment, the next pull goes on where it was", what="encoders")
def resume(context):
    random, resumed, whole = context.random("kill"), 0, 0
    with hub() as (server, folder, _):
        environment = {**os.environ, **settings(server, folder)}
        for _ in range(5):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            server.ask("pace", 2000)
            child = subprocess.Popen([str(ours.program()), "encoder", "pull", "hf:acme/tiny", "--name", "pulled", "--quiet"],
                                     env=environment, stderr=subprocess.DEVNULL)
            time.sleep(0.4 + 0.8 * random.random())
            child.send_signal(signal.SIGKILL)
            child.wait()
            server.ask("pace", 0)
            server.log()
            whole += pull(server, folder, "pulled").status == 0 and registered(folder, "pulled")
            resumed += any(int(entry[3]) > 0 for entry in server.log() if len(entry) > 3)
    return claims.Finding(whole == 5 and resumed >= 1, f"5 kills: {whole} ended whole, {resumed} went on inside a file",
                          {"whole": whole, "resumed": resumed})


@claims.claim("pull-tests", "the tests of pulling, and of kills while pulling", what="encoders")
def tests(context):
    finding = line_durability.named(("hub_kill_test",), {"PICTOR_SEED": str(context.seed)})
    return finding


