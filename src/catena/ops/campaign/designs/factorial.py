"""Two-level designs: full, fractional of least aberration, Plackett-Burman; their aliases.

Coded factors run from -1 to 1. Box, Hunter and Hunter (2005), chapters 5 to 7; minimum aberration
after Fries and Hunter (1980), doi:10.1080/00401706.1980.10486210.
"""

from __future__ import annotations

from itertools import combinations, product

import numpy as np

from catena.core.errors import InputError

#: Rows of a full factorial beyond which it is refused before anything is laid out.
MOST_RUNS = 100_000
#: Sets of generators tried when the design of least aberration is searched.
_TRIES = 4000


def full_factorial(levels: list[int]) -> np.ndarray:
    """Return every combination (n, k) of equally spaced coded levels.

    Args:
        levels: Number of levels of each factor, 2 or more.

    Raises:
        InputError: there would be more than 100,000 runs.
    """
    runs = float(np.prod([float(n) for n in levels]))
    if runs > MOST_RUNS:
        raise InputError("Too many combinations", where="full factorial",
                         why=f"{runs:.3g} runs; nothing was laid out",
                         fix="use a fraction, a D-optimal or a space-filling design")  # fmt: skip
    grids = [np.linspace(-1.0, 1.0, n) for n in levels]
    return np.array(list(product(*grids)), dtype=float).reshape(-1, len(levels))


def fractional_factorial(factors: int, runs: int) -> tuple[np.ndarray, list[frozenset[int]]]:
    """Return the two-level fraction (runs, factors) of least aberration and its defining words.

    Args:
        factors: Number of factors.
        runs: A power of two, fewer than 2^factors.

    Raises:
        InputError: no such fraction exists.
    """
    base = int(runs).bit_length() - 1
    if runs != 2**base or base >= factors or factors >= runs:
        raise InputError("No such fraction", where="fractional factorial",
                         why=f"{runs} runs for {factors} factors",
                         fix=f"use a power of two between {2 ** int(np.ceil(np.log2(factors + 1)))} and {2 ** (factors - 1)} runs")  # fmt: skip
    extra = factors - base
    words = [frozenset(c) for size in range(base, 1, -1) for c in combinations(range(base), size)]
    rng = np.random.default_rng(factors * 1000 + base)
    best: tuple[tuple[int, ...], list[frozenset[int]]] | None = None
    for chosen in _sets(words, extra, rng):
        found = defining_words(base, chosen)
        pattern = aberration(found, factors)
        if best is None or pattern < best[0]:
            best = (pattern, chosen)
    assert best is not None
    coded = full_factorial([2] * base)
    columns = [coded[:, k] for k in range(base)]
    columns += [np.prod(coded[:, sorted(word)], axis=1) for word in best[1]]
    return np.stack(columns, axis=1), defining_words(base, best[1])


def _sets(
    words: list[frozenset[int]], extra: int, rng: np.random.Generator
) -> list[list[frozenset[int]]]:
    """Return sets of generators to try: all of them when few, else random ones and long words."""
    count = 1.0
    for k in range(extra):
        count *= (len(words) - k) / (k + 1)
    if count <= _TRIES:
        return [list(chosen) for chosen in combinations(words, extra)]
    drawn = [rng.choice(len(words), extra, replace=False) for _ in range(_TRIES)]
    return [words[:extra], *([words[k] for k in some] for some in drawn)]


def defining_words(base: int, generators: list[frozenset[int]]) -> list[frozenset[int]]:
    """Return all words whose product is constant over the design, shortest first."""
    single = [word | {base + k} for k, word in enumerate(generators)]
    found: list[frozenset[int]] = []
    for size in range(1, len(single) + 1):
        for some in combinations(single, size):
            word: frozenset[int] = frozenset()
            for one in some:
                word = word ^ one
            found.append(word)
    return sorted(found, key=lambda word: (len(word), sorted(word)))


def aberration(words: list[frozenset[int]], factors: int) -> tuple[int, ...]:
    """Return how many defining words have length 1, 2, ...; smaller is better, in this order."""
    return tuple(sum(len(word) == size for word in words) for size in range(1, factors + 1))


def resolution(words: list[frozenset[int]]) -> int:
    """Return the length of the shortest defining word."""
    return min(len(word) for word in words)


def aliases(words: list[frozenset[int]], names: list[str], order: int = 2) -> dict[str, list[str]]:
    """Return which effects up to an order cannot be told apart, by effect."""

    def text(word: frozenset[int]) -> str:
        return ":".join(names[k] for k in sorted(word))

    table: dict[str, list[str]] = {}
    for size in range(1, order + 1):
        for effect in combinations(range(len(names)), size):
            others = [word ^ frozenset(effect) for word in words]
            near = [text(other) for other in others if 0 < len(other) <= order]
            if near:
                table[text(frozenset(effect))] = sorted(set(near))
    return table


def plackett_burman(factors: int) -> np.ndarray:
    """Return the smallest orthogonal two-level screening design (n, factors), n a multiple of 4.

    From Hadamard matrices after Paley (1933), doi:10.1002/sapm1933121311, and Sylvester.

    Raises:
        InputError: no matrix of a suitable order is known here.
    """
    for order in range(4 * int(np.ceil((factors + 1) / 4)), 4 * factors + 8, 4):
        matrix = hadamard(order)
        if matrix is not None:
            matrix = matrix * matrix[:, :1]  # first column all ones
            return np.asarray(matrix[:, 1 : factors + 1])
    raise InputError("No such design", where="Plackett-Burman", why=f"{factors} factors",
                     fix="use a D-optimal design")  # fmt: skip


def hadamard(order: int) -> np.ndarray | None:
    """Return a Hadamard matrix of an order, or None where no construction here gives one."""
    if order in (1, 2):
        return np.array([[1.0]]) if order == 1 else np.array([[1.0, 1.0], [1.0, -1.0]])
    if order % 4:
        return None
    conference = jacobsthal(order - 1)
    if conference is not None and (order - 1) % 4 == 3:
        matrix = np.ones((order, order))
        matrix[1:, 1:] = conference - np.eye(order - 1)
        return matrix
    half = order // 2
    conference = jacobsthal(half - 1)
    if conference is not None and (half - 1) % 4 == 1:
        inner = np.zeros((half, half))
        inner[0, 1:] = inner[1:, 0] = 1.0
        inner[1:, 1:] = conference
        eye = np.eye(half)
        return np.block([[inner + eye, inner - eye], [inner - eye, -inner - eye]])
    smaller = hadamard(half)
    return None if smaller is None else np.kron(np.array([[1.0, 1.0], [1.0, -1.0]]), smaller)


def jacobsthal(q: int) -> np.ndarray | None:
    """Return the matrix of quadratic characters (q, q) of a field with q elements, or None."""
    root = round(q**0.5)
    if q > 2 and _prime(q):
        squares = {k * k % q for k in range(1, q)}
        return np.array([[0.0 if i == j else 1.0 if (i - j) % q in squares else -1.0
                          for j in range(q)] for i in range(q)])  # fmt: skip
    if root * root == q and root > 2 and _prime(root):
        return _jacobsthal_squared(root)
    return None


def _jacobsthal_squared(p: int) -> np.ndarray:
    """Return quadratic characters of the field with p^2 elements a + b w, w^2 a non-square."""
    squares = {k * k % p for k in range(1, p)}
    w2 = next(k for k in range(2, p) if k not in squares)
    elements = [(a, b) for a in range(p) for b in range(p)]
    square = {((a * a + b * b * w2) % p, 2 * a * b % p) for a, b in elements if (a, b) != (0, 0)}
    return np.array([
        [0.0 if x == y else 1.0 if ((x[0] - y[0]) % p, (x[1] - y[1]) % p) in square else -1.0
         for y in elements] for x in elements
    ])  # fmt: skip


def _prime(n: int) -> bool:
    return n > 1 and all(n % k for k in range(2, int(n**0.5) + 1))
