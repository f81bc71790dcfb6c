use serde_json::Value;

use crate::support::{Home, snapshot};

#[test]
fn people_read_a_list() {
    let home = Home::with_letters();
    snapshot!(home.run(&["search", "blackbird and beans", "--author", "ana", "-k", "2"]), @"
    exit: 0
    --- stdout
    1. Beans  2019-05-02, a2 in letters.jsonl, score 0.3964
       The beans are up, all but the row by the gate. Rain again this morning. The blackbird has three young ones and no manners at all.
    2. The garden  2019-03-01, a1 in letters.jsonl, score 0.3814
       The garden is full of rain. I planted beans along the wall and the blackbird watched me do it. Nothing is up yet, but the beans will come.
    ");
    snapshot!(home.run(&["search", "roof", "--author", "ben", "--explain", "-k", "1"]), @"
    exit: 0
    --- stdout
    1. Roof  ben-3 in letters.jsonl, score 0.0859
       The roof is mended. The committee thanks everybody who held a ladder.
       roof: 0.0859 × 1  (tf 2, in 3 of 3 documents, idf 0.1335)
       length 9 terms, on average 10.0
    ");
}

#[test]
fn a_result_is_opened_in_its_document() {
    let home = Home::with_letters();
    let open = |more: &[&str]| {
        let mut arguments = vec!["search", "bread and cheese", "--author", "ana"];
        arguments.extend(more);
        home.run(&arguments)
    };
    snapshot!(open(&["--open"]), @"
    exit: 0
    --- stdout
    1. A bridge  2019-09-10, a3 in letters.jsonl, score 1.1075
      A bridge
      We walked to the old bridge and back, nine miles, with bread and cheese. The river was low and brown and the bridge stood there like a cow.
    ");
    snapshot!(open(&["--open", "--ranking", "snippet"]), @"
    exit: 0
    --- stdout
    1. A bridge  2019-09-10, a3, snippet 0 in letters.jsonl, score 0.2242
    │ A bridge
    │ We walked to the old bridge and back, nine miles, with bread and cheese. The river was low and brown and the bridge stood there like a cow.
    ");
    snapshot!(open(&["--open=7"]), @"
    exit: 2
    --- stderr
    error: there is no result 7
    hint: the search has 1 result
    ");
    snapshot!(open(&["--open=0"]), @"
    exit: 2
    --- stderr
    error: invalid value '0' for '--open[=<N>]': must be 1 or more
    hint: the command's `--help` says what it takes
    ");
    let text = home.stdout(&["search", "cheese", "--author", "ana", "--open", "--json"]);
    let opened: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(opened["document"]["id"], "a3");
    assert_eq!(opened["span"][0], 0);
}

#[test]
fn near_duplicates_are_left_out_on_request() {
    let home = Home::new();
    let line = |n: u32, text: &str| {
        serde_json::json!({ "id": format!("d{n}"), "n": n, "text": text }).to_string() + "\n"
    };
    let said = "The ferry leaves at nine and comes back at five, but not on Sundays.";
    let lines = [
        line(1, said),
        line(2, &format!("{said} Bring bread.")),
        line(3, "The ferry was late."),
        line(4, &said.replace("nine", "ten")),
    ];
    home.file("ferry.jsonl", lines.concat());
    home.stdout(&["import", "--author", "ana", "ferry.jsonl"]);
    let ids = |more: &[&str]| -> Vec<String> {
        let mut arguments = vec!["search", "ferry on Sundays", "--json"];
        arguments.extend(more);
        let mut ids: Vec<String> = home
            .json_lines(&arguments)
            .iter()
            .map(|line| line["document"].as_str().unwrap().to_owned())
            .collect();
        ids.sort();
        ids
    };
    assert_eq!(ids(&[]), ["d1", "d2", "d3", "d4"]);
    // One word of thirteen changed breaks five of nine sequences: that is something else.
    assert_eq!(ids(&["--diverse"]), ["d1", "d3", "d4"]);
    assert_eq!(
        ids(&["--diverse", "--ranking", "hybrid"]),
        ["d1", "d3", "d4"]
    );
    assert_eq!(ids(&["--diverse", "-k", "2"]).len(), 2);
    let trace = home.stdout(&[
        "write",
        "The ferry",
        "--json",
        "--diverse",
        "--max-tokens",
        "2",
    ]);
    let trace: Value = serde_json::from_str(&trace).unwrap();
    assert_eq!(trace["request"]["diverse"], true);
    assert_eq!(trace["entries"].as_array().unwrap().len(), 3);
}

#[test]
fn words_that_were_looked_for_stand_out_on_a_terminal() {
    let home = Home::with_letters();
    let text = home.stdout(&[
        "search", "bridges", "--author", "ana", "--color", "always", "-k", "1",
    ]);
    assert!(text.contains("\u{1b}[1mbridge\u{1b}[0m"), "{text}");
}

#[test]
fn programs_read_json_lines() {
    let home = Home::with_letters();
    snapshot!(home.run(&["search", "bridge", "--author", "ana", "--json"]), @r#"
    exit: 0
    --- stdout
    {"rank":1,"score":0.8652782,"document":"a3","author":"ana","date":"[MOMENT]","title":"A bridge","snippet":null,"span":[0,148],"text":"A bridge\nWe walked to the old bridge and back, nine miles, with bread and cheese. The river was low and brown and the bridge stood there like a cow."}
    "#);
}

#[test]
fn an_explained_score_is_the_sum_of_its_parts() {
    let home = Home::with_letters();
    let lines = home.json_lines(&[
        "search",
        "garden beans garden",
        "--author",
        "ana",
        "--explain",
        "--json",
    ]);
    assert!(!lines.is_empty());
    for line in lines {
        let terms = line["terms"].as_array().unwrap();
        let sum: f64 = terms
            .iter()
            .map(|term| term["weight"].as_f64().unwrap() * term["count_in_query"].as_f64().unwrap())
            .sum();
        assert!(
            (sum - line["score"].as_f64().unwrap()).abs() < 1e-5,
            "{line}"
        );
    }
}

#[test]
fn the_past_ends_where_it_is_told_to() {
    let home = Home::with_letters();
    let ids = |before: &str| -> Vec<String> {
        home.json_lines(&[
            "search",
            "garden",
            "--author",
            "ana",
            "--ranking",
            "recent",
            "--before",
            before,
            "--json",
        ])
        .iter()
        .map(|line| line["document"].as_str().unwrap().to_owned())
        .collect()
    };
    assert_eq!(ids("2019-09-10"), ["a2", "a1"]);
    assert_eq!(ids("2019-09-10T00:00:01Z"), ["a3", "a2", "a1"]);
    assert_eq!(ids("doc:a4"), ["a3", "a2", "a1"]);
    assert_eq!(ids("2999-01-01"), ["a4", "a3", "a2", "a1"]);
    snapshot!(home.run(&["search", "garden", "--author", "ana", "--before", "1999-01-01"]), @"
    exit: 1
    --- stderr
    nothing found in 0 documents of `ana`
    ");
    // The author follows from the document.
    let found = home.json_lines(&["search", "roof", "--before", "doc:ben-3", "--json"]);
    assert!(
        found
            .iter()
            .all(|line| line["author"] == "ben" && line["document"] != "ben-3")
    );
}

#[test]
fn every_ranking_gives_passages_whose_text_is_their_span() {
    let home = Home::with_letters();
    let documents = home.json_lines(&["export", "--author", "ana"]);
    for ranking in [
        "recent",
        "doc-bm25",
        "doc-dense",
        "snippet",
        "doc-by-snippet",
    ] {
        let found = home.json_lines(&[
            "search",
            "the garden in the rain",
            "--author",
            "ana",
            "--ranking",
            ranking,
            "--json",
        ]);
        assert!(!found.is_empty(), "{ranking}");
        for (i, line) in found.iter().enumerate() {
            assert_eq!(line["rank"], i + 1);
            assert_eq!(line["snippet"].is_null(), ranking != "snippet", "{ranking}");
            let document = documents
                .iter()
                .find(|one| one["id"] == line["document"])
                .unwrap();
            let content = format!("{}\n{}", text(&document["title"]), text(&document["text"]));
            let (start, end) = (&line["span"][0], &line["span"][1]);
            let span = start.as_u64().unwrap() as usize..end.as_u64().unwrap() as usize;
            assert_eq!(line["text"], content[span]);
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn terms_are_shown() {
    let home = Home::new();
    snapshot!(home.run(&["analyze", "The gardens' gates were relational"]), @"
    exit: 0
    --- stdout
    garden
    gate
    were
    relat
    ");
    snapshot!(home.run(&["analyze", "--analyzer", "plain", "--json", "The gardens' gates"]), @r#"
    exit: 0
    --- stdout
    ["the","gardens","gates"]
    "#);
    snapshot!(home.run(&["analyze", "--analyzer", "german", "Die Gärten"]), @"
    exit: 0
    --- stdout
    die
    gart
    ");
    snapshot!(home.run(&["analyze", "--analyzer", "klingon", "nuqneH"]), @"
    exit: 2
    --- stderr
    error: invalid value 'klingon' for '--analyzer <NAME>': `klingon` is not an analyzer: use english, plain or a language such as german
    hint: the command's `--help` says what it takes
    ");
}

#[test]
fn a_closed_pipe_is_no_error() {
    use std::process::{Command, Stdio};
    let home = Home::with_letters();
    let big: String = (0..20_000)
        .map(|n| {
            format!("{{\"author\":\"dora\",\"n\":{n},\"text\":\"Line {n} of very many lines.\"}}\n")
        })
        .collect();
    home.file("big.jsonl", big);
    home.stdout(&["import", "big.jsonl", "--encoder", "none"]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_idiolect"))
        .args(["export", "--author", "dora"])
        .env("HOME", home.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty());
}
