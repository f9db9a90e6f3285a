#!/usr/bin/env python3
"""serve_peer.py SETTINGS: the image-search service that people write in Python, which the server is measured beside.

FastAPI on uvicorn (uvloop, httptools), Pillow as the encoder's card says, tokenizers, onnxruntime, faiss HNSW over f32, SQLite
(write-ahead log, synchronous=FULL) for the items. It takes the requests of api/openapi.yaml that the loads send: words, a JPEG or an
id to /search, PUT and DELETE of an item. One process: a second one would hold the indexes a second time and not see what is put
into the first. What blocks runs in a pool of threads; onnxruntime, Pillow and faiss let go of Python's lock, so two cores are used.

SETTINGS is JSON: {"data": FOLDER, "folder": OWN, "encoder": NAME, "image": ONNX or null, "threads": of a pass of a network,
"pool": threads that answer, "ef": {HEAD: N}, "port": N}. A line of JSON says the port when it answers.
"""
import asyncio
import io
import json
import os
import pathlib
import shutil
import socket
import sqlite3
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import common  # noqa: E402

common.enter_venv("numpy", "PIL", "onnxruntime", "faiss", "tokenizers")
import numpy  # noqa: E402
import onnxruntime  # noqa: E402
import reference  # noqa: E402
import tokenizers  # noqa: E402

DEFAULT = {"encoder": "lite2-minilm", "image": None, "threads": 1, "pool": 2, "ef": {"visual": 64, "joint": 64}, "port": 0}
K_MAX, SPARE = 1000, 8  # SPARE: more are looked for than asked, since deleted rows stay in a graph
KEEP_ALIVE_SECONDS = 75
PACKAGES = ("fastapi", "uvicorn", "uvloop", "httptools", "onnxruntime", "faiss-cpu", "pillow", "tokenizers")


class Encoder:
    """The default encoder's towers in onnxruntime; `image` is another file of the picture tower, as its static int8."""

    def __init__(self, name, image=None, threads=1):
        card = json.loads(common.need(common.CARDS / f"{name}.json", "an encoder's card").read_text())
        folder = common.need(common.WEIGHTS / name, "run `make setup`, which makes the weights")
        self.spec = reference.Spec(card["decode"], card["prepare"])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Passes of several requests run side by side: threads that spin would take the cores from each other.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.image, self.text = (onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
                                 for path in (image or folder / card["towers"]["image"]["file"], folder / card["towers"]["text"]["file"]))
        self.pixels = self.image.get_inputs()[0].name
        self.tokenizer = tokenizers.Tokenizer.from_file(str(folder / card["towers"]["text"]["tokenizer"]))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(card["towers"]["text"]["max_tokens"])
        classes = numpy.fromfile(folder / "classes.f32", dtype="<f4").reshape(1000, -1)
        self.classes = classes - classes.mean(axis=0)

    def picture(self, file, joint=False):
        """Its vectors by head; `joint` costs a little more, and a query needs it not."""
        pixels = reference.prepare_u8(reference.read_rgb(io.BytesIO(file), self.spec), self.spec)
        features, logits = self.image.run(["features", "logits"], {self.pixels: reference.normalise(pixels, self.spec)[None]})
        found = {"visual": reference.l2(features)}
        if joint:
            weights = numpy.exp(logits - logits.max(axis=1, keepdims=True))
            found["joint"] = reference.l2(weights / weights.sum(axis=1, keepdims=True) @ self.classes)
        return found

    def words(self, text):
        ids = numpy.array([self.tokenizer.encode(text).ids], numpy.int64)
        hidden = self.text.run(["last_hidden_state"], {"input_ids": ids, "attention_mask": numpy.ones_like(ids),
                                                       "token_type_ids": numpy.zeros_like(ids)})[0]
        return reference.l2(hidden.mean(axis=1))


class Shared:
    """Many may search at once; who adds is alone: faiss takes no search beside an add."""

    def __init__(self):
        self.changed, self.readers, self.writing = threading.Condition(), 0, False

    def read(self, work):
        with self.changed:
            self.changed.wait_for(lambda: not self.writing)
            self.readers += 1
        try:
            return work()
        finally:
            with self.changed:
                self.readers -= 1
                self.changed.notify_all()

    def write(self, work):
        with self.changed:
            self.changed.wait_for(lambda: not self.writing)
            self.writing = True
            self.changed.wait_for(lambda: self.readers == 0)
        try:
            return work()
        finally:
            with self.changed:
                self.writing = False
                self.changed.notify_all()


class Store:
    """faiss for the vectors, SQLite for the items."""

    def __init__(self, data, folder, ef):
        import faiss
        self.faiss = faiss
        faiss.omp_set_num_threads(1)
        data, folder = pathlib.Path(data), pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy2(data / "items.db", folder / "items.db")
        self.path, self.local = folder / "items.db", threading.local()
        self.indexes = {head: faiss.read_index(str(data / f"{head}.faiss")) for head in ("visual", "joint")}
        for head, index in self.indexes.items():
            index.hnsw.efSearch = ef[head]
        self.ids = json.loads((data / "ids.json").read_text())
        self.rows = {name: row for row, name in enumerate(self.ids)}
        self.dead, self.shared = {len(self.ids)}, Shared()
        # faiss copies all vectors when the first one is added to what was read; done before anybody is answered.
        self.ids.append("")
        for index in self.indexes.values():
            index.add(index.reconstruct(0)[None])

    def database(self):
        if not hasattr(self.local, "open"):
            self.local.open = sqlite3.connect(self.path, isolation_level=None, timeout=30)
            self.local.open.execute("PRAGMA journal_mode=WAL")
            self.local.open.execute("PRAGMA synchronous=FULL")
        return self.local.open

    def nearest(self, head, vector, k, without=None):
        def found():
            scores, rows = self.indexes[head].search(numpy.ascontiguousarray(vector, numpy.float32), k + SPARE)
            return [(self.ids[row], float(score)) for score, row in zip(scores[0], rows[0])
                    if row >= 0 and row not in self.dead and self.ids[row] != without][:k]
        best = self.shared.read(found)
        marks = ",".join("?" * len(best))
        metadata = dict(self.database().execute(f"SELECT id, metadata FROM items WHERE id IN ({marks})", [name for name, _ in best]))
        return [{"rank": rank, "id": name, "score": score, "metadata": json.loads(metadata.get(name, "{}"))}
                for rank, (name, score) in enumerate(best, 1)]

    def vector(self, name, head="visual"):
        row = self.rows.get(name)
        return None if row is None or row in self.dead else self.shared.read(lambda: self.indexes[head].reconstruct(row)[None])

    def put(self, name, vectors):
        def add():
            self.database().execute("INSERT OR REPLACE INTO items VALUES (?, '{}')", (name,))
            if name in self.rows:
                self.dead.add(self.rows[name])
            self.rows[name] = len(self.ids)
            self.ids.append(name)
            for head, index in self.indexes.items():
                index.add(numpy.ascontiguousarray(vectors[head], numpy.float32))
        self.shared.write(add)

    def delete(self, name):
        def remove():
            row = self.rows.pop(name, None)
            if row is not None:
                self.database().execute("DELETE FROM items WHERE id = ?", (name,))
                self.dead.add(row)
            return int(row is not None)
        return self.shared.write(remove)


def application(settings):
    import anyio.to_thread
    import fastapi
    from fastapi.concurrency import run_in_threadpool
    from fastapi.responses import JSONResponse
    encoder = Encoder(settings["encoder"], settings["image"], settings["threads"])
    store = Store(settings["data"], settings["folder"], settings["ef"])
    app = fastapi.FastAPI()

    def search(body, kind, k):
        if kind.startswith("image/"):
            return store.nearest("visual", encoder.picture(body)["visual"], k)
        asked = json.loads(body)
        k = asked.get("k", k)
        if "text" in asked:
            return store.nearest("joint", encoder.words(asked["text"]), k)
        vector = store.vector(asked["id"])
        if vector is None:
            raise fastapi.HTTPException(404, f"there is no item {asked['id']}")
        return store.nearest("visual", vector, k, without=asked["id"])

    @app.post("/v1/collections/shop/search")
    async def search_collection(request: fastapi.Request, k: int = fastapi.Query(10, ge=1, le=K_MAX)):
        body = await request.body()
        return JSONResponse({"hits": await run_in_threadpool(search, body, request.headers.get("content-type", ""), k)})

    def put(name, body):
        store.put(name, encoder.picture(body, joint=True))

    @app.put("/v1/collections/shop/items/{name}")
    async def put_item(name: str, request: fastapi.Request):
        await run_in_threadpool(put, name, await request.body())
        return JSONResponse({"id": name, "status": "added"}, 201)

    @app.delete("/v1/collections/shop/items/{name}")
    async def delete_item(name: str):
        return JSONResponse({"deleted": await run_in_threadpool(store.delete, name)})

    async def sized():
        anyio.to_thread.current_default_thread_limiter().total_tokens = settings["pool"]
    return app, sized


def main():
    import uvicorn
    settings = {**DEFAULT, **json.loads(sys.argv[1])}
    app, sized = application(settings)
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", settings["port"]))
    listening.listen(2048)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, timeout_keep_alive=KEEP_ALIVE_SECONDS, backlog=2048))

    async def serve():
        await sized()
        await server.serve(sockets=[listening])
    print(json.dumps({"port": listening.getsockname()[1], "versions": common.package_versions(*PACKAGES)}), flush=True)
    try:
        import uvloop
        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    except ImportError:
        pass
    asyncio.run(serve())


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
