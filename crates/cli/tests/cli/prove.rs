use std::fs;

use serde_json::Value;

use crate::support::{Home, many, snapshot};

#[test]
fn a_document_is_foreseen_from_what_was_before_it() {
    let home = many();
    let found = home.json(&[
        "prove",
        "--author",
        "writer 0",
        "--last",
        "5",
        "--max-tokens",
        "6",
        "--out",
        "proof",
        "--json",
    ]);
    assert_eq!(found["documents"], 5);
    let sentence = found["sentence"].as_str().unwrap();
    assert!(
        sentence.starts_with(
            "On the last 5 documents by writer 0, the model that is given their past needs "
        ),
        "{sentence}"
    );
    assert_eq!(found["table"]["unit"], "documents");
    let read = |file: &str| fs::read_to_string(home.path().join("proof").join(file)).unwrap();
    let predictions: Vec<Value> = read("predictions.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(predictions.len(), 5 * 5);
    let place = |id: &str| -> u32 { id.rsplit('-').next().unwrap().parse().unwrap() };
    for one in &predictions {
        let (row, own) = (
            one["row"].as_str().unwrap(),
            place(one["id"].as_str().unwrap()),
        );
        assert!((3..8).contains(&own), "the last five of eight");
        let entries = one["trace"]["entries"].as_array();
        match row {
            "WithPast" | "PlainRetrieval" => {
                for entry in entries.unwrap() {
                    let document = entry["document"].as_str().unwrap();
                    assert!(
                        document.starts_with("writer 0-") && place(document) < own,
                        "{row}"
                    );
                }
                assert!(!entries.unwrap().is_empty());
            }
            "SomebodyElse" => {
                for entry in entries.unwrap() {
                    let document = entry["document"].as_str().unwrap();
                    assert!(!document.starts_with("writer 0-"), "{document}");
                }
            }
            "WithoutPast" => assert_eq!(entries.unwrap().len(), 0),
            row => assert_eq!(row, "BestPassage"),
        }
    }
    let page = read("report.html");
    assert!(page.contains("<p class=\"lead\">On the last 5 documents by writer 0"));
    assert!(!page.contains("<script"));
    let picture = read("proof.svg");
    assert!(picture.starts_with("<svg xmlns=") && picture.ends_with("</svg>\n"));
    assert_eq!(picture.matches("<circle").count(), 3, "{picture}");
}

#[test]
fn alone_in_the_archive_somebody_else_is_a_bundled_author() {
    let home = Home::new();
    let lines: Vec<String> = (0..6)
        .map(|n| {
            let text = format!(
                "On day {n} the rain came down the hill and filled the pond behind Marta's barn again. \
                 Old Jorge counted his eleven geese twice, blamed the fox from Vilar, and went to mend \
                 the fence with a bucket of rusty nails. By noon the road to the quarry stood under \
                 water, so the baker's boy left our loaves with the tax collector, who ate two of them \
                 and wrote a receipt in green ink."
            );
            serde_json::json!({"author": "ana", "n": n, "text": text}).to_string()
        })
        .collect();
    home.file("ana.jsonl", lines.join("\n"));
    home.stdout(&["import", "ana.jsonl"]);
    let proof = home.json(&["prove", "--last", "3", "--no-generate", "--json"]);
    assert_eq!(proof["table"]["rows"].as_array().unwrap().len(), 4);
    let bits = |row: usize| {
        proof["table"]["rows"][row]["scores"]["bits_per_byte"]["mean"]
            .as_f64()
            .unwrap()
    };
    assert!(
        bits(0) < bits(1),
        "the same sentences were written before: {} {}",
        bits(0),
        bits(1)
    );
    snapshot!(home.run(&["prove", "--min-chars", "5000"]), @"
    exit: 2
    --- stderr
    error: only 0 documents of more than 5000 characters with 2 others before: too few for a proof
    hint: import more of your writing, or lower `--min-chars`
    ");
    snapshot!(home.run(&["prove", "--ranking", "none"]), @"
    exit: 2
    --- stderr
    error: `--ranking none` leaves nothing to prove
    hint: choose another ranking
    ");
}
