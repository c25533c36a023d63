"""The formulas of all docstrings are read; a list of them equals MathML written by hand."""
import ast
import unicodedata
from pathlib import Path
from xml.etree import ElementTree

import pytest

from demos.book import formula_parser, formula_tree, mathml
from demos.book.formula import Formula, FormulaError, formulas, parse
from demos.book.formula_parser import Parser
from tests.test_tags import BLOCK_TAG, every_pair, formula_block

ROOT = Path(__file__).parents[3]
ROOMS = ("ops", "capsules", "forward_forward", "distillation", "fast")


def docstrings():
    for room in ROOMS:
        for path in sorted((ROOT / "tinycaps" / room).glob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in tree, *(node for node in tree.body if isinstance(node, ast.FunctionDef)):
                text = ast.get_docstring(node) or ""
                if list(formulas(text)):
                    name = getattr(node, "name", "module")
                    yield pytest.param(text, id=f"{room}.{path.stem}.{name}")


def shown(line):
    """Return the letters and digits of a formula in MathML, and those of the line."""
    math = ElementTree.fromstring(parse(line))
    return [sorted(letter for letter in unicodedata.normalize("NFKD", text) if letter.isalnum())
            for text in ("".join(math.itertext()), line.replace("Σ", "∑"))]


@every_pair
def test_every_formula_of_a_pair_is_set(room, op, forward, backward):
    block = [line for line in formula_block(forward) if BLOCK_TAG.search(line)]
    found = list(formulas(forward.__doc__))
    assert [formula.tag for formula in found] == [BLOCK_TAG.search(line)[1] for line in block]
    assert all(formula.text.strip() in line for formula, line in zip(found, block))


@pytest.mark.parametrize("docstring", list(docstrings()))
def test_every_formula_of_a_docstring_is_set_and_loses_no_letter(docstring):
    for formula in formulas(docstring):
        in_mathml, in_line = shown(formula.text)
        assert in_mathml == in_line, formula.text


# ---- MathML written by hand ----

def tag(name):
    def write(*parts, **attributes):
        names = "".join(f' {key}="{value}"' for key, value in attributes.items())
        return f"<{name}{names}>{''.join(parts)}</{name}>"
    return write


mi, mn, mo, mtext, mrow, mfrac, msub, msup, msubsup, munder, mover = map(tag, [
    "mi", "mn", "mo", "mtext", "mrow", "mfrac", "msub", "msup", "msubsup", "munder", "mover"])
APPLY, TIMES, THIN = mo("\u2061"), mo("\u2062"), mo("\u2062", rspace="0.17em")
WIDE, AFTER_LOG = mo("\u2062", rspace="0.25em"), mo("\u2061", rspace="0.25em")
MINUS, SLASH = mo("−", form="prefix"), mo("/", lspace="0", rspace="0")
D, TRANSPOSE = mi("d", mathvariant="normal"), mi("T", mathvariant="normal")
A, B, C, I, J, K, N, S, T, V, X, Y = map(mi, "abcijknstvxy")
U_HAT = mover(mi("u"), mo("^", stretchy="false"), accent="true")


def fence(left, *parts):
    right = {"(": ")", "[": "]"}.get(left, left)
    return mrow(mo(left, stretchy="false"), *parts, mo(right, stretchy="false"))


NORM = fence("‖", S)
TALL = mrow(mo("("), mfrac(A, B), mo(")"))
BY_HAND = {
    # precedence
    "a / b c": mfrac(A, mrow(B, TIMES, C)),
    "a/b c": mrow(mfrac(A, B), TIMES, C),
    "a / b · c": mfrac(A, B) + mo("·") + C,
    "a b / c / x": mfrac(mrow(mrow(A, TIMES, B), SLASH, C), X),
    "a + b c − x": A + mo("+") + mrow(B, TIMES, C) + mo("−") + X,
    "−x²": MINUS + msup(X, mn("2")),
    "−a/b": MINUS + mfrac(A, B),
    "‖s‖² / (1 + ‖s‖²)": mfrac(msup(NORM, mn("2")), mrow(mn("1"), mo("+"), msup(NORM, mn("2")))),
    "(a + b)² / c": mfrac(msup(fence("(", A, mo("+"), B), mn("2")), C),
    "c^(a / b x)": msup(C, mrow(A, SLASH, fence("(", mrow(B, TIMES, X)))),
    "c^(a / b/x)": msup(C, mrow(A, SLASH, fence("(", mrow(B, SLASH, X)))),
    "c (a / b)": mrow(C, THIN, TALL),
    # sums, functions, brackets
    "Σ_j a_j b_j": mrow(munder(mo("∑"), J), msub(A, J), TIMES, msub(B, J)),
    "1/n Σ_n x_n": mrow(mfrac(mn("1"), N), munder(mo("∑"), N), msub(X, N)),
    "Σ_{i≠j} x": mrow(munder(mo("∑"), mrow(I, mo("≠"), J)), X),
    "exp(−x)": mrow(mi("exp"), APPLY, fence("(", MINUS, X)),
    "a (x)": mrow(A, THIN, fence("(", X)),
    "a log x_k": mrow(A, WIDE, mi("log"), AFTER_LOG, msub(X, K)),
    "softmax_j(b_ij)": mrow(msub(mi("softmax"), J), APPLY, fence("(", msub(B, mrow(I, J)))),
    "max_ab x": mrow(munder(mi("max"), mrow(A, B)), AFTER_LOG, X),
    "[k = label] v_k": mrow(fence("[", K, mo("="), mi("label")), THIN, msub(V, K)),
    "x[a + b]": mrow(X, fence("[", A, mo("+"), B)),
    "mean_activity_k": msub(mi("mean_activity"), K),
    # scripts
    "û_j|i": msub(U_HAT, mrow(J, mo("|"), I)),
    "y_ij²": msubsup(Y, mrow(I, J), mn("2")),
    "y⁺_n": msubsup(Y, N, mo("+")),
    "b_t+1,ij": msub(B, mrow(T, mo("+"), mn("1"), mo(","), I, J)),
    "x_n,(s·i+a),c": msub(X, mrow(N, mo(","), mrow(mrow(S, mo("·"), I), mo("+"), A), mo(","), C)),
    "bias_conv": msub(mi("bias"), mi("conv")),
    "bᵀ x₁": mrow(msup(B, TRANSPOSE), TIMES, msub(X, mn("1"))),
    "x'": msup(X, mo("′")),
    "x ** 2": msup(X, mn("2")),
    "x^⅓": msup(X, mrow(mn("1"), SLASH, mn("3"))),
    "s dv_t": mrow(S, THIN, mrow(D, msub(V, T))),
    "½ x": mrow(mfrac(mn("1"), mn("2")), TIMES, X),
    # statements and words
    "for t = 1 … k": mtext("for\u00a0") + mrow(T, mo("="), mrow(
        mn("1"), mo(","), mi("…"), mo(","), K)),
    "y = x if x > 0, else 0": "".join([
        mrow(Y, mo("="), X), mtext("\u00a0if\u00a0"), mrow(X, mo("&gt;"), mn("0")), mo(","),
        mtext("\u00a0else\u00a0"), mn("0")]),
    "a ← b,   c ∈ x": "".join([
        mrow(A, mo("←"), B), mo(","), '<mspace width="2em" />', mrow(C, mo("∈"), X)]),
    "  → b": '<mspace width="1em" />' + mo("→") + B,
}


def wrong():
    """Return the formulas of BY_HAND that are set otherwise, or refused."""
    def differs(line, expected):
        try:
            return parse(line) != f'<math display="block">{expected}</math>'
        except FormulaError:
            return True
    return [line for line, expected in BY_HAND.items() if differs(line, expected)]


def test_formulas_equal_mathml_written_by_hand():
    assert not wrong()


@pytest.mark.parametrize("owner, name, fault", [
    (Parser, "quotient", Parser.product), (Parser, "term", Parser.quotient),
    (Parser, "ratio", Parser.factor), (Parser, "sum", Parser.term),
    (Parser, "product", Parser.ratio), (Parser, "range", Parser.sum),
    (Parser, "prose", lambda parser: False), (formula_parser, "SUBSCRIPTED", set()),
    (formula_tree, "is_index", lambda letters: False),
    (formula_parser, "is_word", lambda node: False),
    (mathml, "bare", lambda node: node), (mathml, "is_big", lambda node: False),
    (mathml, "is_function", lambda node: False), (mathml, "LIMITS", set()), (mathml, "SUM", "x"),
    (mathml, "TIMES", ""), (mathml.Writer, "minus", mathml.Writer.sign)])
def test_a_fault_in_the_parser_is_found(monkeypatch, owner, name, fault):
    monkeypatch.setattr(owner, name, fault)
    assert wrong()


# ---- what is refused ----

@pytest.mark.parametrize("line, column, got, wanted", [
    ("y = ", 4, "the end", "a number, a name or a bracket"),
    ("", 1, "the end", "a number, a name or a bracket"),
    ("a = ) b", 5, "')'", "a number, a name or a bracket"),
    ("a b) + c", 4, "')'", "an operator or the end"),
    ("y = (a + b", 11, "the end", "an operator or ')'"),
    ("y = [a + b)", 11, "')'", "an operator or ']'"),
    ("y = ‖a + b", 11, "the end", "an operator or '‖'"),
    ("a · · b", 5, "'·'", "a number, a name or a bracket"),
    ("x / / y", 5, "'/'", "a number, a name or a bracket"),
    ("f(a, )", 6, "')'", "a number, a name or a bracket"),
    ("for t = 1 …", 12, "the end", "a number, a name or a bracket"),
    ("x_ + 1", 2, "'_'", "a sign of the grammar"),
    ("x_{i + 1", 2, "'_'", "a sign of the grammar"),
    ("y = x_{i+} + 1", 10, "'}'", "a number, a name or a bracket"),
    ("x_n,(s·),c", 8, "')'", "a number, a name or a bracket"),
    ("x 2", 3, "'2'", "an operator"),
    ("x ⊗ y", 3, "'⊗'", "a sign of the grammar"),
    ("    y = x: z", 10, "':'", "a sign of the grammar"),
    ("x^", 3, "the end", "a number, a name or a bracket")])
def test_what_the_grammar_does_not_know_is_refused_where_it_stands(line, column, got, wanted):
    with pytest.raises(FormulaError) as caught:
        parse(line)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert str(caught.value) == (
        f"formula {line.strip()!r}, column {column}: got {got}, wanted {wanted}")


# ---- titles of symbols ----

def titled(line, **symbols):
    """Return class, title and text of the elements that carry a title."""
    found = ElementTree.fromstring(parse(line, symbols)).iter("mrow")
    return [(row.get("class"), row.get("data-title"), "".join(row.itertext()))
            for row in found if row.get("class")]


def test_a_symbol_carries_its_title_and_the_first_is_marked():
    assert titled("c_ij = c / c_k", c="coupling <n,i,j>") == [
        ("symbol first", "coupling <n,i,j>", "cij"), ("symbol", "coupling <n,i,j>", "c"),
        ("symbol", "coupling <n,i,j>", "ck")]


@pytest.mark.parametrize("line, key, text", [
    ("s û_j|i", "û_j|i", "u^j|i"), ("s û_j|i", "û", "u^j|i"), ("G⁺_n", "G⁺", "Gn+"),
    ("G⁺_n", "G⁺_n", "Gn+"), ("y_nm²", "y_nm", "ynm2"), ("s dv_t", "dv", "dvt"), ("e^a", "a", "a"),
    ("g'(s)", "g'", "g′"), ("mean_activity_m", "mean_activity", "mean_activitym"),
    ("squash(s)", "squash", "squash")])
def test_a_symbol_is_found_with_its_scripts_or_without(line, key, text):
    assert titled(line, **{key: "title"}) == [("symbol first", "title", text)]


@pytest.mark.parametrize("line, key", [
    ("x_c", "c"), ("û_j|i", "u"), ("G⁻_n", "G⁺"), ("y_nm", "y_n"), ("dv", "v_t")])
def test_an_index_or_another_symbol_gets_no_title(line, key):
    assert not titled(line, **{key: "title"})


# ---- formulas of a docstring ----

def test_formulas_of_a_block_keep_their_indent_and_join_what_continues_them():
    found = formulas("""Do it.

    In prose y = x.

        for k = 1 … K           [a]
            s = x               [b, c]
                + y
        p = [k = l]   of x

    name : array
        y = x
    """)
    assert list(found) == [Formula("for k = 1 … K", "a", 0), Formula("    s = x + y", "b, c", 0),
                           Formula("p = [k = l]   of x", "", 0)]


def test_formulas_of_two_columns_come_by_rows_and_share_the_tag():
    found = formulas("""Do it.

    In prose y = x.

        forward = there             backward
        ------------------------    -----------
        s = x           [Eq. 1]     dx = ds
        y = s + 1         [b]       ds = dy
                                    dt = 0
        loss(y)           [c]       wrong: dy = 1
        the output is y             is added
    """)
    assert list(found) == [
        Formula("s = x", "Eq. 1", 0), Formula("dx = ds", "Eq. 1", 1), Formula("y = s + 1", "b", 0),
        Formula("ds = dy", "b", 1), Formula("dt = 0", "b", 1), Formula("loss(y)", "c", 0)]
