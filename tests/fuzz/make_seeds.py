#!/usr/bin/env python3
"""Makes small valid inputs for the fuzzers, so that they start deep in the formats: make_seeds.py OUT_DIR

One folder a fuzz target, named as the target. Pictures come from Pillow; nothing is committed."""
import io
import json
import pathlib
import re
import struct
import subprocess
import sys
import tarfile
import tempfile
import zipfile

from PIL import Image, PngImagePlugin

out = pathlib.Path(sys.argv[1])


def save(target, name, data):
    folder = out / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def picture(mode, size=(23, 17)):
    base = Image.linear_gradient("L").resize(size)
    if mode == "P":
        return base.convert("RGB").quantize(16)
    if mode == "I;16":
        return base.convert("I").point(lambda v: v * 257).convert("I;16")
    return base.convert(mode)


def pictures():
    exif = Image.Exif()
    exif[0x0112] = 6
    for mode in ("L", "RGB", "CMYK"):
        for name, options in (("base", {}), ("progressive", {"progressive": True}), ("exif", {"exif": exif})):
            yield f"{mode}-{name}.jpg", mode, "JPEG", options
    for mode in ("1", "L", "P", "RGB", "RGBA", "LA", "I;16"):
        yield f"{mode.replace(';', '')}.png", mode, "PNG", {"exif": exif}
    for mode in ("RGB", "RGBA"):
        yield f"{mode}-lossy.webp", mode, "WEBP", {}
        yield f"{mode}-lossless.webp", mode, "WEBP", {"lossless": True, "exif": exif}
    yield "p.gif", "P", "GIF", {}
    for mode in ("1", "L", "P", "RGB"):
        yield f"{mode}.bmp", mode, "BMP", {}
    for compression in ("raw", "tiff_lzw", "tiff_deflate", "packbits", "jpeg"):
        yield f"{compression}.tif", "RGB", "TIFF", {"compression": compression}
    yield "16.tif", "I;16", "TIFF", {}
    yield "a.avif", "RGB", "AVIF", {}


for file_name, mode, kind, options in pictures():
    buffer = io.BytesIO()
    try:
        picture(mode).save(buffer, kind, **options)
    except (OSError, KeyError, ValueError) as error:
        print(f"make_seeds: {file_name} left out: {error}")
        continue
    save("image_decode_fuzz", file_name, buffer.getvalue())
    if kind == "AVIF":
        # The same AV1 under the general brand, which goes to libheif, and once more with a picture of no bytes.
        heif = bytearray(buffer.getvalue())
        head = int.from_bytes(heif[:4], "big")
        heif[8:head] = heif[8:head].replace(b"avif", b"mif1")
        save("image_decode_fuzz", "av01.heic", bytes(heif))
        at = heif.find(b"iloc") + 22
        heif[at:at + 4] = bytes(4)
        save("image_decode_fuzz", "av01-empty.heic", bytes(heif))

noise = Image.effect_noise((45, 38), 60)
for mode in ("L", "RGB", "CMYK"):
    for name, options in (("444", {"subsampling": 0}), ("422", {"subsampling": 1}), ("420", {"subsampling": 2}),
                          ("tables", {"optimize": True}), ("restart", {"restart_marker_blocks": 2})):
        buffer = io.BytesIO()
        noise.convert(mode).save(buffer, "JPEG", quality=85, **options)
        save("image_jpeg_thin_fuzz", f"{mode}-{name}.jpg", buffer.getvalue())

def packed(kind):
    buffer = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("folder/a.png", b"no picture " * 20)
            archive.writestr("b.jpg", b"\xff\xd8")
        return buffer.getvalue()
    with tarfile.open(fileobj=buffer, mode="w:gz" if kind == "tar.gz" else "w") as archive:
        entry = tarfile.TarInfo("folder/a.png")
        entry.size = 5
        archive.addfile(entry, io.BytesIO(b"bytes"))
    return buffer.getvalue()


# The first byte is the name that the input gets.
for number, text in enumerate((b'path,id,price,tags\na.png,one,1.5,"x, ""y"""\na.png,two,,\n',
                               b"path\tname\na.png\tone\n",
                               b'{"path": "a.png", "id": "one", "metadata": {"x": [1, null]}}\n{"path": 3}\n',
                               packed("zip"), packed("tar"), packed("tar.gz"))):
    save("cli_inputs_fuzz", str(number), bytes([number]) + text)

root = pathlib.Path(__file__).resolve().parent.parent.parent
for card in sorted((root / "models").glob("*.json")):
    if "heads" in json.loads(card.read_text()):
        save("encode_card_fuzz", card.name, card.read_bytes())
for number, text in enumerate(("brand = 'Acme' and price < 20", "not (a.b in ('x', 'y')) or exists c",
                               "@width >= 100 and name like 'pre%'", "text contains 'red' or x != null and y = true")):
    save("store_filter_fuzz", str(number), text.encode())
for number, text in enumerate(('{"collection": "c", "query": [{"text": "a", "weight": 0.5}, {"image": "AAAA"}], "format": "gemini", "fields": ["a.b"]}',
                               '{"collection": "c", "where": "x = 1", "rights": ["cc0", "No_AI"], "consent": false, "licence": {"a": 1}}')):
    save("engine_context_fuzz", str(number), text.encode())
for number, text in enumerate(('{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "search", "arguments": {"text": "a"}}}',
                               '[{"jsonrpc": "2.0", "method": "notifications/cancelled"}, {"jsonrpc": "2.0", "id": "x", "result": {}}]',
                               "pictor://collections/a%20b/items/c%2Fd/picture")):
    save("mcp_messages_fuzz", str(number), text.encode())
# A text's first byte chooses the tokenizer; those of the fuzz target are seeds for its parser too.
for number, text in enumerate(("A photo of a cat.", "Ünïcödé 東京 e\u0301 [MASK]", "emoji \U0001f469\u200d\U0001f680 aab <|end|>", "XaX a\u0001 ﬁ")):
    for choice in b"0123":
        save("encode_tokenizer_fuzz", f"{number}{choice}", bytes([choice]) + text.encode())
for number, text in enumerate(re.findall(r'R"\((.*?)\)"', (root / "src/encode/tokenizer_fuzz.cpp").read_text(), re.DOTALL)):
    save("encode_tokenizer_fuzz", f"json{number}", text.replace("CHARSMAP", "BAAAAAAAAAAA").encode() + b"\0a b aab")

with tempfile.TemporaryDirectory() as folder:
    subprocess.run([sys.executable, root / "tests/golden/make_tiny_onnx.py", folder], check=True)
    for network in sorted(pathlib.Path(folder).rglob("*.onnx")):
        if network.stat().st_size < 20000:
            save("infer_onnx_fuzz", network.name, network.read_bytes())
# A network without anything before another: once taken for one, and cut to two.
save("infer_onnx_fuzz", "empty_first", bytes.fromhex("08093a003a0562030a0179"))

large = {"sha256": "c" * 64, "size": 9, "pointerSize": 134}
hub_files = [{"rfilename": name, "size": 9, "blobId": "b" * 40} for name in ("config.json", "tokenizer.json", "README.md")]
hub_files += [{"rfilename": "onnx/" + name, "size": 9, "blobId": "b" * 40, "lfs": large}
              for name in ("vision_model.onnx", "vision_model.onnx_data", "text_model.onnx", "model_fp16.onnx")]
listing = {"sha": "a" * 40, "cardData": {"license": ["mit"]}, "gated": False, "siblings": hub_files}
pulled = {"pulled": 1, "repository": "acme/tiny", "revision": "main", "commit": "a" * 40, "variant": "", "licence": "mit",
          "files": [{"path": "config.json", "sha256": "c" * 64, "bytes": 9}]}
for number, text in enumerate((json.dumps(listing), json.dumps(pulled), "hf:acme/tiny@refs/pr/1")):
    save("encode_hub_fuzz", str(number), text.encode())


def segment(spaces):
    """As docs/formats/segment.md says, with zeros for sums: the fuzz target mends those."""
    data, table = bytearray(64 + 32 * 5 * len(spaces)), bytearray()

    def section(kind, position, content, dim=0):
        data.extend(bytes(-len(data) % 64))
        table.extend(struct.pack("<IIQQII", kind, position, len(data), len(content), dim, 0))
        data.extend(content)

    for position, (name, dim, rows) in enumerate(spaces):
        section(1, position, name)
        section(2, position, struct.pack(f"<{len(rows)}Q", *rows))
        section(3, position, struct.pack(f"<{len(rows)}Q", *rows))
        section(4, position, bytes(4 * len(rows)))
        section(5, position, bytes(4 * dim * len(rows)), dim)
    data.extend(bytes(-len(data) % 64))
    footer = len(data)
    data.extend(b"PCTOREND" + struct.pack("<II", 0, 5 * len(spaces)) + bytes(4 * 5 * len(spaces) + 8))
    data[:64] = b"PCTORSEG" + struct.pack("<IIQQQQQQ", 1, 5 * len(spaces), len(data), 7, 1, 9, footer, 0)
    data[64:64 + len(table)] = table
    return bytes(data)


save("store_segment_fuzz", "two", segment([(b"visual", 3, [1, 4, 9]), (b"joint", 2, [4])]))
save("store_segment_fuzz", "empty", segment([(b"visual", 3, [])]))
save("store_segment_fuzz", "none", segment([]))

# Changes to a good graph file, six bytes each: where (four), by what it is replaced, how often.
for number, changes in enumerate(([], [(44, 9, 0)], [(100_000, 255, 7), (352, 0, 3)], [(900, 127, 3), (5000, 128, 7)])):
    save("index_graph_fuzz", str(number), b"\0" + b"".join(struct.pack("<IBB", *change) for change in changes))

for number, text in enumerate(('data = "/srv"\n\n[serve]\nqueue = 1_000 # more\nlisten = \'[::1]:80\'\n', '[a.b]\nc.d = [1, -2.5e3,\n true, "\\u00e9"]\n')):
    save("cli_config_fuzz", str(number), text.encode())

# Judgements, runs and queries: by the first byte.
for kind, texts in enumerate((("q1 0 a.jpg 2\nq1 0 my%20cat.jpg -1\n", 'query,item,grade,kind\nq1,"a, b",2,pets\n'),
                              ("q1 Q0 a 1 0.5 tag\nq1 Q0 b 2 0.5 tag\nq2 Q0 a 1 1e-3 tag\n",),
                              ("id,text,image,item,filter,kind\nq1,a cat,,,price < 3,words\n",
                               '{"id": "q1", "text": "a cat", "kind": null}\n{"id": 2, "item": "b"}\n'))):
    for number, text in enumerate(texts):
        save("measure_parse_fuzz", f"{kind}-{number}", bytes([kind]) + text.encode())

# Requests: an address, a form (its type on the first line), a query.
for number, text in enumerate(("/v1/collections/a%2Fb/items/c?where=x+%3E+1&limit=3", '{"text": "a", "k": 3, "vector": [1, 2.5]}',
                               '{"query": [{"image": "data:image/png;base64,iVBORw0KGgo="}]}', "data:image/png;base64,iVBORw0KGgo=",
                               'multipart/form-data; boundary=B\n--B\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n'
                               "Content-Type: image/png\r\n\r\nx\r\n--B\r\nContent-Disposition: form-data; name=id\r\n\r\n7\r\n--B--")):
    save("serve_requests_fuzz", str(number), text.encode())
