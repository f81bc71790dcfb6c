"""Measures commands from outside: one JSON object a figure, in the shape that ../shared/peers prints. Standard library only.

    measure.py run  [options] -- COMMAND…     wall time, first bytes, CPU time and peak memory of one command
    measure.py rate --small A --large B --count N [options] -- COMMAND…
                                              N things more in B than in A, over the difference of their times: no start-up in it
    measure.py each --lines FILE [options] -- COMMAND…
                                              COMMAND once for each line (a JSON string) as its last argument: p50, p95
    measure.py trace [options] -- COMMAND…    the `timings_ms` that `write --json` gives of itself
    measure.py train --out DIR [options] -- COMMAND…
                                              the steps that a training run writes down in DIR, the first left out; peak memory
    measure.py ids --vocabulary N --inputs N  random inputs of 512 token ids, the same as the peers'
    measure.py lessons --vocabulary N --inputs N
                                              random inputs of 512 token ids, each with a target of 128
    measure.py mailbox --count N [--inputs K] < mail_lists.jsonl
                                              an mbox of N MB (10^6 bytes): every K-th mail is one's own, with a quote and a signature;
                                              one in fifty has an attachment
    measure.py mails|snippets|queries --count N < mail_lists.jsonl
                                              documents of one author, documents of one snippet each, first words
    measure.py figure --metric M --value V --unit U, or --failed WHY
                                              a figure that the script found itself, or why there is none
"""

import argparse
import base64
import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time


class Failed(Exception):
    """A command that did not end with 0, or did not print what was expected."""


def run(command, stdin=None, after=0, expect=None):
    """Runs one command to its end: seconds, seconds to the first byte and to the first beyond `after`, CPU seconds, MiB."""
    with open(stdin or os.devnull, "rb") as source, tempfile.TemporaryFile() as errors:
        began = time.perf_counter()
        child = subprocess.Popen(command, stdin=source, stdout=subprocess.PIPE, stderr=errors, bufsize=0)
        first = beyond = None
        size, kept = 0, []
        while block := child.stdout.read(65536):
            now = time.perf_counter() - began
            first = first or now
            size += len(block)
            if size > after:
                beyond = beyond or now
            if expect:
                kept.append(block)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - began
        if child.returncode:
            errors.seek(0)
            last = errors.read().decode(errors="replace").strip().splitlines()[-2:]
            raise Failed(f"exit {child.returncode}: {' | '.join(last)[:200]}")
    if expect:
        lengths = {len(json.loads(line)["output_ids"]) for line in b"".join(kept).splitlines()}
        if lengths != {expect}:
            raise Failed(f"expected {expect} tokens from each input, got {sorted(lengths)[:5]}")
    return dict(seconds=seconds, first=first, beyond=beyond, cpu=used.ru_utime + used.ru_stime, memory=used.ru_maxrss / 1024)


def busy():
    """CPU seconds of the whole machine since it started."""
    try:
        with open("/proc/stat") as file:
            fields = [int(x) for x in file.readline().split()[1:9]]
        return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return 0.0


class Report:
    """Prints figures with what was measured and how busy the machine was meanwhile."""

    def __init__(self, args):
        self.args = args
        try:
            said = subprocess.run([os.environ.get("IDIOLECT", "idiolect"), "--version"], capture_output=True, text=True)
            self.version = said.stdout.strip() or "unknown"
        except OSError:
            self.version = "unknown"
        self.began = time.perf_counter(), busy(), sum(os.times()[:4])

    def line(self, metric, value, unit):
        a, load = self.args, {}
        if a.command:
            seconds, all_used, mine = (now - then for now, then in zip((time.perf_counter(), busy(), sum(os.times()[:4])), self.began))
            load = dict(own=round(mine / seconds, 2), others=round(max(0.0, all_used - mine) / seconds, 2))
        print(json.dumps(dict(bench=a.bench, peer=a.peer, version=self.version, threads=a.threads, size=a.size, metric=metric,
                              value=float(f"{value:.6g}"), unit=unit, load1=round(os.getloadavg()[0], 2), **load)), flush=True)


def measure_run(args, report):
    done = [run(args.command, stdin=args.stdin, after=args.after) for _ in range(args.runs)]
    named = f"{args.metric}, " if args.metric else ""
    seconds = [d["seconds"] for d in done]
    report.line(f"{named}wall time, median", statistics.median(seconds), "s")
    report.line(f"{named}wall time, min", min(seconds), "s")
    report.line(f"{named}CPU time, median", statistics.median(d["cpu"] for d in done), "s")
    if args.first:
        for key, name in [("first", "first byte")] + [("beyond", f"first byte after {args.after}")] * bool(args.after):
            times = [d[key] for d in done]
            if None in times:
                raise Failed(f"no output beyond {args.after} bytes")
            report.line(f"{named}{name}, median", statistics.median(times) * 1e3, "ms")
    if args.count:
        report.line(f"{named}rate, median", args.count / statistics.median(seconds), args.unit)
        report.line(f"{named}rate, best", args.count / min(seconds), args.unit)
    report.line(f"{named}peak memory", max(d["memory"] for d in done), "MiB")


def measure_rate(args, report):
    pairs = []
    for _ in range(args.runs):  # in turn, so that both meet the same machine
        pairs.append([run([*args.command, path], expect=args.expect) for path in (args.small, args.large)])

    def more(key):
        found = statistics.median(b[key] for _, b in pairs) - statistics.median(a[key] for a, _ in pairs)
        if found <= 0:
            raise Failed("the larger input took no longer than the smaller")
        return found

    report.line(f"{args.metric}, median", args.count / more("seconds"), args.unit)
    if args.threads == 1:
        report.line(f"{args.metric}, by CPU time", args.count / more("cpu"), args.unit)
    report.line(f"{args.metric}, peak memory", max(d["memory"] for pair in pairs for d in pair), "MiB")


def measure_each(args, report):
    with open(args.lines) as file:
        asked = [json.loads(line) for line in file]
    run([*args.command, asked[0]])
    done = [run([*args.command, one]) for one in asked]
    seconds = sorted(d["seconds"] for d in done)
    report.line(f"{args.metric}, p50", statistics.median(seconds) * 1e3, "ms")
    report.line(f"{args.metric}, p95", seconds[int(0.95 * (len(seconds) - 1))] * 1e3, "ms")
    report.line(f"{args.metric}, CPU time p50", statistics.median(d["cpu"] for d in done) * 1e3, "ms")
    report.line(f"{args.metric}, peak memory", max(d["memory"] for d in done), "MiB")


def measure_trace(args, report):
    found = []
    for _ in range(args.runs):
        done = subprocess.run(args.command, stdin=subprocess.DEVNULL, capture_output=True)
        if done.returncode:
            raise Failed(f"exit {done.returncode}")
        found.append(json.loads(done.stdout)["timings_ms"])
    for stage in found[0]:
        report.line(f"{args.metric}, stage {stage}, median", statistics.median(times[stage] for times in found), "ms")


def measure_train(args, report):
    memory = run([*args.command, "--out", args.out])["memory"]
    with open(f"{args.out}/metrics.jsonl") as file:
        rates = [step["tokens_per_second"] for step in map(json.loads, file) if "loss" in step][1:]
    report.line("step, median", args.count / statistics.median(rates), "s")
    report.line("step, min", args.count / max(rates), "s")
    report.line("input and target tokens, median", statistics.median(rates), "tokens/s")
    report.line("peak memory", memory, "MiB")


def print_figure(args, report):
    if args.failed:
        raise Failed(args.failed)
    report.line(args.metric, args.value, args.unit)


def print_ids(args, _):
    random.seed(1)
    for _ in range(args.inputs):
        print(json.dumps(dict(input_ids=[random.randrange(3, args.vocabulary - 200) for _ in range(511)] + [1])))


def print_lessons(args, _):
    random.seed(1)
    ids = lambda count: [random.randrange(3, args.vocabulary) for _ in range(count)]
    for _ in range(args.inputs):
        print(json.dumps(dict(input_ids=ids(512), labels=ids(128))))


def content(document):
    return f"{document['title']}\n{document['text']}" if document.get("title") else document["text"]


def in_snippets(text):
    found, held = [], ""
    for sentence in re.split(r"(?<=[.!?])\s+|\n\s*\n", text):
        held = f"{held} {sentence}".strip()
        if len(held) >= 250:
            found.append(held)
            held = ""
    return found + [held] * bool(held)


def print_documents(args, _):
    """All ids are new, since one author now has written everything; a count beyond the end of the file begins it again."""
    documents = [json.loads(line) for line in sys.stdin]
    if args.what == "queries":
        random.seed(1)
        for document in random.sample(documents, args.count):
            print(json.dumps(content(document)[:150]))
        return
    if args.what == "snippets":
        items = [dict(text=snippet) for d in documents for snippet in in_snippets(content(d))][: args.count or None]
    else:
        items = [{k: d[k] for k in ("title", "text", "date") if d.get(k)} for d in documents]
        items = [items[i % len(items)] for i in range(args.count or len(items))]
    for number, item in enumerate(items):
        print(json.dumps(dict(id=f"{args.what}-{number:06}", **item)))


def print_mailbox(args, _):
    """Mine answer another one. No two are the same."""
    random.seed(1)
    texts = [json.loads(line) for line in sys.stdin]
    picture = base64.encodebytes(random.randbytes(120_000)).decode()
    out, size, number = sys.stdout, 0, 0
    while size < args.count * 1_000_000:
        text, other = texts[number % len(texts)], texts[(number * 7 + 1) % len(texts)]
        mine = number % args.inputs == 0
        sender = "me@example.org" if mine else f"someone{number % 97}@example.org"
        head = (f"From {sender} Mon Jan  5 10:30:00 2004\nFrom: Some Body <{sender}>\nTo: list@example.org\n"
                f"Date: Mon, 5 Jan 2004 10:30:{number % 60:02} +0100\nMessage-ID: <{number}@example.org>\n"
                f"Subject: Re: {text.get('title') or 'Rain'}\nReceived: from a.example.org by b.example.org; Mon, 5 Jan 2004 10:30:00 +0100\n")
        body = f"This is number {number}.\n\n{text['text']}\n"
        if mine:
            quoted = "".join(f"> {line}\n" for line in other["text"].splitlines())
            body += f"\nOn Sun, 4 Jan 2004, Some One <one@example.org> wrote:\n{quoted}-- \nMe\nHarbour Ltd, +49 30 123456\n"
        body = re.sub("^From ", ">From ", body, flags=re.M)
        if number % 50 == 0:
            mail = (f"{head}MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=part\n\n--part\n"
                    f"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{body}\n--part\n"
                    f"Content-Type: image/png\nContent-Transfer-Encoding: base64\n\n{picture}\n--part--\n\n")
        else:
            mail = f"{head}Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{body}\n"
        out.write(mail)
        size += len(mail)
        number += 1


WHAT = {"run": measure_run, "rate": measure_rate, "each": measure_each, "trace": measure_trace, "train": measure_train,
        "figure": print_figure, "ids": print_ids, "lessons": print_lessons,
        "mails": print_documents, "snippets": print_documents, "queries": print_documents, "mailbox": print_mailbox}


def main():
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` ends it quietly
    given = sys.argv[1:] + ["--"]
    at = given.index("--")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=WHAT)
    for name, default in dict(bench="", peer="idiolect", size="", metric="", unit="", stdin="", small="", large="", lines="", out="", failed="").items():
        parser.add_argument(f"--{name}", default=default)
    for name, default in dict(threads=0, runs=3, count=0, after=0, expect=0, vocabulary=0, inputs=1).items():
        parser.add_argument(f"--{name}", default=default, type=int)
    parser.add_argument("--value", type=float, default=0.0)
    parser.add_argument("--first", action="store_true", help="time to the first byte of stdout, too")
    args = parser.parse_args(given[:at])
    args.command = given[at + 1 : -1]
    try:
        WHAT[args.what](args, Report(args) if args.what in ("run", "rate", "each", "trace", "train", "figure") else None)
    except (Failed, OSError) as why:
        print(json.dumps(dict(bench=args.bench, peer=args.peer, size=args.size, metric=args.metric, failed=str(why))), flush=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
