"""Content keys: equal content, equal key; different type or order of bytes, different key."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from catena.core.identity import canonical, content_key, split_key
from catena.core.spec import Field


def test_order_of_a_mapping_does_not_matter_but_types_do() -> None:
    assert content_key({"a": 1, "b": 2}) == content_key({"b": 2, "a": 1})
    assert len({content_key(x) for x in (1, 1.0, "1", True, None, [1], b"x", {"1": 1})}) == 8
    assert content_key({1, 2, 3}) == content_key({3, 2, 1})


def test_arrays_count_by_type_shape_and_bytes() -> None:
    a = np.arange(6.0)
    assert content_key(a) == content_key(a.copy()) == content_key(a[::-1][::-1])
    assert content_key(a) != content_key(a.reshape(2, 3))
    assert content_key(a) != content_key(a.astype(np.float32))
    assert content_key(np.array(["x", "y"], object)) != content_key(np.array(["xy", ""], object))
    assert content_key(np.float64(2.0)) == content_key(2.0)


def test_objects_with_parts_count_by_their_parts() -> None:
    assert content_key(Field("a", unit="mg")) == content_key(Field("a", unit="mg"))
    assert content_key(Field("a", unit="mg")) != content_key(Field("a", unit="g"))
    with pytest.raises(TypeError):
        content_key(print)


def test_the_key_is_the_same_in_another_process() -> None:
    code = (
        "import numpy as np; from catena.core.identity import content_key, split_key;"
        "print(content_key({'a': np.arange(3.0), 'b': ['x', 1.5, None]}), split_key(7, 'pk'))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    here = content_key({"a": np.arange(3.0), "b": ["x", 1.5, None]}), split_key(7, "pk")
    assert out.stdout.split() == [str(part) for part in here]


def test_split_keys_differ_by_path_and_parent() -> None:
    keys = {split_key(parent, path) for parent in range(50) for path in ("a", "b", "a.b")}
    assert len(keys) == 150
    assert all(0 <= key < 2**64 for key in keys)
    assert split_key(-1, "a") == split_key(2**64 - 1, "a")


def test_canonical_json_is_sorted_and_standard() -> None:
    assert canonical({"b": float("inf"), "a": (1, np.int64(2)), "c": np.array([1.5])}) == (
        b'{"a":[1,2],"b":"inf","c":[1.5]}'
    )
    assert (
        canonical({"s": {2, 1}, "f": Field("a")})
        == b'{"f":' + canonical(Field("a").model_dump()) + b',"s":[1,2]}'
    )
    with pytest.raises(TypeError):
        canonical(object())
