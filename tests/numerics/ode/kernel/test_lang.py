from __future__ import annotations

import threading

import numpy as np
import pytest
from compiled import C_TYPES, compiled
from hypothesis import given
from hypothesis import strategies as st

from catena.numerics.ode.kernel import machine
from catena.numerics.ode.kernel.lang import (
    PF,
    PI,
    VI,
    B,
    Extern,
    F,
    I,
    M,
    TranslateError,
    Unit,
    V,
    W,
    all_,
    any_,
    atomic_add,
    bits,
    ceil,
    copysign,
    fabs,
    floats,
    floor,
    fma,
    fmax,
    fmin,
    from_bits,
    function,
    ints,
    isnan,
    lane,
    lanes,
    load,
    mask,
    mask_store,
    put,
    rint,
    select,
    shift_right,
    splat,
    sqrt,
    store,
    to_float,
    to_int,
    trunc,
    unroll,
)
from catena.numerics.ode.kernel.types import Kind

TABLE = (3, 1, 4, 1, 5)
WEIGHTS = ((0.5,), (0.25, 0.75))

small = st.integers(-1000, 1000)

# --- functions that Python itself can run: both must agree ----------------------------------


def floored(a: I, b: I) -> I:
    return (a // b) * 1000003 + a % b


def bitwise(a: I, b: I) -> I:
    return ((a & 255) | (b << 3)) ^ (a >> 2) ^ ~b


def mixed(x: F, y: F) -> F:
    z = x * y - 2 * x + 1
    z += y / 4
    z -= -x
    return +z if x < y else z - 1


def collatz(n: I) -> I:
    steps = 0
    while n != 1:
        if n % 2 == 0:
            n //= 2
        else:
            n = 3 * n + 1
        steps += 1
        if steps > 500:
            break
    return steps


def primes(n: I) -> I:
    count = 0
    for k in range(2, n):
        found = True
        for d in range(2, k):
            if d * d > k:
                break
            if k % d != 0:
                continue
            found = False
            break
        count += 1 if found else 0
    return count


def countdown(a: I, b: I) -> I:
    total = 0
    for i in range(a, b, -3):
        total = 10 * total + i
        i += 7  # the loop counts on regardless
    return total


def forever(n: I) -> I:
    i = 0
    while True:
        i += 1
        if i * i >= n:
            return i


def fibonacci(n: I) -> I:
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a


def factorial(n: I) -> I:
    return 1 if n < 2 else n * factorial(n - 1)


def grade(x: F) -> I:
    if x != x:
        result = -1
    elif 0 <= x < 0.5:
        result = 1
    elif not (x < 0 or x > 1) and x != 0.75:
        result = 2
    else:
        return 3
    return 10 * result


def looked_up(i: I) -> I:
    return TABLE[i] + TABLE[2]


@pytest.mark.parametrize("case", [floored, bitwise])
@given(a=small, b=small.filter(bool))
def test_integers_follow_python(case, a, b):
    run = RUN[case.__name__]
    assert run(a, b) == case(a, b)


@given(x=st.floats(-1e6, 1e6), y=st.floats(-1e6, 1e6))
def test_floats_follow_python_up_to_fused_rounding(x, y):
    scale = abs(x * y) + abs(x) + abs(y) + 1
    assert RUN["mixed"](x, y) == pytest.approx(mixed(x, y), abs=1e-15 * scale)


@pytest.mark.parametrize(
    ("case", "arguments"),
    [
        (collatz, [(1,), (27,), (97,)]),
        (primes, [(0,), (2,), (200,)]),
        (countdown, [(10, 0), (0, 10), (9, 0)]),
        (forever, [(1,), (99,), (100,)]),
        (fibonacci, [(0,), (1,), (50,)]),
        (factorial, [(0,), (20,)]),
        (grade, [(0.0,), (0.5,), (0.75,), (1.0,), (-1.0,), (2.0,), (float("nan"),)]),
        (looked_up, [(k,) for k in range(5)]),
    ],
)
def test_control_flow_follows_python(case, arguments):
    for each in arguments:
        assert RUN[case.__name__](*each) == case(*each)


RUN = {
    each.__name__: compiled(each)
    for each in (
        floored, bitwise, mixed, collatz, primes, countdown, forever, fibonacci, factorial, grade,
        looked_up,
    )
}  # fmt: skip


# --- what only the language has -------------------------------------------------------------


def guarded(p: PI, n: I) -> I:
    i = 0
    while i < n and p[i] > 0:
        i += 1
    return i if n == 0 or i == n or p[i] <= 0 else -1


def test_and_or_do_not_evaluate_what_they_need_not():
    positive = np.array([1, 2, 3, -1], dtype=np.int64)
    assert compiled(guarded)(positive, 4) == 3
    assert compiled(guarded)(positive, 3) == 3
    assert compiled(guarded)(None, 0) == 0  # reading through the null pointer would crash


def memory(a: PF, out: PF, counts: PI) -> None:
    second = a + W
    store(out, load(a) + load(second) * 2)
    store(out, 1, load(second, 0) - 1)
    mask_store(out, 2, load(a, 1), load(a) > 1.5)
    mask_store(out + 3 * W, 7.0, mask(2))
    out[4 * W] = a[0] + 0.5
    (out + 4 * W)[1] = a[W + 1]
    out[4 * W] *= 2
    counts[0] = W
    store(counts, 1, lanes() * lanes())


@pytest.mark.parametrize("lanes", [2, 4, 8])
def test_memory(lanes):
    a = np.arange(2.0 * lanes)
    out, counts = np.full(5 * lanes, -9.0), np.zeros(2 * lanes, dtype=np.int64)
    compiled(memory, lanes)(a, out, counts)
    first, second, third, fourth, fifth = out.reshape(5, lanes)
    assert (first == a[:lanes] + 2 * a[lanes:]).all()
    assert (second == a[lanes:] - 1).all()
    assert (third == np.where(a[:lanes] > 1.5, a[lanes:], -9)).all()
    assert fourth.tolist() == [7.0, 7.0] + [-9.0] * (lanes - 2)
    assert fifth[:2].tolist() == [1.0, lanes + 1]
    assert counts[0] == lanes
    assert (counts[lanes:] == np.arange(lanes) ** 2).all()


def lanewise(a: PF, out: PF, flags: PI) -> None:
    v = load(a)
    big = v > 2.0
    odd = (lanes() & 1) == 1
    flags[0] = select(any_(big), 1, 0)
    flags[1] = select(all_(big), 1, 0)
    flags[2] = select(lane(big, 3) and not lane(big, 0), 1, 0)
    flags[3] = lane(select(big & ~odd | (v == 0), 1, 0), 0)
    k = 1
    v = put(v, k + 1, lane(v, 0) - 10)
    store(out, select(odd, v, -v))
    store(out, 1, splat(lane(v, 2)))


def test_lanes_and_masks():
    a, out, flags = np.arange(4.0), np.zeros(8), np.zeros(4, dtype=np.int64)
    compiled(lanewise)(a, out, flags)
    assert out.tolist() == [0.0, 1.0, 10.0, 3.0] + [-10.0] * 4
    assert flags.tolist() == [1, 0, 1, 1]


def elementary(x: F, y: F, out: PF) -> I:
    out[0] = sqrt(x)
    out[1] = fabs(y)
    out[2] = floor(y)
    out[3] = ceil(y)
    out[4] = trunc(y)
    out[5] = rint(y)
    out[6] = copysign(x, y)
    out[7] = fma(x, y, 1)
    out[8] = fmax(x, y)
    out[9] = fmin(x, y)
    out[10] = from_bits(bits(x) + 1)
    out[11] = to_float(to_int(y))
    out[12] = select(isnan(y), 1.0, 0.0)
    return shift_right(-1, 60)


def test_elementary_functions():
    out = np.zeros(13)
    assert compiled(elementary)(2.0, -2.5, out) == 15
    expected = [np.sqrt(2), 2.5, -3, -2, -2, -2, -2, -4, 2, -2.5, np.nextafter(2, 3), -2, 0]
    assert out.tolist() == expected


def extremes(out: PF) -> None:
    nan = sqrt(out[0])
    out[0] = fmax(nan, 1.0)
    out[1] = fmin(nan, 1.0)


def test_extremes_give_the_second_argument_beside_nan():
    out = np.array([-1.0, 0.0])
    compiled(extremes)(out)
    assert out.tolist() == [1.0, 1.0]


def addressed(addresses: PI) -> F:
    return floats(addresses[0])[1] + to_float(ints(addresses[1])[0])


def test_addresses_kept_as_integers():
    x, k = np.array([1.0, 2.5]), np.array([4])
    assert compiled(addressed)(np.array([x.ctypes.data, k.ctypes.data])) == 6.5


def unrolled(n: I) -> F:
    total = 0.0
    for j in unroll(2):
        for k in unroll(j + 1):
            total += WEIGHTS[j][k] * (10 * j + k)
    for w in unroll((1.5, 2.5, 4.0)):
        if w == 2.5:
            continue
        if n > 5:
            break
        total += w
    for j in unroll(4, 0, -2):
        if j > 2:
            total += 100
        else:
            total += undefined_but_never_translated  # noqa: F821
            break
    return total


def test_unrolled_loops_are_constant_inside():
    run = compiled(unrolled, undefined_but_never_translated=0.25)
    assert run(0) == 10 * 0.25 + 11 * 0.75 + 5.5 + 100.25
    assert run(9) == 10 * 0.25 + 11 * 0.75 + 100.25


def chosen(x: F) -> F:
    if DEBUG:  # noqa: F821
        return missing(x)  # noqa: F821
    elif SCALE > 1 and not DEBUG:  # noqa: F821
        y: F = 0
        y += x * SCALE  # noqa: F821
        return y
    return 0


def test_constant_conditions_keep_one_branch():
    assert compiled(chosen, DEBUG=False, SCALE=3)(2.0) == 6.0
    assert compiled(chosen, DEBUG=False, SCALE=0.5)(2.0) == 0.0


@function(contract=False)
def two_sum(a: F, b: F) -> tuple[F, F]:
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


def compensated(p: PF, n: I) -> F:
    high, low = 0.0, 0.0
    for i in range(n):
        high, error = two_sum(high, p[i])
        low += error
    return high + low


def test_several_results():
    values = np.array([1e16, 1.0, -1e16, 1.0])
    assert compiled(compensated)(values, 4) == 2.0


def applied(x: V) -> V:
    return STEP(x, 2)  # noqa: F821


def scaled(x: V, by: F) -> V:
    return x * by + OFFSET  # noqa: F821


def both(p: PF) -> None:
    store(p, applied(load(p)))


def test_functions_arrive_through_constants_and_constants_reach_callees():
    data = np.arange(4.0)
    compiled(both, STEP=scaled, OFFSET=1)(data)
    assert data.tolist() == [1.0, 3.0, 5.0, 7.0]


def test_a_callee_is_translated_once_per_set_of_constants():
    unit = Unit(4)
    unit.add(both, {"STEP": scaled, "OFFSET": 1, "UNUSED": 1}, name="first")
    unit.add(both, {"STEP": scaled, "OFFSET": 1, "UNUSED": 2}, name="second")
    assert unit.text().count("define internal") == 2
    unit.add(both, {"STEP": scaled, "OFFSET": 5}, name="third")
    assert unit.text().count("define internal") == 4
    assert unit.use(applied, {"STEP": scaled, "OFFSET": 5}).symbol == "catena.applied.2"


def outer(p: PF) -> F:
    filler(p, 2.5)  # noqa: F821
    HANDLERS[1](p + 1, 4.0)  # noqa: F821
    return p[0] + p[1]


def test_extern_functions_of_the_same_module():
    unit = Unit(4)
    unit.append(
        "define void @fill(ptr %p, double %x) {\n  store double %x, ptr %p\n  ret void\n}\n"
    )
    fill = Extern("PF", F, symbol="fill")
    unit.add(outer, {"filler": fill, "HANDLERS": (None, fill)})
    library = machine.load(machine.compile_unit(unit.text()))
    data = np.zeros(2)
    assert library.function("outer", *_types("F", "PF"))(data.ctypes.data) == 6.5


def _types(*names):
    return [C_TYPES[Kind[name]] for name in names]


def tickets(counter: PI, mine: PI, n: I) -> None:
    for i in range(n):
        mine[i] = atomic_add(counter, 0, 1)


def test_atomic_addition_hands_every_number_out_once():
    run, counter = compiled(tickets), np.zeros(1, dtype=np.int64)
    drawn = [np.zeros(20000, dtype=np.int64) for _ in range(4)]
    threads = [threading.Thread(target=run, args=(counter, each, 20000)) for each in drawn]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter[0] == 80000
    assert sorted(np.concatenate(drawn)) == list(range(80000))


def pointers(p: PF, swap: B) -> F:
    q = p + 1
    if swap:
        p, q = q, p
    return (p if p[0] > 0 else q)[0] - q[0]


def test_pointers_are_values():
    data = np.array([5.0, 3.0])
    assert compiled(pointers)(data, False) == 2.0
    assert compiled(pointers)(data, True) == -2.0


# --- errors ---------------------------------------------------------------------------------


def no_annotation(x) -> F:
    return x


def power(x: F) -> F:
    return x**2


def retyped(x: F) -> F:
    n = 1
    n = x
    return n


def unknown(x: F) -> F:
    return nowhere(x)  # noqa: F821


def falls_off(x: F) -> F:
    if x > 0:
        return x


def vague(x: V) -> V:
    if x > 0:
        return x
    return -x


def mingled(n: I, x: F) -> F:
    return n + x


def keyword(x: F) -> F:
    return fmax(x, y=1)


def too_few(x: F) -> F:
    return fma(x, 1)


def statement(x: F) -> F:
    with x:
        return x


def unroll_run_time(n: I) -> I:
    for _ in unroll(n):
        n += 1
    return n


def out_of_table(x: F) -> F:
    return x + TABLE[9]


def ping(x: F) -> F:
    return pong(x)


def pong(x: F) -> F:
    return ping(x)


def masked_and(x: V, y: V) -> M:
    return x > 0 and y > 0


def no_value(x: VI) -> VI:
    y = store(x, 1)
    return y


@pytest.mark.parametrize(
    ("case", "line", "why"),
    [
        (no_annotation, 0, "annotations"),
        (power, 1, "multiply"),
        (retyped, 2, "first assignment"),
        (unknown, 1, "nowhere is not known"),
        (falls_off, 0, "without returning"),
        (vague, 1, "any_ or all_"),
        (mingled, 1, "to_float"),
        (keyword, 1, "positional"),
        (too_few, 1, "3 arguments"),
        (statement, 1, "With statement"),
        (unroll_run_time, 1, "known at translation"),
        (out_of_table, 1, "out of range"),
        (ping, 1, "is called by what it calls"),
        (masked_and, 1, "a condition of type M"),
        (no_value, 1, "pointer"),
    ],
)
def test_errors_name_function_line_and_rule(case, line, why):
    with pytest.raises(TranslateError) as caught:
        Unit(4).add(case)
    assert why in caught.value.why
    expected = case.__code__.co_firstlineno + line
    named = "pong" if case is ping else case.__name__
    assert f".{named}, " in caught.value.where
    if case is not ping:
        assert caught.value.where.endswith(f"test_lang.py:{expected}")


def test_language_functions_cannot_be_called_from_python():
    with pytest.raises(TypeError, match=r"Unit\.add"):
        sqrt(2.0)


def test_a_symbol_is_used_once():
    unit = Unit(4)
    unit.add(collatz)
    with pytest.raises(ValueError, match="already"):
        unit.add(collatz)
