"""The page of a pair: its formula, both sides, and everything that proves or uses it."""
import sys

from demos.exercise.catalogue import find_exercises

from . import examples, flow, markdown, mathematics, proofs, records, rooms, source, tables
from .highlight import block, highlight
from .index_page import PATH
from .writing import Html, el, escape, fill, prose, section, slug, table, words


def write(site, pair):
    """Write the page of a pair."""
    proofs.require(pair)
    name = f"{pair.op}.html"
    room = rooms.read(pair.room)
    body = fill("pair.html", op=pair.op, summary=words(pair.summary),
                room=el("a", room.title, href=room.page),
                formula=formula(pair), listings=listings(pair), derivation=derivation(pair),
                arrays=arrays(pair), drawing=flow.section_of(pair),
                parameters=flow.parameters(pair), results=records.section_of(pair),
                check=tables.of_pair(pair),
                faults=tables.faults(pair), loops=loop_reference(site, pair),
                by_hand=worked_by_hand(site, pair), notes=notes(site, pair, room),
                figure=figure(site, pair), links=links(site, pair), path=path(pair.op))
    site.page(name, pair.op, body, scripts=("loops.js",))
    site.searchable(pair.op, name, "pair", " ".join(
        [pair.summary, rooms.equations_of(pair.op), *(row[0] for row in pair.arrays)]))
    for number, line in enumerate(pair.formula):
        site.searchable(line.text.strip(), f"{name}#formula-{number}", f"formula of {pair.op}",
                        " ".join(f"[{tag}]" for tag in line.tags))


def path(op):
    """Return links to the pairs before and after this one on the reading path."""
    near = [(step, PATH[k + at]) for k, each in enumerate(PATH) if each == op
            for at, step in ((-1, "before"), (1, "next")) if 0 <= k + at < len(PATH)]
    return near and el("nav", el("p", "Reading path: ", [
        [", " * bool(k), step, " ", el("a", other, href=f"{other}.html")]
        for k, (step, other) in enumerate(near)]), aria_label="Reading path")


def formula(pair):
    """Return the formula block: a row each with its tags, and the plain text to copy."""
    known = mathematics.symbols(pair)
    rows = []
    for number, line in enumerate(pair.formula):
        depth = (len(line.text) - len(line.text.lstrip())) // 4
        tags = [_tag(pair.forward, tag, tag not in pair.forward.tags()[0]) for tag in line.tags]
        rows.append(el("li", el("span", mathematics.formula(pair, line, known), class_="math"),
                       el("span", tags, class_="tags"), id=f"formula-{number}",
                       class_=f"formula depth-{min(depth, 4)}", data_tags=_slugs(line.tags)))
    plain = "\n".join(f"{line.text}    [{', '.join(line.tags)}]" if line.tags else line.text
                      for line in pair.formula)
    return [el("ol", rows, class_="listing"),
            [el("p", words(" ".join(each.split()))) for each in pair.paragraphs],
            el("details", el("summary", "Symbols"), mathematics.legend("".join(rows))),
            el("details", el("summary", "Plain text, to copy"),
               el("pre", plain, class_="formulas", tabindex=0))]


def _slugs(tags):
    return " ".join(map(slug, tags)) or None


def _side(function):
    return "f" if function.name.endswith("_forward") else "b"


def _tag(function, tag, constant=False):
    """Return a tag as a link to the first line of a side that carries it."""
    if constant:
        return el("span", f"[{tag} −]", class_="tag constant",
                  title="no derivative to answer it")
    line = next(line for line in function.lines if tag in line.tags)
    side = {"f": "forward", "b": "backward"}[_side(function)]
    return el("a", f"[{tag}]", href=f"#{_side(function)}{line.number}", class_="tag",
              aria_label=f"{tag}, to line {line.number} of the {side}")


def listings(pair):
    """Return both sides, each tagged line with links to the lines that answer it."""
    return [el("section", el("h3", function.name, id=function.name),
               el("ol", [*_lines(function, other)], class_="listing code"),
               aria_labelledby=function.name)
            for function, other in ((pair.forward, pair.backward), (pair.backward, pair.forward))]


def _lines(function, other):
    lines = list(map(_shallow(function), function.lines))
    coloured = highlight("\n".join(line.code for line in lines))
    tagged = {}
    for line in function.lines:
        tags = line.tags + line.constants
        tagged |= dict.fromkeys(range(line.first, line.number + 1), tags) if tags else {}
    for line, code in zip(lines, coloured):
        marks = [_tag(other, tag) for tag in line.tags]
        marks += [_tag(other, tag, True) for tag in line.constants]
        yield el("li", el("span", line.number, class_="number", aria_hidden="true"),
                 el("code", code or Html(" ")), el("span", marks, class_="tags") if marks else "",
                 el("span", line.words, class_="step") if line.words else "",
                 id=f"{_side(function)}{line.number}",
                 class_="tagged" if line.number in tagged else None,
                 data_tags=_slugs(tagged.get(line.number, ())),
                 style=f"--indent:{len(line.code) - len(line.code.lstrip())}")


def _shallow(function):
    """Return what indents a line that goes on another by four, not under its bracket."""
    first = {line.number: line for line in function.lines}

    def shallow(line):
        start = first[line.first].code
        most = len(start) - len(start.lstrip()) + 4
        code = line.code.lstrip()
        deep = line.number > line.first and len(line.code) - len(code) > most
        return line._replace(code=" " * most + code) if deep else line

    return shallow


def derivation(pair):
    """Return the backward's docstring, and the module's where that is a page."""
    module = sys.modules[pair.forward.function.__module__].__doc__
    known = mathematics.symbols(pair)

    def set_(text):
        return mathematics.paragraph(text, pair.backward.name, known)

    more = el("details", el("summary", "The docstring of the module"), prose(module), open=True) \
        if "\n\n" in module.strip() else ""
    first, _, rest = pair.backward.doc.partition("\n")
    return section("Derivation", el("p", words(first), class_="shapes"),
                   prose(rest, set_), more)


def arrays(pair):
    """Return what comes in and what goes out, with kinds and shapes."""
    rows = [(el("code", name), el("code", kind) if kind else "", words(text))
            for name, kind, text in pair.arrays]
    return section("In and out", table(("name", "kind and shape", "meaning"), rows,
                                       "Arguments, then what is returned"))


def loop_reference(site, pair):
    """Return the loop reference, and where it can be run the form that does it."""
    piece = proofs.loops(pair)
    data = examples.example(pair)
    return section(
        "Loops", el("p", "The paper's formula over single numbers, without the package: ",
                    el("a", f"{piece.path.name}, line {piece.line}",
                       href=site.source(piece.path, piece.line)), "."),
        block(piece.text, f"Loops of {pair.op}"),
        fill("loops.html", op=pair.op, data=examples.as_script(data), code=data["code"],
             inputs=examples.as_text(data)) if data else "")


def worked_by_hand(site, pair):
    """Return the test that is worked by hand, with its arithmetic in the comments."""
    piece = proofs.by_hand(pair)
    if piece is None:
        return ""
    return section("Worked by hand", el("p", "An example small enough for pencil and paper, its "
                                        "arithmetic in the comments: ",
                                        el("a", f"{piece.path.name}, line {piece.line}",
                                           href=site.source(piece.path, piece.line)), "."),
                   block(piece.text, f"{pair.op} worked by hand"))


def notes(site, pair, room):
    """Return the Notes, and the rows of the room's table of departures whose subject is the op."""
    head, rows = rooms.departures(room, pair.op)
    cells = [[markdown.inline(site, cell, room.path) for cell in row] for row in rows]
    return section("Departures", prose(pair.notes),
                   table(head, cells, f"Departures of {pair.op}") if rows else "",
                   el("p", el("a", "All departures of this room",
                              href=f"{room.page}#departures"), "."))


def figure(site, pair):
    """Return the figure of a demo that uses a pair, if there is one."""
    shown = rooms.figure_of(pair.op)
    if shown is None:
        return ""
    image = el("img", src=site.copy(shown.path), alt=shown.text)
    return section("In a demo", el("figure", image, el(
        "figcaption", shown.caption, " ", el("code", shown.command))))


def links(site, pair):
    """Return where else the pair stands: files, demos, exercises, what it uses and who uses it."""
    def pages(ops):
        ops = sorted(ops)
        return [[el("a", op, href=f"{op}.html"), ", " if op != ops[-1] else ""] for op in ops]

    first = pair.forward.lines[0].number
    tests = proofs.file_of_tests(pair)
    rows = [("Module", el("a", pair.path.name, href=site.source(pair.path, first))),
            ("Tests", el("a", tests.name, href=site.source(tests))),
            ("Uses", pages(source.uses()[pair.op]) or "no other pair"),
            ("Used by", pages(source.used_by(pair.op)) or "no other pair"),
            ("Demos", [[el("a", demo, href=site.source(rooms.demo_paths()[demo])), " "]
                       for demo in rooms.demos_of(pair.op)]),
            ("Exercises", [[el("code", f"python -m demos exercise {name}"), el("br")]
                           for name, each in find_exercises().items() if each.pair is pair])]
    return section("Links", el("dl", [[el("dt", name), el("dd", value)]
                                      for name, value in rows if escape(value)]))
