#!/usr/bin/env python3
"""核对证书透明日志 | Checks the certificate transparency log with Python's standard library and OpenSSL alone.

    python3 verify-log.py HEAD.json ROOT.pem [--entries entries.jsonl] [--earlier OLD.json]
                          [--consistency proof.json] [--proof proof.json]

HEAD.json  签名树头 | signed tree head            GET /log/v1/sth
ROOT.pem   CA 根证书，须由其他可信途径取得 | the CA's root certificate, obtained otherwise than from the log
--entries  全部条目，每行一条 | all entries, one a line
--earlier  此前留存的树头 | a head kept earlier: the log may only have grown since
--consistency, --proof  一致性证明、包含性证明 | proofs instead of all entries
退出状态 | exit status: 0 通过 | intact, 1 不通过 | refused, 2 用法 | usage
"""

import argparse
import base64
import hashlib
import json
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

LOG_POLICY = "Policy: 1.2.840.113556.1.8000.2554.35680.45476.10341.20196.32965.14807191.11153588\n"
OLDER_FORM = "Policy: 2.25.185264754904943022931341776995719196852\n"


def leaf_hash(leaf: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + leaf).digest()  # RFC 9162 2.1.1


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(hashes: list[bytes]) -> bytes:
    """散列树的根 | Pair neighbours level by level; one that is left over goes up as it is."""
    if not hashes:
        return hashlib.sha256().digest()
    while len(hashes) > 1:
        paired = [node_hash(hashes[at], hashes[at + 1]) for at in range(0, len(hashes) - 1, 2)]
        hashes = paired + hashes[len(paired) * 2 :]
    return hashes[0]


def root_by_path(leaf: bytes, number: int, size: int, path: list[bytes]) -> bytes:
    """RFC 9162 2.1.3.2, from the top: at each split the path's last hash is the half that the leaf is not in."""
    if size == 1:
        check(not path, "证明过长 | the proof is too long")
        return leaf
    check(path, "证明过短 | the proof is too short")
    half = 1 << (size - 1).bit_length() - 1
    if number < half:
        return node_hash(root_by_path(leaf, number, half, path[:-1]), path[-1])
    return node_hash(path[-1], root_by_path(leaf, number - half, size - half, path[:-1]))


def roots_by_path(first: int, second: int, known: bytes | None, path: list[bytes]) -> tuple[bytes, bytes]:
    """RFC 9162 2.1.4: both roots that a consistency proof leads to. ``known``: the old root, while it is this subtree's."""
    if first == second:
        check(len(path) == (known is None), "证明长度不符 | the proof has another length")
        return known or path[0], known or path[0]
    check(path, "证明过短 | the proof is too short")
    half = 1 << (second - 1).bit_length() - 1
    if first <= half:
        old, new = roots_by_path(first, half, known, path[:-1])
        return old, node_hash(new, path[-1])
    old, new = roots_by_path(first - half, second - half, None, path[:-1])
    return node_hash(path[-1], old), node_hash(path[-1], new)


def check(holds: object, why: str) -> None:
    if not holds:
        print(f"不通过 | REFUSED  {why}")
        sys.exit(1)


def openssl(folder: str, *words: str) -> str:
    done = subprocess.run(["openssl", *words], cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""


def read_head(file: str, root: str) -> dict[str, Any]:
    """树头，签名与证书链均已核对 | The head, its signature and chain checked."""
    value = json.loads(Path(file).read_text("utf-8"))
    value = value.get("head", value)
    head: dict[str, Any] = json.loads(value["tree_head"])
    seconds = str(int(datetime.fromisoformat(head["at"].replace("Z", "+00:00")).timestamp()))
    with tempfile.TemporaryDirectory() as folder:
        log, *above = value["certificates"]
        files = {"head": value["tree_head"], "log.pem": log, "chain.pem": "".join(above)}
        for name, text in files.items():
            (Path(folder) / name).write_bytes(text.encode())
        (Path(folder) / "signature").write_bytes(base64.b64decode(value["signature"]))
        (Path(folder) / "root.pem").write_bytes(Path(root).read_bytes())
        path = ("-CAfile", "root.pem", "-untrusted", "chain.pem", "-attime", seconds, "log.pem")
        check(openssl(folder, "verify", *path), f"证书链无效 | the certificate's chain does not hold: {file}")
        text = openssl(folder, "x509", "-in", "log.pem", "-noout", "-text")
        known = LOG_POLICY in text or OLDER_FORM in text  # 仅日志证书有 | no other certificate has it
        check(known, f"不是日志证书 | the certificate is not a log's: {file}")
        (Path(folder) / "key.pem").write_text(openssl(folder, "x509", "-in", "log.pem", "-noout", "-pubkey"))
        signed = openssl(folder, "dgst", "-sha256", "-verify", "key.pem", "-signature", "signature", "head")
        check(signed, f"签名无效 | the signature does not hold: {file}")
    print(f"✔ 树头 | head  {head['size']} 条 | entries  {head['at']}  {head['root']}")
    return head


def main() -> None:
    parser = argparse.ArgumentParser(usage=__doc__)
    for name in ("head", "root", "--entries", "--earlier", "--consistency", "--proof"):
        parser.add_argument(name)
    asked = parser.parse_args()
    head = read_head(asked.head, asked.root)
    earlier = read_head(asked.earlier, asked.root) if asked.earlier else None
    if earlier:
        check(earlier["log"] == head["log"], "不是同一日志 | the heads are of different logs")
        check(
            (earlier["size"], earlier["at"]) <= (head["size"], head["at"]),
            "日志被回退 | the log was set back",
        )
        check(asked.entries or asked.consistency, "需要 --entries 或 --consistency | one of them is needed")
    if asked.entries:
        hashes = [leaf_hash(line) for line in Path(asked.entries).read_bytes().split(b"\n") if line]
        check(len(hashes) == head["size"], "条目数不符 | another number of entries")
        check(root_of(hashes).hex() == head["root"], "条目与树头不符 | the entries are not those of the head")
        if earlier:
            check(
                root_of(hashes[: earlier["size"]]).hex() == earlier["root"],
                "日志被改写 | the log was rewritten",
            )
    if asked.consistency and earlier:
        path = [bytes.fromhex(one) for one in json.loads(Path(asked.consistency).read_text())["path"]]
        old, new = roots_by_path(earlier["size"], head["size"], bytes.fromhex(earlier["root"]), path)
        check((old.hex(), new.hex()) == (earlier["root"], head["root"]), "日志被改写 | the log was rewritten")
    if asked.proof:
        proof = json.loads(Path(asked.proof).read_text("utf-8"))
        path = [bytes.fromhex(one) for one in proof["path"]]
        check(0 <= proof["number"] < head["size"], "序号不符 | no such entry")
        found = root_by_path(leaf_hash(proof["leaf"].encode()), proof["number"], head["size"], path)
        check(found.hex() == head["root"], "条目不在日志中 | the entry is not in the log")
        print(f"✔ 条目 | entry  {proof['number']}  {proof['leaf']}")
    print("通过 | INTACT")


if __name__ == "__main__":
    main()
