"""The page: complete, inert, self-contained."""

import itertools
import re
import shutil
import subprocess
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markupsafe import escape
from report_fixture import EVIL, PROMPT, STAMP, drawn_figures, make_inputs, write_inputs

from volfid.core.schemas import CONTRACTS
from volfid.report import tables_correlation, tables_fits
from volfid.report.contracts_page import contracts_page
from volfid.report.inputs import ReportInputs, load, read_figure_index, read_prompts
from volfid.report.page import read_figures, render, write_report
from volfid.report.summary import summary_text

ROOT = Path(__file__).resolve().parents[2]
ASSETS = ROOT / "assets"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """(inputs, folder of outputs) of the made-up run, read through the contracts."""
    folder = tmp_path_factory.mktemp("report")
    paths = write_inputs(folder / "in")
    prompts = paths.pop("prompts")
    inputs = load(**paths)
    inputs.prompts = read_prompts(prompts)
    figures = Path(drawn_figures().name)
    inputs.figures = read_figures(figures, read_figure_index(figures))
    write_report(inputs, ASSETS, folder / "out")
    return inputs, folder / "out"


@pytest.fixture(scope="module")
def page(run):
    return (run[1] / "report.html").read_text(encoding="utf-8")


class Elements(HTMLParser):
    """Every start tag with its attributes, and the text of each element's end."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def elements(page):
    return Elements(page).found


def test_the_first_line_says_what_the_text_is_worth_and_the_verdict_is_plain(page):
    body = page.split("<body>")[1]
    assert body.index("are worth 118 real documents") < body.index("Verdict: cannot decide.") < body.index("<h2>")
    assert "does not show whether the synthetic text helps or harms" in page and "14 draws would give" in page


def test_missing_cells_are_named_on_the_first_page_and_the_stamp_is_a_banner(page, run):
    first = page.split("The answer</h2>")[0]
    assert "This run is incomplete" in first
    for row in run[0].status["missing"]:
        assert row["cell_id"] in first
    assert f'<p class="stamp" role="note">{STAMP}</p>' in first


def test_a_complete_run_without_stamp_has_neither_box(run):
    inputs = ReportInputs(
        **{
            **vars(run[0]),
            "status": {"complete": True, "planned": 1, "done": 1, "missing": []},
            "corpus": {**run[0].corpus, "stamp": None},
        }
    )
    text = render(inputs, ASSETS)
    assert "incomplete</h2>" not in text and 'class="stamp"' not in text


def test_every_section_is_there_in_order(page):
    heads = re.findall(r"<h2>(.*?)</h2>", page)
    assert heads == [
        "This run is incomplete",
        "The answer",
        "What the gain is made of",
        "What this run can decide",
        "Scores of every arm",
        "Fidelity",
        "What else the same tokens buy",
        "Retrieval",
        "Mixtures of real and synthetic rows",
        "Claims",
        "The published figures, taken apart",
        "Data and sizes",
        "Protocol",
        "Gaps and limits",
        "Provenance",
    ]
    levels = [int(level) for level in re.findall(r"<h([1-6])", page)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_every_table_has_a_caption_and_every_picture_an_alt_text(elements, page):
    assert sum(tag == "table" for tag, _ in elements) == sum(tag == "caption" for tag, _ in elements) > 20
    pictures = [attrs for tag, attrs in elements if tag == "img"]
    assert len(pictures) == 7 and all(len(attrs["alt"]) > 40 for attrs in pictures)


def test_no_caption_is_cut(page):
    captions = re.findall(r"<(?:caption|figcaption)[^>]*>(.*?)</(?:caption|figcaption)>", page, re.S)
    assert len(captions) > 20 and not [text for text in captions if "characters left out" in text]


def test_nothing_on_the_page_can_run_or_reach_outside(elements, page):
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in page
    for tag, attrs in elements:
        assert tag not in ("script", "iframe", "object", "embed", "form", "base", "a", "svg", "math"), tag
        assert not any(name.startswith("on") or name == "style" for name in attrs), (tag, attrs)
        for name in ("src", "href", "action", "xlink:href"):
            assert attrs.get(name, "data:").startswith("data:"), (tag, attrs)
    assert "url(" not in page and "@import" not in page


def test_text_of_users_and_models_is_inert_wherever_it_stands(page):
    assert EVIL not in page and "<script" not in page and "<img src=x" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 3  # a warning, a label name, a rejected id or detail
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x1b\x00-\x08]", page) and "⟨U+202E⟩" in page


def test_markup_in_every_string_of_every_input_stays_text(tmp_path):
    evil = '"><script>alert(1)</script>\u202e\x1b[31m'

    def poison(value, name=""):
        if isinstance(value, str) and name not in KEPT:
            return value + evil
        if isinstance(value, dict):
            return {key: poison(inner, key) for key, inner in value.items()}
        return [poison(inner, name) for inner in value] if isinstance(value, list) else value

    inputs = ReportInputs(**poison(make_inputs()))
    inputs.prompts = [(f"name{evil}", f"text{evil}")]
    inputs.figures = [{"file": "worth.svg", "title": evil, "alt": evil, "caption": evil, "uri": "data:,"}]
    text = render(inputs, ASSETS)
    assert "<script" not in text.lower() and 'alt=""' not in text
    assert not re.search("[\u202e\x1b]", text)
    assert {tag for tag, _ in Elements(text).found} <= ALLOWED


KEPT = {
    "group",
    "text",
    "label_law",
    "tuning",
    "exposure",
    "classifier",
    "metric",
    "threshold",
    "cell_id",
    "trainset_id",
    "arm",
    "updates",
    "rows",
}
ALLOWED = {
    "html",
    "head",
    "meta",
    "link",
    "title",
    "style",
    "body",
    "main",
    "header",
    "section",
    "h1",
    "h2",
    "h3",
    "h4",
    "p",
    "div",
    "ul",
    "li",
    "dl",
    "dt",
    "dd",
    "table",
    "caption",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "figure",
    "figcaption",
    "img",
    "strong",
    "pre",
    "cite",
}


def test_a_megabyte_in_one_cell_does_not_reach_the_page(page):
    assert len(page.encode()) < 10_000_000 and "x" * 2000 not in page and "characters left out]" in page


def test_prompts_stand_there_to_the_letter(page):
    expected = PROMPT.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\u202e", "⟨U+202E⟩")
    assert page.count(expected) == 2


def test_undefined_values_are_told_with_their_reason(page):
    for reason in (
        "the denominator is not positive",
        "corners without a score: C_low",
        "fewer than 3 pairs seen in both",
        "nothing to match",
    ):
        assert f"{reason}" in page
    assert not re.search(r">\s*(nan|None|NaN|inf)\s*<", page)


def test_every_verdict_of_the_claims_is_printed(page, run):
    for row in run[0].claims:
        assert row["verdict"] in page and row["text"] in page


def test_the_published_figures_stand_in_three_groups_with_this_run_beside_them(page, run):
    part = page.split("<h2>The published figures, taken apart</h2>")[1].split("</section>")[0]
    assert re.findall("<h3>(.*?)</h3>", part) == ["What follows", "What is mislabelled", "What cannot be known"]
    rows = run[0].findings["published"]
    assert part.count('<div class="item">') == part.count('<div class="here">') == len(rows) > 10
    for row in rows:
        assert row["title"] in part and str(escape(row["statement"])) in part
        assert row["here"] or f"not in this run: {row['not_here']}" in part
    assert "0.030 [-0.020, 0.080], n = 3 draws; equivalence: power 7% and p 0.28 at 0.02<" in part


def test_all_scores_of_the_main_arms_stand_under_their_policies(page):
    table = page.split("<strong>All scores of the main arms.</strong>")[1].split("</table>")[0]
    heads = re.findall(r'class="[sn]">([^<]*)</th>', table)
    assert heads == ["score", "R0", "R1", "Rt", "Pd", "S", "St", "n"]
    groups = re.findall(r'<th scope="rowgroup"[^>]*>([^:<]*)', table)
    assert groups == ["no threshold", "tuned", "cross-validated"]
    assert "0.210 [0.160, 0.260]" in table and "undefined (no test document has a label)" in table
    floors = page.split("<strong>All scores of the floors.</strong>")[1].split("</table>")[0]
    assert re.findall(r'class="[sn]">([^<]*)</th>', floors)[1:4] == ["predict_all", "prior", "top_k"]


def rows_of(table):
    return {tuple(row[:4]): row for row in table.rows}


def test_the_readings_are_counted_and_those_not_formed_give_their_reason(run):
    table = rows_of(tables_correlation.readings_table(run[0]))
    linear = table["sizes", "n=64", "n=165", "linear"]
    assert linear[4:8] == ["8", "8 (100 %)", "0 (0 %)", "8 (100 %)"]
    assert linear[8] == "0.70 [0.60, 1.00]"
    assert table["sizes", "n=64", "n=165", "mlp"][4] == "7" and "1 undefined" in table["sizes", "n=64", "n=165", "mlp"]
    assert table["d: shots a label", "–", "–", "–"][-1] == "not formed: regimes are fixed by size"


def test_every_comparison_of_correlations_stands_on_the_page(run):
    blank = dict.fromkeys(next(row for row in run[0].effects))
    made = [
        {**blank, "effect": name, "estimand": "5", "contrast": f"r(n=64) - r(n=165): {distance}, score, all", "n": 1,
         "unit": "generators", "classifier": "mlp", "metric": "ap_micro", "threshold": "none", "verdict": "undefined",
         "note": f"reason of {name}"}
        for name in tables_correlation.COMPARISONS
        for distance in ("mmd2_label_parent", "mmd2_label_unbiased")
    ]  # fmt: skip
    shown = tables_correlation.comparisons_table(ReportInputs(effects=made))
    assert [row[-1] for row in shown.rows[1:]] == [f"reason of {name}" for name in tables_correlation.COMPARISONS]


def test_a_stop_rule_that_ends_at_once_and_grids_at_their_edge_are_told():
    cells = [{"cell_id": str(i), "classifier": "mlp", "arm": arm} for i, arm in enumerate(("R0_stop", "R0_stop", "Rt"))]
    told = [("0", "stopped_at_first", 1.0), ("1", "stopped_at_first", 0.0), ("2", "grid_at_edge", 1.0)]
    scores = [{"cell_id": i, "metric": m, "threshold": "none", "label": None, "value": v} for i, m, v in told]
    inputs = ReportInputs(cells=cells, scores=scores)
    (warning,) = tables_fits.warnings(inputs)
    assert "kept the first epoch in 1 of 2 cells (R0_stop)" in warning
    rows = {row[1]: row[2:] for row in tables_fits.fits_table(inputs).rows}
    assert rows == {"R0_stop": ["–", "1 of 2 (50 %)", "–"], "Rt": ["1 of 1 (100 %)", "–", "–"]}
    assert tables_fits.warnings(ReportInputs(cells=cells, scores=scores[1:])) == []


def test_a_run_without_printed_figures_says_so(run):
    findings = {**run[0].findings, "published": []}
    assert "print no figures to take apart" in render(ReportInputs(**{**vars(run[0]), "findings": findings}), ASSETS)


def test_versions_devices_seeds_tokens_and_code_are_printed(page):
    for fact in ("2.13.0", "x86_64", "20260522", "101,200", "c" * 12, "10.2 min"):
        assert fact in page, fact


def test_the_summary_fits_a_terminal(run):
    text = (run[1] / "summary.txt").read_text()
    lines = text.splitlines()
    assert len(lines) <= 15 and max(map(len, lines)) <= 80
    assert STAMP in lines[0] and "report.html" in lines[-1] and "INCOMPLETE" in text
    for name in ("R0", "R1", "Pd", "S", "worth"):
        assert re.search(rf"^  {name} +\S+ \[", text, re.M), name


@pytest.mark.parametrize("verdict", ["positive", "negative", "cannot decide", "undefined", None])
def test_the_summary_prints_the_verdict_whatever_it_is(run, verdict):
    headline = {**run[0].findings["headline"], "verdict": verdict}
    text = summary_text(ReportInputs(**{**vars(run[0]), "findings": {**run[0].findings, "headline": headline}}))
    assert f"\nVerdict: {verdict or 'undefined'}. " in text and len(text.splitlines()) <= 15


def test_the_summary_of_evil_names_stays_within_its_lines(run):
    findings = {
        **run[0].findings,
        "headline": {"sentence": EVIL * 200, "verdict": "cannot decide"},
        "decide": [EVIL * 50],
    }
    lines = summary_text(ReportInputs(**{**vars(run[0]), "findings": findings})).splitlines()
    assert len(lines) <= 15 and max(map(len, lines)) <= 80 and "report.html" in lines[-1]


def test_an_empty_run_still_gives_a_page_that_says_so():
    text = render(ReportInputs(status={"complete": False, "planned": 0, "done": 0, "missing": []}), ASSETS)
    assert "could not be estimated" in text and "Nothing to show." in text


def test_every_input_policy_stands_with_its_choice_its_default_and_what_it_met(page):
    table = page.split("Input policies")[1].split("</table>")[0]
    assert "drop (default: refuse)" in table and ">17<" in table and "&lt;b&gt;" in table


def test_filters_stand_with_what_is_selection_and_undefined_ones_on_one_line(page):
    table = page.split("Retrieval: standard-patent filters")[1].split("</table>")[0]
    assert "0.75" in table and "0.90" in table and table.count("not known") == 2  # the classifier and the family


def test_csv_twins_hold_every_row_and_no_formula(run):
    inputs, out = run
    for name in ("scores", "effects", "fidelity", "retrieval", "retrieval_filters", "correlations"):
        lines = (out / "tables" / f"{name}.csv").read_text().splitlines()
        assert lines[0].split(",")[0] == CONTRACTS[name].fields[0].name
        assert len(lines) >= len(getattr(inputs, name)) + 1
    labels = (out / "tables" / "labels.csv").read_text()
    assert "\n=" not in labels and not re.search(r",[=@]", labels)


def test_equal_inputs_give_an_equal_page(run, page):
    assert render(run[0], ASSETS) == page


def test_the_contracts_page_is_fresh():
    assert (ROOT / "docs" / "contracts.md").read_text(encoding="utf-8") == contracts_page(), (
        "run tools/write_contracts.py"
    )


@pytest.mark.skipif(not shutil.which("chromium"), reason="needs chromium")
def test_chromium_shows_the_page_without_console_message_or_request(run, tmp_path):
    out = run[1]
    command = [
        "chromium",
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-default-apps",
        f"--user-data-dir={tmp_path}/profile",
        "--enable-logging=stderr",
        "--v=0",
        f"--log-net-log={tmp_path}/net.json",
        f"--screenshot={tmp_path}/shot.png",
        "--window-size=1280,3000",
        (out / "report.html").as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert (tmp_path / "shot.png").stat().st_size > 50_000
    assert ":CONSOLE" not in done.stderr and "CONSOLE(" not in done.stderr
    for _ in range(20):
        if (tmp_path / "net.json").exists():
            break
        time.sleep(0.1)
    urls = set(re.findall(r'"url":"([^"]+)"', (tmp_path / "net.json").read_text(errors="replace")))
    outside = {url for url in urls if not re.match(r"(data:|file:|chrome:|chrome-extension:|about:)", url)}
    browser_own = {url for url in outside if re.search(r"(google|gstatic|googleapis|gvt1)\.com", url)}
    assert outside == browser_own
