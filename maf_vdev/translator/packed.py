"""A compiled kernel as bytes: object file and description. Needs nothing of the compiler."""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, dataclass


@dataclass
class Meta:
    """What the launcher needs to know about an object."""

    entry: str  # "slow" (general form) or "fast"
    flags: int
    frame_bytes: int
    instructions: int
    cost: int  # estimated nanoseconds of one warp


def pack(obj: bytes, meta: Meta) -> bytes:
    m = json.dumps(asdict(meta)).encode()
    return struct.pack("<I", len(m)) + m + obj


def unpack(data: bytes) -> tuple[bytes, Meta]:
    (n,) = struct.unpack_from("<I", data)
    return data[4 + n :], Meta(**json.loads(data[4 : 4 + n]))
