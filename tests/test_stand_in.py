"""The stand-in for CuPy: it equals NumPy or refuses as CuPy does, and is faithful to the record."""
import inspect
import sys

import numpy as np
import pytest

from tests import stand_in
from tinycaps.backend import to_numpy

HOST = {"x": np.linspace(-1.0, 2.0, 12).reshape(3, 4),
        "f": np.linspace(0.1, 1.0, 12, dtype=np.float32).reshape(3, 4),
        "z": np.linspace(0.5, 1.5, 4) + 0.3j,
        "i": np.array([2, 0, 1]),
        "s": np.linspace(-2.0, 2.0, 24).reshape(2, 3, 4)}
on_device = pytest.mark.parametrize(
    "xp", ["stand-in", pytest.param("cupy", marks=pytest.mark.cuda)], indirect=True)


def run(expression, xp):
    """Evaluate an expression over HOST's arrays on the device; ``host`` is an array on the host."""
    arrays = {name: xp.array(a) for name, a in HOST.items()}
    return eval(expression, {"xp": xp, "np": np, "host": HOST["x"].copy(), **arrays})


@on_device
@pytest.mark.parametrize("expression", [
    "x.sum()", "x.sum(axis=1, keepdims=True)", "f.mean(axis=0)", "x.max(axis=(0, 1))",
    "xp.sum(s, axis=(0, 2))", "x.argmax(axis=1)", "xp.einsum('ij,ik->jk', x, x)",
    "xp.einsum('nij,ij->ni', s, x)", "x.T @ x", "xp.matmul(s, x.T)", "xp.tensordot(s, x, 2)",
    "x[x > 0]", "x[i]", "x[..., None]", "x[1]", "x[0, 1]", "x[:, ::-1]", "xp.where(x > 0, x, 0.0)",
    "xp.maximum(f, 0)", "2.0 * f", "1 - f", "f ** 2", "f / 3", "-f", "abs(x)", "x == 2.0",
    "np.float32(2) * f", "f * np.float64(2)", "i == xp.arange(3)",
    "(i[:, None] == xp.arange(3)).astype(f.dtype)", "xp.sqrt(f)", "xp.exp(f)", "xp.tanh(f)",
    "xp.log(f)", "xp.logaddexp(0, x)", "xp.isfinite(x).all(axis=1)", "xp.exp(1j * z)",
    "xp.sqrt((z * z).sum())", "z.real", "z.imag", "s.reshape(6, -1)", "s.swapaxes(0, 1)",
    "s.transpose(2, 0, 1)", "xp.moveaxis(s, 0, -1)", "xp.concatenate([x, x], axis=1)",
    "xp.stack((x, x))", "xp.pad(x, ((1, 1), (0, 2)))", "xp.zeros_like(f)", "xp.empty_like(f).shape",
    "xp.ones((2, 3), dtype=f.dtype)", "xp.arange(5)", "xp.eye(3)", "xp.broadcast_to(x, (2, 3, 4))",
    "xp.linalg.norm(x, axis=1)", "x.clip(0, 1)", "xp.clip(x, 0, 1)", "xp.cumsum(x, 1)",
    "xp.lib.stride_tricks.sliding_window_view(x, (2, 2), axis=(0, 1))", "xp.flip(x, axis=0)",
    "xp.take_along_axis(x, i[:, None], 1)", "xp.add.reduce(x)", "xp.sign(x)",
    "xp.argsort(x, axis=1)", "x.astype(np.float32)", "np.sqrt(f)", "np.sum(x, axis=0)"])
def test_equals_numpy(expression, xp):
    got, want = run(expression, xp), run(expression, np)
    if not isinstance(want, tuple):
        assert isinstance(got, xp.ndarray)          # a reduction gives a 0-d array, not a scalar
        assert got.dtype == want.dtype
    assert np.shape(want) == getattr(got, "shape", np.shape(want))
    tolerance = 1e-6 if "f" in expression else 1e-12
    np.testing.assert_allclose(to_numpy(got), want, rtol=tolerance, atol=tolerance)


@on_device
@pytest.mark.parametrize("expression", [
    "np.asarray(x)", "np.array([x.sum(), x.max()])", "x + host", "host + x", "x > host", "host > x",
    "x.__iadd__(host)", "host.__iadd__(x)", "x.__setitem__(slice(None), host)",
    "xp.maximum(x, host)", "xp.where(x > 0, host, x)", "xp.concatenate([x, host])",
    "xp.stack([x, host])", "xp.stack([1.0, 2.0])", "np.add(x, host)", "np.concatenate([host, x])",
    "xp.add(x, [1, 2, 3, 4])", "xp.sqrt([1.0])", "xp.exp(host)", "xp.sum([1.0, 2.0])",
    "xp.max((x.max(), x.min()))", "xp.sum(x, where=x > 0)", "x.max(initial=0)",
    "xp.std(x, correction=1)", "xp.clip(x, min=0)", "xp.zeros(3, device='cpu')",
    "xp.einsum('i->i', z, out=z)", "xp.matmul(x, x.T, xp.empty((3, 3)))",
    "xp.add(x, x, where=x > 0, out=x)", "xp.maximum.reduce(x)", "xp.logaddexp.reduce(x)",
    "xp.asarray(['a'])", "range(i[0])", "host[i]"])
def test_refuses_what_numpy_takes(expression, xp):
    run(expression, np)
    with pytest.raises((TypeError, ValueError, AttributeError, NotImplementedError, IndexError)):
        run(expression, xp)


@on_device
@pytest.mark.parametrize("expression", [
    "xp.logaddexp(z, z)", "i.__itruediv__(2)", "bool(x)", "xp.take_along_axis(x, i[:, None])"])
def test_refuses(expression, xp):
    with pytest.raises((TypeError, ValueError)):
        run(expression, xp)


@pytest.mark.parametrize("expression", [
    "x[host > 0]", "xp.einsum('ij,ij', x, host)", "xp.matmul(x, host.T)", "x @ host.T",
    "xp.dot(x, host.T)", "x.dot(host.T)", "x.sum(out=host[0])", "xp.sum(host)", "xp.pad(host, 1)",
    "x.__setitem__(0, [1, 2, 3, 4])"])
def test_refuses_where_cupy_may_convert(expression):
    with pytest.raises((TypeError, ValueError), match="Unsupported type .*ndarray|non-scalar list"):
        run(expression, stand_in.xp)


@pytest.mark.parametrize("name", [
    "vecdot", "matvec", "vecmat", "unstack", "errstate", "einsum_path", "block", "insert",
    "geomspace", "frompyfunc", "nditer", "random", "linalg.vecdot", "linalg.multi_dot",
    "ndarray.setflags", "ndarray.__index__", "ndarray.__array_namespace__",
    "ndarray.__array_interface__"])
def test_name_is_missing(name):
    *path, last = name.split(".")
    owner = getattr(stand_in.xp, path[0]) if path else stand_in.xp
    with pytest.raises(AttributeError):
        getattr(owner, last)


@on_device
def test_in_place_keeps_object_and_dtype(xp):
    x = before = xp.asarray(HOST["f"])
    x += 1
    x *= xp.asarray(HOST["x"])          # float64 into float32
    x[:, 1:3] += xp.asarray(HOST["x"])[:, 1:3]
    x[0, 0] = 7
    x[x < 0] = 0.0
    assert x is before and x.dtype == np.float32
    want = (HOST["f"] + 1) * HOST["x"]
    want[:, 1:3] += HOST["x"][:, 1:3]
    want[0, 0] = 7
    np.testing.assert_allclose(to_numpy(x), want.clip(0), rtol=1e-6)


@on_device
def test_out_is_returned(xp):
    x, out = xp.asarray(HOST["x"]), xp.empty((3, 3))
    assert xp.matmul(x, x.T, out=out) is out
    assert xp.add(out, 1, out=out) is out
    np.testing.assert_allclose(to_numpy(out), HOST["x"] @ HOST["x"].T + 1, rtol=1e-12)


@on_device
def test_slices_are_views(xp):
    x = xp.zeros((2, 3))
    row, corner = x[1], x[0, 0]
    row += 1
    corner += 1         # in NumPy a number, and x would not change
    assert float(x.sum()) == 4


@on_device
def test_zero_d_becomes_a_number_when_asked(xp):
    total = xp.asarray(HOST["i"]).sum()
    assert (float(total), int(total), bool(total)) == (3.0, 3, True)
    assert (total.item(), f"{total}", total.get()) == (3, "3", 3)
    assert complex(xp.asarray(1j)) == 1j


@on_device
def test_iterates_over_arrays(xp):
    x = xp.asarray(HOST["x"])
    assert len(x) == 3 and all(isinstance(row, xp.ndarray) and row.shape == (4,) for row in x)
    assert all(isinstance(number, xp.ndarray) and number.shape == () for number in x[0])


@on_device
def test_asarray_copies_the_host_array_but_not_its_own(xp):
    host = np.zeros(3)
    x = xp.asarray(host)
    x += 1
    assert host.sum() == 0 and xp.asarray(x) is x and isinstance(xp.asnumpy(x), np.ndarray)


@on_device
def test_array_module(xp):
    assert xp.get_array_module(xp.zeros(1), 1.0) is xp and xp.get_array_module(np.zeros(1)) is np


def test_imports_find_the_stand_in_for_one_test_only(monkeypatch):
    before = {name: sys.modules.get(name) for name in stand_in.MODULES}
    with monkeypatch.context() as patch:
        stand_in.activate(patch)
        import cupy
        import cupyx.scipy.special
        from cupyx.scipy import ndimage
        assert cupy is stand_in.xp and cupy.linalg is stand_in.MODULES["cupy.linalg"]
        assert isinstance(cupyx.scipy.special.expit(cupy.zeros(2)), cupy.ndarray)
        assert isinstance(ndimage.shift(cupy.eye(3), (1, 0), order=1), cupy.ndarray)
    assert {name: sys.modules.get(name) for name in stand_in.MODULES} == before


class Empty:
    """What Python itself puts into every class."""


def test_record_is_sane():
    path = stand_in.Path(stand_in.__file__).with_name("cupy_surface.json")
    assert path.stat().st_size < 200_000
    assert stand_in.SURFACE["modules"].keys() < stand_in.MODULES.keys()
    for record in stand_in.SURFACE["modules"].values():
        assert set(record["wants_array"]) <= record["functions"].keys()
        assert not record["functions"].keys() & record["ufuncs"].keys()
        for parameters in record["functions"].values():
            inspect.signature(eval(f"lambda {parameters}: 0"))
        for loops in record["ufuncs"].values():
            assert all(loop.count("->") == 1 for loop in loops.split())
    own = {name for name in vars(stand_in.StandIn) if name.startswith("__")}
    own -= {"__abstractmethods__", *vars(Empty)}
    assert own <= set(stand_in.SURFACE["ndarray"]["special"])
    cupy = stand_in.SURFACE["modules"]["cupy"]
    assert {"add", "exp", "maximum", "isfinite", "logaddexp"} <= cupy["ufuncs"].keys()
    assert {"matmul", "einsum", "sum", "where", "pad"} <= cupy["functions"].keys()
    assert {"sum", "reshape", "get"} <= stand_in.SURFACE["ndarray"]["methods"].keys()


def test_record_matches_installed_cupy():
    cupy = pytest.importorskip("cupy")
    if cupy.__version__ != stand_in.SURFACE["version"]:
        pytest.skip(f"CuPy {cupy.__version__} is installed, the record is of "
                    f"{stand_in.SURFACE['version']}")
    from tests import record_cupy
    assert record_cupy.surface() == stand_in.SURFACE
