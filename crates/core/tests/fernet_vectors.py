"""Fernet tokens made by Python's `cryptography`, for the Rust tests; and the check of Rust's own.

    fernet_vectors.py                 writes fernet_vectors.json beside this file, always the same
    fernet_vectors.py --check FILE    opens every token of FILE, which Rust has written
"""

import base64
import json
import pathlib
import random
import sys
from unittest import mock

from cryptography.fernet import Fernet, MultiFernet

COUNT = 520
KEYS = 12


def make():
    chance = random.Random(20260101)
    texts = [base64.urlsafe_b64encode(chance.randbytes(32)).decode() for _ in range(KEYS)]
    keys = [Fernet(text) for text in texts]
    vectors = []
    # Every length around the cipher's blocks, then small ones at random, then a few large ones.
    lengths = list(range(0, 130)) + [chance.randrange(200) for _ in range(COUNT - 142)]
    lengths += [1023, 1024, 1025, 2048, 3000, 4000, 4079, 4080, 4081, 4095, 4096, 4096]
    with mock.patch("os.urandom", chance.randbytes):
        for number, length in enumerate(lengths):
            plain = chance.randbytes(length)
            at = chance.randrange(KEYS)
            seconds = chance.choice([0, 1, 499162800, 2**31, 2**32, 2**33, chance.randrange(2**40)])
            token = keys[at].encrypt_at_time(plain, seconds)
            rotated = number % 5 == 0
            if rotated:
                old, at = at, chance.randrange(KEYS)
                token = MultiFernet([keys[at], keys[old]]).rotate(token)
            vectors.append(
                {
                    "key": texts[at],
                    "seconds": seconds,
                    "plain": base64.b64encode(plain).decode(),
                    "token": token.decode(),
                    "rotated": rotated,
                }
            )
    return vectors


def check(path):
    vectors = json.loads(pathlib.Path(path).read_text())
    for vector in vectors:
        fernet = Fernet(vector["key"])
        token = vector["token"].encode()
        assert fernet.decrypt(token) == base64.b64decode(vector["plain"]), vector
        assert fernet.extract_timestamp(token) == vector["seconds"], vector
    print(f"{len(vectors)} tokens opened")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--check"]:
        check(sys.argv[2])
    else:
        lines = ",\n".join(json.dumps(vector) for vector in make())
        target = pathlib.Path(__file__).with_name("fernet_vectors.json")
        target.write_text(f"[\n{lines}\n]\n")
