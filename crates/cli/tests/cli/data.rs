use std::fs;

use serde_json::Value;

use crate::support::{Home, many, snapshot};

fn examples(home: &Home, file: &str) -> Vec<Value> {
    let bytes = zstd::decode_all(fs::File::open(home.path().join(file)).unwrap()).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn examples_see_only_what_was_earlier() {
    let home = many();
    snapshot!(home.run(&["data", "build", "--out", "data", "--split", "50/25/25", "--wordnet", "none", "--encoder", "none"]), @"
    exit: 0
    --- stdout
    train: 36 examples of 6 authors
    validation: 18 examples of 3 authors
    test: 18 examples of 3 authors
    ");
    let mut authors = Vec::new();
    for split in ["train", "validation", "test"] {
        for example in examples(&home, &format!("data/{split}.jsonl.zst")) {
            let place = |id: &str| -> u32 { id.rsplit('-').next().unwrap().parse().unwrap() };
            let own = place(example["document"].as_str().unwrap());
            assert!(own >= 2);
            for entry in example["entries"].as_array().unwrap() {
                assert!(place(entry["document"].as_str().unwrap()) < own);
            }
            let target = example["target"].as_str().unwrap();
            assert!(target.starts_with(example["immediate_context"].as_str().unwrap()));
            authors.push((example["author"].to_string(), split));
        }
    }
    authors.sort();
    authors.dedup();
    assert_eq!(authors.len(), 12, "an author is in one split only");
    let manifest: Value =
        serde_json::from_slice(&fs::read(home.path().join("data/manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["format"], 2);
    assert_eq!(manifest["similar_words"], "identical stems");
    snapshot!(home.run(&["data", "stats", "data"]), @"
    exit: 0
    --- stdout
    train: 36 examples of 6 authors; on average 474 characters to write after 4.5 past documents, 4.3 past passages of 1941 characters, summary of 0 characters, 0.3 key words, 100 % of them in the continuation
    validation: 18 examples of 3 authors; on average 475 characters to write after 4.5 past documents, 4.3 past passages of 1945 characters, summary of 0 characters, 0.3 key words, 100 % of them in the continuation
    test: 18 examples of 3 authors; on average 473 characters to write after 4.5 past documents, 4.3 past passages of 1937 characters, summary of 0 characters, 0.3 key words, 100 % of them in the continuation
    ");
}

#[test]
fn what_was_built_is_described_as_a_page_too() {
    let home = many();
    home.stdout(&["data", "build", "--out", "data", "--wordnet", "none"]);
    let stats = home.json(&["data", "stats", "data", "--html", "stats.html", "--json"]);
    let train = &stats["train"];
    assert!(train["past_documents"].as_f64().unwrap() >= 2.0);
    let found = train["keyword_label_found"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&found), "{found}");
    let page = fs::read_to_string(home.path().join("stats.html")).unwrap();
    assert!(page.starts_with("<!doctype html>") && !page.contains("http"));
    assert_eq!(page.matches("<figure>").count(), 3 * 9);

    let manifest = home.path().join("data/manifest.json");
    let older = fs::read_to_string(&manifest)
        .unwrap()
        .replace("\"format\": 2", "\"format\": 1");
    fs::write(&manifest, older).unwrap();
    snapshot!(home.run(&["data", "stats", "data"]), @"
    exit: 2
    --- stderr
    error: `data` holds training data of another version
    hint: `idiolect data build` makes them anew
    ");
}

#[test]
fn a_build_is_the_same_every_time() {
    let home = many();
    for out in ["one", "two"] {
        home.stdout(&[
            "data",
            "build",
            "--out",
            out,
            "--max-examples",
            "3",
            "--seed",
            "5",
        ]);
    }
    for file in ["train.jsonl.zst", "manifest.json"] {
        let read = |out: &str| fs::read(home.path().join(out).join(file)).unwrap();
        assert_eq!(read("one"), read("two"));
    }
}

#[test]
fn pairs_are_half_true_and_leave_out_held_back_authors() {
    let home = many();
    home.stdout(&["data", "build", "--out", "data", "--split", "50/25/25"]);
    snapshot!(home.run(&["data", "pairs", "--out", "data", "--split", "85/5/10"]), @"
    exit: 2
    --- stderr
    error: `--split` differs from what `data build` wrote in this folder
    hint: leave it out, or name another `--out`
    ");
    // The division is that of the folder, so that no option has to be given again.
    snapshot!(home.run(&["data", "pairs", "--out", "data"]), @"
    exit: 0
    --- stdout
    24 pairs of one author, 24 of two
    ");
    let held: Vec<Value> = ["validation", "test"]
        .iter()
        .flat_map(|split| examples(&home, &format!("data/{split}.jsonl.zst")))
        .map(|example| example["author"].clone())
        .collect();
    for pair in examples(&home, "data/pairs.jsonl.zst") {
        let authors = pair["authors"].as_array().unwrap();
        assert!(authors.iter().all(|author| !held.contains(author)));
        assert_eq!(pair["label"], (authors[0] == authors[1]).to_string());
    }
    home.stdout(&["data", "pairs", "--out", "hard", "--hard-negatives", "100"]);
    let hard = examples(&home, "hard/pairs.jsonl.zst");
    assert!(hard.iter().any(|pair| pair["label"] == "false"));
    let measured = home.json(&[
        "eval",
        "pairs",
        "hard/pairs.jsonl.zst",
        "--limit",
        "6",
        "--json",
    ]);
    assert_eq!(measured["pairs"], 6);
    for judge in ["model", "character_ngrams"] {
        let brier = measured[judge]["brier"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&brier), "{judge}: {brier}");
    }
    assert!(
        measured["signature"]
            .as_str()
            .unwrap()
            .contains("|limit:6|seed:0|weights:builtin ")
    );
}

#[cfg(unix)]
#[test]
fn texts_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let home = many();
    home.stdout(&["data", "build", "--out", "data", "--encoder", "none"]);
    home.stdout(&["data", "pairs", "--out", "data"]);
    let folder = home.path().join("data");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let files: Vec<_> = fs::read_dir(&folder).unwrap().collect();
    assert_eq!(files.len(), 5);
    for file in files {
        assert_eq!(mode(&file.unwrap().path()), 0o600);
    }
}

#[test]
fn a_build_that_cannot_be_leaves_an_older_one_alone() {
    let home = many();
    let build = ["data", "build", "--out", "data", "--encoder", "none"];
    home.stdout(&build);
    let before = examples(&home, "data/train.jsonl.zst");
    let mut dense = build.to_vec();
    dense.extend(["--ranking", "doc-dense"]);
    let refused = home.command(&dense).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert_eq!(examples(&home, "data/train.jsonl.zst"), before);
    home.stdout(&["data", "stats", "data"]);
}

#[test]
fn too_little_is_said_so() {
    let home = Home::with_letters();
    snapshot!(home.run(&["data", "build", "--out", "data"]), @"
    exit: 2
    --- stderr
    error: no author has 5 examples
    hint: import more, or lower --min-chars, --min-past or --min-examples
    ");
    snapshot!(home.run(&["data", "stats", "data"]), @"
    exit: 2
    --- stderr
    error: `data` holds no complete training data
    hint: `idiolect data build --out DIR` makes them
    ");
    snapshot!(home.run(&["data", "build", "--out", "data", "--split", "1/2"]), @"
    exit: 2
    --- stderr
    error: invalid value '1/2' for '--split <A/B/C>': `1/2` is not a split: use three shares such as 85/5/10
    hint: the command's `--help` says what it takes
    ");
}
