"""Python code in colours, line by line, by the standard library's tokenizer."""
import builtins
import io
import keyword
import tokenize

from .writing import Html, el, escape

STRINGS = {tokenize.STRING, *(getattr(tokenize, name) for name in
                              ("FSTRING_START", "FSTRING_MIDDLE", "FSTRING_END")
                              if hasattr(tokenize, name))}


def kind(token):
    """Return the class of a token: "k" keyword, "s" string, "c" comment, "n" number, "b" builtin.
    """
    if token.type in STRINGS:
        return "s"
    if token.type == tokenize.COMMENT:
        return "c"
    if token.type == tokenize.NUMBER:
        return "n"
    if token.type == tokenize.NAME and keyword.iskeyword(token.string):
        return "k"
    if token.type == tokenize.NAME and hasattr(builtins, token.string):
        return "b"
    return None


def highlight(code):
    """Return the lines of a piece of code, each as Html."""
    lines = code.split("\n")
    marks = [[] for _ in lines]
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        name = kind(token)
        (first, start), (last, end) = token.start, token.end
        for number in range(first, last + 1) if name else ():
            line = lines[number - 1]
            marks[number - 1].append((start if number == first else 0,
                                      end if number == last else len(line), name))
    return [_mark(line, spans) for line, spans in zip(lines, marks)]


def _mark(line, spans):
    pieces, done = [], 0
    for start, end, name in spans:
        if end > start:
            pieces += [escape(line[done:start]), el("span", line[start:end], class_=name)]
            done = end
    return Html("".join(pieces) + escape(line[done:]))


def block(code, label, first=None):
    """Return a block of code, with line numbers and an anchor for each line if it has a first."""
    lines = highlight(code)
    if first is None:
        return el("pre", el("code", Html("\n".join(lines))), class_="code", tabindex=0,
                  role="group", aria_label=label)
    lines = [el("span", Html(f"{line}\n"), id=f"L{number}")
             for number, line in enumerate(lines, first)]
    return el("pre", el("code", lines, style=f"--first:{first - 1}"), class_="code numbered",
              tabindex=0, role="group", aria_label=label)
